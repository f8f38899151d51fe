/** zstd frames, by zstddec: the reference decoder as WebAssembly. */
import { createXXHash64 } from "hash-wasm";
import { equal } from "./bytes.js";
import { Unavailable } from "./errors.js";
import { damaged } from "./wasm.js";
import { readFrame, withDictionary } from "./zstd_frame.js";

/** The content of one frame, of `most` bytes or fewer. `dictionary`: bytes that stand before the content. */
export async function decompress(bytes: Uint8Array, most: number, dictionary: Uint8Array | null): Promise<Uint8Array> {
  const frame = readFrame(bytes);
  if (frame.size > most) throw damaged("a zstd frame is too large", { expected: most, found: frame.size });
  if (frame.size === 0) throw damaged("a zstd frame makes nothing");
  const before = dictionary?.length ?? 0;
  const made = await decode(dictionary === null ? bytes : withDictionary(frame, dictionary), before + frame.size);
  if (made.length !== before + frame.size) throw damaged("a zstd frame is damaged");
  const content = made.subarray(before);
  if (dictionary !== null && frame.checksum !== null && !equal(await checksumOf(content), frame.checksum)) {
    throw damaged("a zstd frame is damaged: its checksum differs");
  }
  return content;
}

async function decode(frame: Uint8Array, size: number): Promise<Uint8Array> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder = new ZSTDDecoder();
  await decoder.init().catch((cause: unknown) => {
    throw new Unavailable("zstd cannot be loaded", { cause, advice: "Allow data: in the page's connect-src." });
  });
  // What fails makes another length: its answer is a negative one.
  return decoder.decode(frame, size);
}

async function checksumOf(content: Uint8Array): Promise<Uint8Array> {
  const hash = (await createXXHash64()).init().update(content).digest("binary");
  return hash.subarray(4).reverse();
}
