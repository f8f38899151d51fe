/** Base + patch -> target: checked before, while and after it is built, and committed only when it is right. */
import { readBlocks } from "./blocks.js";
import { ByteReader, equal, hex } from "./bytes.js";
import { Decoders } from "./decode.js";
import { Hasher } from "./digest.js";
import { CorruptPatch, DigestMismatch, FETCH_AGAIN, WrongBase, WrongCall } from "./errors.js";
import { KeptBytes } from "./kept_bytes.js";
import type { Chunk, Identity, Manifest } from "./manifest.js";
import { MAX_BLOCK } from "./limits.js";
import { readOpening, type Opening } from "./opening.js";
import { checkAllowed, type Options } from "./options.js";
import { joined, openBase, type Base, type BaseSource, type PatchReader } from "./sources.js";
import type { Sink } from "./sinks.js";
import { Watch } from "./watch.js";

const NOTHING: Base = openBase(new Uint8Array());

/** A patch's opening, if its signature and what it says are what the caller takes. */
export async function openAllowed(patch: PatchReader, options: Options, most: number): Promise<Opening> {
  const opening = await readOpening(patch, options.key);
  checkAllowed(opening.manifest, options, most);
  return opening;
}

/** Build the target into what `openSink` gives, which is asked only once the base is right. */
export async function build(
  manifest: Manifest,
  source: BaseSource | null,
  patch: PatchReader,
  options: Options,
  openSink: () => Promise<Sink>,
): Promise<void> {
  const watch = new Watch(options);
  const digests = await Hasher.create(manifest.hash);
  const base = await checkedBase(manifest, source, options.also ?? null, digests, watch);
  const sink = await openSink();
  try {
    await buildInto(sink, manifest, base, patch, digests, watch);
    await sink.commit();
  } catch (error) {
    await sink.abandon(error);
    throw error;
  }
}

/** Check the digests of all chunks, without a base. */
export async function checkChunks(manifest: Manifest, patch: PatchReader, options: Options): Promise<void> {
  const watch = new Watch(options);
  const digests = await Hasher.create(manifest.hash);
  for (const chunk of manifest.chunks) {
    await takeChunk(patch, chunk, digests);
    await watch.breathe();
  }
  await patch.end();
}

/** What blocks read as the base: the base, and the second base behind it. */
async function checkedBase(
  manifest: Manifest,
  source: BaseSource | null,
  also: BaseSource | null,
  digests: Hasher,
  watch: Watch,
): Promise<Base> {
  if (also !== null && manifest.secondBase === null) throw new WrongCall("the patch was made without a second base");
  if (manifest.base === null) return NOTHING;
  const base = await checkedModel(manifest.base, source, "base", digests, watch);
  if (manifest.secondBase === null) return base;
  return joined(base, await checkedModel(manifest.secondBase, also, "second base", digests, watch));
}

async function checkedModel(
  wanted: Identity,
  source: BaseSource | null,
  what: string,
  digests: Hasher,
  watch: Watch,
): Promise<Base> {
  const advice = `Give the ${what} that the patch was made from.`;
  if (source === null) throw new WrongBase(`the patch needs a ${what}`, { expected: hex(wanted.digest), advice });
  const base = openBase(source);
  if (base.size !== wanted.size) {
    throw new WrongBase(`the ${what} is not the one the patch was made for`, {
      expected: `${wanted.size} bytes`,
      found: `${base.size} bytes`,
      advice,
    });
  }
  digests.start();
  for (let at = 0; at < base.size; at += MAX_BLOCK) {
    const size = Math.min(MAX_BLOCK, base.size - at);
    digests.add(await base.read(at, size));
    watch.report(at + size, base.size, "base");
    await watch.breathe();
  }
  const found = digests.end();
  if (!equal(found, wanted.digest)) {
    throw new WrongBase(`the ${what} is not the one the patch was made for: its digest differs`, {
      expected: hex(wanted.digest),
      found: hex(found),
      advice,
    });
  }
  return base;
}

async function buildInto(
  sink: Sink,
  manifest: Manifest,
  base: Base,
  patch: PatchReader,
  digests: Hasher,
  watch: Watch,
): Promise<void> {
  const { target, chunks, hash } = manifest;
  const kept = new KeptBytes(manifest.kept);
  const stream = manifest.kept.length > 0 ? joined(base, kept) : base;
  const whole = await Hasher.create(hash);
  const decoders = new Decoders(stream, stream === base && manifest.secondBase === null && base.size <= 0xffffffff);
  whole.start();
  let done = 0;
  for (const chunk of chunks) {
    const at = patch.offset;
    const coded = await takeChunk(patch, chunk, digests);
    for await (const piece of chunkPieces(new ByteReader(coded, at), chunk, stream, decoders)) {
      whole.add(piece);
      kept.add(done, piece);
      await sink.write(piece);
      done += piece.length;
      watch.report(done, target.size, "target");
      await watch.breathe();
    }
  }
  await patch.end();
  const found = whole.end();
  if (!equal(found, target.digest)) {
    throw new DigestMismatch("what the patch builds is not its target", {
      expected: hex(target.digest),
      found: hex(found),
      advice: FETCH_AGAIN,
    });
  }
}

/** The next chunk. It is parsed only after its digest was right. */
async function takeChunk(patch: PatchReader, { coded, digest }: Chunk, digests: Hasher): Promise<Uint8Array> {
  const at = patch.offset;
  const bytes = await patch.take(coded, "blocks");
  if (!digests.matches(bytes, digest)) {
    throw new CorruptPatch("a chunk of blocks is damaged", { offset: at, expected: hex(digest), advice: FETCH_AGAIN });
  }
  return bytes;
}

async function* chunkPieces(
  reader: ByteReader,
  chunk: Chunk,
  base: Base,
  decoders: Decoders,
): AsyncGenerator<Uint8Array, void> {
  let made = 0;
  decoders.startChunk();
  for (const block of readBlocks(reader, base)) {
    made += block.length;
    if (made > chunk.decoded) break;
    yield* decoders.decode(block);
  }
  if (made !== chunk.decoded) {
    throw new CorruptPatch("a chunk makes another length than the manifest says", {
      offset: reader.offset,
      expected: chunk.decoded,
      found: made,
      advice: FETCH_AGAIN,
    });
  }
}
