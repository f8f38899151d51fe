/** The manifest: what an update is, from what, to what, and the digest of every chunk (docs/SPEC.md, "Manifest"). */
import type { Span } from "./blocks.js";
import { ByteReader } from "./bytes.js";
import type { HashName } from "./digest.js";
import { LimitExceeded, UnsupportedPatch } from "./errors.js";
import { readGuards, type Guard } from "./guards.js";
import { readKept } from "./kept_bytes.js";
import { MAX_CHUNK, MAX_DEPTH, MAX_FILES, MAX_PATH, MAX_RECORDS } from "./limits.js";

const BASE = 1;
const FORMAT = 2;
const TARGET = 3;
const METADATA = 4;
const BASE_FILES = 5;
const KEY_ID = 6;
const TARGET_FILES = 7;
const PROFILE = 8;
const CHUNKS = 9;
const INTEGERS = 10;
const VERSION_COUNTER = 11;
const SECOND_BASE = 13;
const HASH = 15;
const GUARDRAILS = 17;
const KEPT = 19;

const TAGS = new Map([
  [BASE, "BASE"],
  [FORMAT, "FORMAT"],
  [TARGET, "TARGET"],
  [METADATA, "METADATA"],
  [BASE_FILES, "BASE_FILES"],
  [KEY_ID, "KEY_ID"],
  [TARGET_FILES, "TARGET_FILES"],
  [PROFILE, "PROFILE"],
  [CHUNKS, "CHUNKS"],
  [INTEGERS, "INTEGERS"],
  [VERSION_COUNTER, "VERSION_COUNTER"],
  [SECOND_BASE, "SECOND_BASE"],
  [HASH, "HASH"],
  [GUARDRAILS, "GUARDRAILS"],
  [KEPT, "KEPT"],
]);

/** A file of a folder: its path with `/`, and its size in bytes. */
export interface FileEntry {
  readonly path: string;
  readonly size: number;
}

/** A model by its shape, size in bytes and digest (32 bytes), and its files if it is a folder. */
export interface Identity {
  readonly shape: "file" | "folder";
  readonly size: number;
  readonly digest: Uint8Array;
  readonly files: readonly FileEntry[];
}

/** Consecutive blocks: bytes of the target they make, bytes they take, and the digest of those. */
export interface Chunk {
  readonly decoded: number;
  readonly coded: number;
  readonly digest: Uint8Array;
}

/** What a device needs, in bytes, and whether its decoder needs no floats (docs/SPEC.md, "Device profile"). */
export interface Profile {
  readonly state: number;
  readonly window: number;
  readonly behind: number;
  readonly integers: boolean;
}

export interface Manifest {
  readonly base: Identity | null;
  readonly secondBase: Identity | null;
  readonly target: Identity;
  readonly hash: HashName;
  readonly chunks: readonly Chunk[];
  readonly format: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly versionCounter: bigint;
  readonly keyId: Uint8Array;
  readonly profile: Profile | null;
  readonly guards: readonly Guard[];
  /** Parts of the target that later blocks read as if they were behind the base. */
  readonly kept: readonly Span[];
}

/** Parse a manifest that begins at `offset` of its patch. */
export function readManifest(data: Uint8Array, offset: number): Manifest {
  const all = new ByteReader(data, offset);
  const records = readRecords(all);
  const read = <T>(tag: number, parse: (reader: ByteReader) => T): T | null => {
    const record = records.get(tag);
    if (record === undefined) return null;
    const value = parse(record);
    if (record.left > 0) throw record.error(`record ${TAGS.get(tag)} holds bytes left over`, { found: record.left });
    return value;
  };

  const target = read(TARGET, readIdentity);
  const chunks = read(CHUNKS, readChunks);
  if (target === null || chunks === null) throw all.error("the manifest lacks its target or its chunks");
  const base = read(BASE, readIdentity);
  const secondBase = read(SECOND_BASE, readIdentity);
  const integers = read(INTEGERS, readIntegers) ?? false;
  const profile = read(PROFILE, (r) => readProfile(r, integers));
  if (secondBase !== null && (base === null || records.has(PROFILE))) {
    throw all.error("a second base without a first, or for a device");
  }
  if (records.has(KEPT) && records.has(PROFILE)) throw all.error("kept spans for a device");
  const made = chunks.reduce((sum, chunk) => sum + chunk.decoded, 0);
  if (made !== target.size) {
    throw all.error("the chunks do not make the target", { expected: target.size, found: made });
  }
  return {
    base: withFiles(base, read(BASE_FILES, readFiles), all),
    secondBase,
    target: withFiles(target, read(TARGET_FILES, readFiles), all) as Identity,
    hash: read(HASH, readHash) ?? "blake3",
    chunks,
    format: read(FORMAT, (r) => r.text(r.take(r.left, "format name"), "format name")) ?? "",
    metadata: read(METADATA, readMetadata) ?? new Map<string, string>(),
    versionCounter: read(VERSION_COUNTER, (r) => r.big("version counter")) ?? 0n,
    keyId: read(KEY_ID, (r) => r.take(8, "key id")) ?? new Uint8Array(),
    profile,
    guards: read(GUARDRAILS, readGuards) ?? [],
    kept: read(KEPT, (r) => readKept(r, target.size)) ?? [],
  };
}

