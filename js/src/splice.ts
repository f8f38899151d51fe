/** SPLICE blocks: runs of the base and literals in turn (docs/SPEC.md, "Codec 1"). */
import type { Block } from "./blocks.js";
import { ByteReader } from "./bytes.js";
import { UnsupportedPatch } from "./errors.js";
import type { HostDecoder, Run } from "./host_decoder.js";
import { MAX_BLOCK } from "./limits.js";
import type { Base } from "./sources.js";
import { damaged, refused } from "./wasm.js";
import { decompress } from "./zstd.js";

const MOST_CONTENT = 2 << 20;
const MOST_RUNS = 1 << 16;
const MOST_MODELLED = 1 << 18;

const ZSTD = 0;
const LZMA = 1;
const PLAIN = 2;
const MODELLED = 3;

/** A run, and whether its literals are added to the base's bytes where the run before ended. */
type PlainRun = Run & { readonly replaces: boolean };

/** The block's bytes in pieces of at most MAX_BLOCK, each good until the next is asked for. */
export async function* decodeSplice(block: Block, base: Base, host: HostDecoder): AsyncGenerator<Uint8Array, void> {
  const reader = new ByteReader(block.payload);
  const kind = reader.byte("kind of a splice");
  if (kind === MODELLED) {
    const [runs, literals] = await readModelled(reader, block, host);
    yield* replay(runs, new ByteReader(literals), base);
    return;
  }
  const content = new ByteReader(await readContent(reader, kind));
  yield* replay(readRuns(content, block, base.size), content, base);
}

async function readContent(reader: ByteReader, kind: number): Promise<Uint8Array> {
  if (kind === ZSTD) return decompress(reader.take(reader.left, "splice"), MOST_CONTENT, null);
  if (kind === PLAIN && reader.left <= MOST_CONTENT) return reader.take(reader.left, "splice");
  if (kind === LZMA) {
    throw new UnsupportedPatch("this package does not decode SPLICE blocks of kind LZMA", {
      advice: "Apply the patch with the command line: sapwood apply.",
    });
  }
  throw reader.error("unknown kind of a splice, or too large a one", { expected: "0 to 3", found: kind });
}

async function readModelled(reader: ByteReader, block: Block, host: HostDecoder): Promise<[PlainRun[], Uint8Array]> {
  const runs = reader.unsigned("count of runs");
  const literals = reader.unsigned("count of literals");
  if (runs > MOST_RUNS || literals > MOST_MODELLED) throw refused(block.codec, -2);
  const [found, bytes] = await host.decodeSplice(block, reader.take(reader.left, "splice"), runs, literals);
  // What comes next may use the decoder's memory.
  return [found.map((run) => ({ ...run, replaces: false })), bytes.slice()];
}

function readRuns(reader: ByteReader, block: Block, baseSize: number): PlainRun[] {
  const count = reader.unsigned("count of runs");
  if (count > MOST_RUNS || count * 3 > reader.left) {
    throw reader.error("more runs than a splice can hold", { expected: `at most ${MOST_RUNS}`, found: count });
  }
  const column = (read: () => number): number[] => Array.from({ length: count }, read);
  const befores = column(() => reader.unsigned("literal length"));
  const moves = column(() => reader.signed("base offset"));
  const lengths = column(() => reader.unsigned("run length"));
  const made = lengths.reduce((sum, length) => sum + length, reader.left);
  if (befores.reduce((sum, before) => sum + before, 0) > reader.left || made !== block.length) {
    throw damaged("SPLICE block makes another length than it says", { expected: block.length, found: made });
  }
  let end = 0;
  return befores.map((literals, i) => {
    const [move, length] = [moves[i] as number, lengths[i] as number];
    const start = end + literals + move;
    end = start + length;
    if (start < 0 || length === 0 || end > baseSize) {
      throw reader.error("run reaches outside the base", { expected: `within ${baseSize}`, found: `${start}, ${length}` });
    }
    return { literals, start, length, replaces: move === 0 };
  });
}

async function* replay(runs: readonly PlainRun[], literals: ByteReader, base: Base): AsyncGenerator<Uint8Array, void> {
  for (const { literals: before, start, length, replaces } of runs) {
    if (before > 0) {
      const given = literals.take(before, "literals");
      yield replaces ? sum(given, await base.read(start - before, before)) : given;
    }
    for (let at = start; at < start + length; at += MAX_BLOCK) {
      yield await base.read(at, Math.min(MAX_BLOCK, start + length - at));
    }
  }
  if (literals.left > 0) yield literals.take(literals.left, "literals");
}

function sum(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte + (b[i] as number));
}
