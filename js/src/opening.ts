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
const SIGNED = 1;

export interface Opening {
  readonly manifest: Manifest;
  readonly isSigned: boolean;
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
  const isSigned = (flags & SIGNED) !== 0;
  const signature = isSigned ? await patch.take(64, "signature") : null;
  if (key !== undefined) {
    if (signature === null) {
      throw new BadSignature("the patch is not signed", { advice: "Ask its publisher for a signed one." });
    }
    await checkSignature(signed, signature, key);
  }
  const manifest = readManifest(body, head.bytes.length);
  if (isSigned && manifest.chunks.some(({ digest }) => digest.length !== 32)) {
    throw new CorruptPatch("a signed manifest binds its blocks by digests that are too short");
  }
  return { manifest, isSigned, size: patch.offset };
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
  if (version !== VERSION || flags & ~SIGNED) {
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
