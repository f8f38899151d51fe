/** The frame round zstd's blocks (RFC 8878, 3.1.1): what it says, and where it ends. */
import { ByteReader, concatenated } from "./bytes.js";

const MAGIC = 0xfd2fb528;
const RAW = 0;
const RLE = 1;
const RESERVED = 3;
/** Bytes of the largest block. */
const MOST_BLOCK = 128 << 10;

export interface Frame {
  /** Bytes that it makes. */
  readonly size: number;
  /** Its blocks, without header and checksum. */
  readonly blocks: Uint8Array;
  /** Of the content: the lowest 4 bytes of its XXH64. Null if there is none. */
  readonly checksum: Uint8Array | null;
}

/** One frame, to the last byte, with its content's size and without a dictionary's id (other than 0). */
export function readFrame(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes);
  const number = (size: number): number =>
    reader.take(size, "zstd frame").reduceRight((value, byte) => value * 256 + byte, 0);
  if (number(4) !== MAGIC) throw reader.error("not a zstd frame");
  const descriptor = number(1);
  const isSingle = (descriptor & 0x20) !== 0;
  if (descriptor & 0x08) throw reader.error("a zstd frame with a reserved bit");
  if (!isSingle) number(1); // the window: the whole content is held
  if (number([0, 1, 2, 4][descriptor & 3] as number) !== 0) throw reader.error("a zstd frame for a dictionary");
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  if (sizeBytes === 0) throw reader.error("a zstd frame without its content's size");
  const size = number(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const start = reader.at;
  for (let isLast = false; !isLast; ) {
    const header = number(3);
    const type = (header >> 1) & 3;
    if (type === RESERVED) throw reader.error("a zstd block of a reserved type");
    reader.take(type === RLE ? 1 : header >> 3, "zstd block");
    isLast = (header & 1) === 1;
  }
  const blocks = bytes.subarray(start, reader.at);
  const checksum = descriptor & 0x04 ? reader.take(4, "checksum of a zstd frame") : null;
  if (reader.left > 0) throw reader.error("bytes are left over behind a zstd frame");
  return { size, blocks, checksum };
}

/**
 * A frame that makes the dictionary and then the content of `frame`. A dictionary of raw bytes is nothing but bytes before the
 * content: so are blocks of raw bytes, which leave all other state of a decoder as it is.
 */
export function withDictionary(frame: Frame, dictionary: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(9));
  header.setUint32(0, MAGIC, true);
  header.setUint8(4, 0xa0); // one segment, 4 bytes of size
  header.setUint32(5, dictionary.length + frame.size, true);
  const parts: Uint8Array[] = [new Uint8Array(header.buffer)];
  for (let at = 0; at < dictionary.length; at += MOST_BLOCK) {
    const part = dictionary.subarray(at, at + MOST_BLOCK);
    const said = (part.length << 3) | (RAW << 1);
    parts.push(Uint8Array.of(said, said >> 8, said >> 16), part);
  }
  return concatenated(...parts, frame.blocks);
}
