/** Ed25519 (RFC 8032) by WebCrypto; where that lacks it, by @noble/curves if it is installed. */
import { hex } from "./bytes.js";
import { BadSignature, MissingDependency, WrongCall } from "./errors.js";

/** A raw public key (32 bytes), or one in PEM as `sapwood keygen` writes it. */
export type PublicKey = Uint8Array | string;

/** Of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410): the key's 32 bytes follow. */
const SPKI_PREFIX = "302a300506032b6570032100";

/** Refuse bytes that the key did not sign. */
export async function checkSignature(signed: Uint8Array, signature: Uint8Array, key: PublicKey): Promise<void> {
  const raw = rawKey(key);
  if (!((await byWebCrypto(signed, signature, raw)) ?? (await byNoble(signed, signature, raw)))) {
    throw new BadSignature("the signature is not by this key, or the patch was changed", {
      expected: `public key ${hex(raw)}`,
      advice: "Use the publisher's public key, or fetch the patch again.",
    });
  }
}

function rawKey(key: PublicKey): Uint8Array {
  if (typeof key !== "string") {
    if (key instanceof Uint8Array && key.length === 32) return key;
    throw new WrongCall("an Ed25519 public key has 32 bytes, or is a text in PEM", { found: key?.length });
  }
  const body = /-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----/.exec(key)?.[1];
  const decoded = Uint8Array.from(decodeBase64(body ?? ""), (c) => c.charCodeAt(0));
  if (decoded.length !== 44 || hex(decoded.subarray(0, 12)) !== SPKI_PREFIX) {
    throw new WrongCall("not an Ed25519 public key in PEM", { advice: "Give the .pub file that keygen wrote." });
  }
  return decoded.subarray(12);
}

function decodeBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

/** Null if this platform's WebCrypto has no Ed25519, or a page without HTTPS has no WebCrypto. */
async function byWebCrypto(signed: Uint8Array, signature: Uint8Array, raw: Uint8Array): Promise<boolean | null> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return null;
  let key: CryptoKey;
  try {
    key = await subtle.importKey("raw", raw as BufferSource, "Ed25519", false, ["verify"]);
  } catch (error) {
    if ((error as Error).name === "NotSupportedError") return null;
    throw new WrongCall("not an Ed25519 public key", { found: hex(raw), cause: error });
  }
  return subtle.verify("Ed25519", key, signature as BufferSource, signed as BufferSource);
}

async function byNoble(signed: Uint8Array, signature: Uint8Array, raw: Uint8Array): Promise<boolean> {
  const noble = await import("@noble/curves/ed25519.js").catch((cause: unknown) => {
    throw new MissingDependency("this platform's WebCrypto has no Ed25519", {
      cause,
      advice: "Install @noble/curves, or serve the page by HTTPS.",
    });
  });
  try {
    return noble.ed25519.verify(signature, signed, raw);
  } catch {
    return false;
  }
}
