/** What stands before the chunks: magic, manifest, CRC-32, signature (docs/SPEC.md, "Container"). */
import { concatenated, hex } from "./bytes.js";
import { crc32 } from "./crc32.js";
import { BadSignature, CorruptPatch, FETCH_AGAIN, LimitExceeded, UnsupportedPatch } from "./errors.js";
import { MAX_MANIFEST } from "./limits.js";
import { readManifest, type Manifest } from "./manifest.js";
import type { PatchReader } from "./sources.js";
import { checkSignature, type PublicKey } from "./signature.js";

const MAGIC = "89535750";
const VERSION = 1;
/** By the patch's flags: its name, and the bytes it takes. */
const AUTHENTICATIONS = [
  ["none", 0],
  ["ed25519", 64],
  ["aes-cmac", 16],
] as const;

/** How a patch tells whose it is: not at all, by a signature, or by a MAC of a key that publisher and device share. */
export type Authentication = (typeof AUTHENTICATIONS)[number][0];

export interface Opening {
  readonly manifest: Manifest;
  readonly authentication: Authentication;
  /** Bytes up to the first chunk. */
  readonly size: number;
}

/** Read up to the first chunk. With a key, nothing that the manifest says is looked at before the signature is right. */
export async function readOpening(patch: PatchReader, key: PublicKey | undefined): Promise<Opening> {
  const head = await readHead(patch);
  const { body, flags } = head;
  const signed = concatenated(head.bytes, body, await patch.take(4, "manifest"));
  const crcAt = signed.length - 4;
  if (crc32(signed.subarray(0, crcAt)) !== new DataView(signed.buffer).getUint32(crcAt, true)) {
    throw new CorruptPatch("the manifest is damaged: its CRC-32 differs", {
      offset: head.bytes.length,
      advice: FETCH_AGAIN,
    });
  }
  const [authentication, signatureSize] = AUTHENTICATIONS[flags] as (typeof AUTHENTICATIONS)[number];
  const signature = await patch.take(signatureSize, "signature");
  if (key !== undefined) {
    refuseOther(authentication);
    await checkSignature(signed, signature, key);
  }
  const manifest = readManifest(body, head.bytes.length);
  if (flags !== 0 && manifest.chunks.some(({ digest }) => digest.length !== 32)) {
    throw new CorruptPatch("a signed manifest binds its blocks by digests that are too short");
  }
  return { manifest, authentication, size: patch.offset };
}

/** Keys here are of Ed25519: a page has no use for a shared key, by which whoever checks can also sign. */
function refuseOther(authentication: Authentication): void {
  if (authentication === "none") {
    throw new BadSignature("the patch is not signed", { advice: "Ask its publisher for a signed one." });
  }
  if (authentication !== "ed25519") {
    throw new BadSignature("the patch is signed in another way than the key checks", {
      expected: "ed25519",
      found: authentication,
      advice: "Ask its publisher for one that is signed by Ed25519.",
    });
  }
}

async function readHead(patch: PatchReader): Promise<{ bytes: Uint8Array; body: Uint8Array; flags: number }> {
  const fixed = await patch.take(6, "header");
  if (hex(fixed.subarray(0, 4)) !== MAGIC) {
    throw new CorruptPatch("not a sapwood patch", {
      offset: 0,
      expected: MAGIC,
      found: hex(fixed.subarray(0, 4)),
      advice: "Check its address.",
    });
  }
  const [version, flags] = [fixed[4] as number, fixed[5] as number];
  if (version !== VERSION || flags >= AUTHENTICATIONS.length) {
    throw new UnsupportedPatch("the patch is of a later version", {
      offset: 4,
      expected: VERSION,
      found: version,
      advice: "Update sapwood.",
    });
  }
  const groups: number[] = [];
  do groups.push((await patch.take(1, "header"))[0] as number);
  while ((groups.at(-1) as number) >= 128 && groups.length < 5);
  const last = groups.at(-1) as number;
  if (last >= 128 || (last === 0 && groups.length > 1)) {
    throw new CorruptPatch("the manifest's size is no proper integer", { offset: 6, advice: FETCH_AGAIN });
  }
  const size = groups.reduce((sum, group, i) => sum + (group & 127) * 2 ** (7 * i), 0);
  if (size > MAX_MANIFEST) {
    throw new LimitExceeded("the manifest is too large", { offset: 6, expected: MAX_MANIFEST, found: size });
  }
  const bytes = concatenated(fixed, Uint8Array.from(groups));
  return { bytes, body: await patch.take(size, "manifest"), flags };
}
