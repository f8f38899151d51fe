/** Patches for tests, written after docs/SPEC.md and knowing nothing of src/. */
import { createHash, sign as signBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { blake3 } from "hash-wasm";

export const CODECS = ["STORED", "SPLICE", "ZSTD", "ZSTD_BASE", "NUMERIC", "ADAPTIVE", "PREDICTED", "FACTORS", "QUANTISED", "DEVICE", "SCATTERED"];

export function varint(value) {
  const out = [];
  for (value = BigInt(value); value >= 128n; value >>= 7n) out.push(Number(value & 127n) | 128);
  out.push(Number(value));
  return Buffer.from(out);
}

const signed = (value) => varint(value >= 0 ? 2 * value : -2 * value - 1);
const prefixed = (bytes) => Buffer.concat([varint(bytes.length), bytes]);

export function record(tag, content) {
  return Buffer.concat([varint(tag), prefixed(Buffer.from(content))]);
}

export async function digestOf(bytes, hash = "blake3") {
  if (hash === "sha256") return createHash("sha256").update(bytes).digest();
  return Buffer.from(await blake3(bytes), "hex");
}

export async function identity(bytes, hash = "blake3", shape = 1) {
  return Buffer.concat([Buffer.from([shape]), varint(bytes.length), await digestOf(bytes, hash)]);
}

/** A block's record. `span`: [start, length] or null. */
export function block({ codec, length, payload, span = null }, position = 0) {
  const parts = [Buffer.from([CODECS.indexOf(codec) | (span ? 0x80 : 0)]), varint(length), varint(payload.length)];
  if (span) parts.push(signed(span[0] - position));
  if (span && ["ZSTD_BASE", "PREDICTED", "QUANTISED"].includes(codec)) parts.push(varint(span[1]));
  return Buffer.concat([...parts, payload]);
}

/** The record CHUNKS. `chunks`: [decoded, coded bytes] each. */
export async function chunkList(chunks, hash = "blake3", digestSize = 32) {
  const parts = [Buffer.from([chunks.length ? digestSize : 0])];
  for (const [decoded, coded] of chunks) {
    parts.push(varint(decoded), varint(coded.length), (await digestOf(coded, hash)).subarray(0, digestSize));
  }
  return Buffer.concat(parts);
}

/** The bytes of a patch from its records and chunks. `key`: of node:crypto, to sign it; `code`: bytes in a signature's place. */
export function container(records, chunks, { key = null, flags = key ? 1 : 0, code = null, version = 1 } = {}) {
  const manifest = Buffer.concat(records);
  let head = Buffer.concat([Buffer.from([0x89, 0x53, 0x57, 0x50, version, flags]), prefixed(manifest)]);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(head));
  head = Buffer.concat([head, crc]);
  if (key) head = Buffer.concat([head, signBytes(null, head, key)]);
  if (code) head = Buffer.concat([head, code]);
  return new Uint8Array(Buffer.concat([head, ...chunks.map(([, coded]) => coded)]));
}

/** A patch from base (null: none) to target. `extra`: [tag, content] of more records. */
export async function patchOf(base, target, chunks, { hash = "blake3", extra = [], digestSize = 32, ...options } = {}) {
  const records = [
    ...(base ? [[1, await identity(base, hash)]] : []),
    [3, await identity(target, hash)],
    [9, await chunkList(chunks, hash, digestSize)],
    ...(hash === "sha256" ? [[15, [1]]] : []),
    ...extra,
  ];
  records.sort(([a], [b]) => a - b);
  return container(records.map(([tag, content]) => record(tag, content)), chunks, options);
}

/** A patch of one STORED block. */
export function storedPatch(base, target, options) {
  const payload = Buffer.from(target);
  return patchOf(base, target, [[target.length, block({ codec: "STORED", length: target.length, payload })]], options);
}