function readRecords(all: ByteReader): Map<number, ByteReader> {
  const records = new Map<number, ByteReader>();
  let last = 0n;
  for (let count = 0; all.left > 0; count++) {
    const tag = all.big("tag of a record");
    if (tag <= last) throw all.error("records are not in the order of their tags", { found: tag });
    if (count === MAX_RECORDS) throw new LimitExceeded("too many records in a manifest", { expected: MAX_RECORDS });
    last = tag;
    const body = all.prefixed("record");
    if (TAGS.has(Number(tag))) {
      records.set(Number(tag), new ByteReader(body, all.offset + all.at - body.length));
    } else if (tag & 1n) {
      throw new UnsupportedPatch(`the patch needs a feature (record ${tag}) that this version lacks`, {
        advice: "Update sapwood.",
      });
    }
  }
  return records;
}

function readIdentity(reader: ByteReader): Identity {
  const shape = reader.byte("shape of a model");
  if (shape !== 1 && shape !== 2) {
    throw reader.error("unknown shape of a model", { expected: "1 or 2", found: shape });
  }
  const size = reader.unsigned("size of a model");
  return { shape: shape === 1 ? "file" : "folder", size, digest: reader.take(32, "digest"), files: [] };
}

function withFiles(model: Identity | null, files: FileEntry[] | null, all: ByteReader): Identity | null {
  if ((model?.shape === "folder") !== (files !== null)) {
    throw all.error("a folder and its list of files do not go together");
  }
  if (model === null || files === null) return model;
  const sum = files.reduce((total, file) => total + file.size, 0);
  if (sum !== model.size) throw all.error("the files do not add up", { expected: model.size, found: sum });
  return { ...model, files };
}

function readFiles(reader: ByteReader): FileEntry[] {
  const count = reader.unsigned("count of files");
  if (count > MAX_FILES) throw new LimitExceeded("too many files in a patch", { expected: MAX_FILES, found: count });
  const files: FileEntry[] = [];
  const taken = new Set<string>();
  let last: Uint8Array | null = null;
  for (let i = 0; i < count; i++) {
    const bytes = reader.prefixed("path of a file");
    const path = safePath(bytes, reader);
    if (last !== null && !rises(last, bytes)) {
      throw reader.error("files are not in the order of their paths", { found: path });
    }
    const parts = path.split("/");
    if (parts.some((_, end) => taken.has(parts.slice(0, end).join("/")))) {
      throw reader.error("a file is also a folder", { found: path });
    }
    last = bytes;
    taken.add(path);
    files.push({ path, size: reader.unsigned("size of a file") });
  }
  return files;
}

/** Whether `a` comes before `b`, byte by byte: strings of JavaScript would compare UTF-16. */
function rises(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length < b.length : at < b.length && (a[at] as number) < (b[at] as number);
}

function safePath(bytes: Uint8Array, reader: ByteReader): string {
  if (bytes.length > MAX_PATH || bytes.filter((byte) => byte === 0x2f).length > MAX_DEPTH) {
    throw new LimitExceeded("the path of a file is too long or too deep", {
      expected: `${MAX_PATH} bytes and ${MAX_DEPTH} levels`,
      found: `${bytes.length} bytes`,
    });
  }
  const path = reader.text(bytes, "path of a file");
  // A colon names a drive or a stream on Windows, a backslash is its other slash.
  if (/[\\\0:]/.test(path) || path.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw reader.error("a file's path leads out of its folder", { found: path });
  }
  return path;
}

function readChunks(reader: ByteReader): Chunk[] {
  const digestSize = reader.byte("size of chunk digests");
  if (digestSize !== 8 && digestSize !== 32 && reader.left > 0) {
    throw reader.error("chunk digests of unknown size", { expected: "8 or 32", found: digestSize });
  }
  const chunks: Chunk[] = [];
  while (reader.left > 0) {
    const decoded = reader.unsigned("decoded size of a chunk");
    const coded = reader.unsigned("coded size of a chunk");
    if (decoded === 0 || coded === 0) throw reader.error("a chunk is empty");
    if (coded > MAX_CHUNK) throw new LimitExceeded("a chunk is too large", { expected: MAX_CHUNK, found: coded });
    chunks.push({ decoded, coded, digest: reader.take(digestSize, "digest of a chunk") });
  }
  return chunks;
}

function readIntegers(reader: ByteReader): boolean {
  if (reader.byte("number of what elements are") === 1) return true;
  reader.take(reader.left, "what elements are");
  return false;
}

function readProfile(reader: ByteReader, integers: boolean): Profile | null {
  if (reader.byte("number of a profile") !== 1) {
    reader.take(reader.left, "profile");
    return null;
  }
  const [state, window, behind] = ["state", "window", "behind"].map((name) => reader.unsigned(`${name} of a profile`));
  return { state: state as number, window: window as number, behind: behind as number, integers };
}

function readMetadata(reader: ByteReader): Map<string, string> {
  const pairs = new Map<string, string>();
  let last: Uint8Array | null = null;
  while (reader.left > 0) {
    const key = reader.prefixed("metadata key");
    const name = reader.text(key, "metadata key");
    if (last !== null && !rises(last, key)) throw reader.error("metadata keys are not in order", { found: name });
    last = key;
    pairs.set(name, reader.text(reader.prefixed("metadata value"), "metadata value"));
  }
  return pairs;
}

function readHash(reader: ByteReader): HashName {
  const number = reader.byte("number of a hash");
  if (number !== 1) {
    throw new UnsupportedPatch("the digests of the patch are of a hash that this version lacks", {
      expected: 1,
      found: number,
      advice: "Update sapwood.",
    });
  }
  return "sha256";
}
