/** Apply Sapwood patches: bit-exact or refused. See README.md. */
import { build, checkChunks, openAllowed } from "./apply.js";
import { describePatch, type PatchInfo } from "./info.js";
import { MOST_IN_MEMORY } from "./limits.js";
import { readOpening } from "./opening.js";
import type { Options } from "./options.js";
import { MemorySink, NOWHERE, isFile, openSink, type Sink, type SinkTarget } from "./sinks.js";
import { PatchReader, type BaseSource, type PatchSource } from "./sources.js";

export * from "./errors.js";
export type { DeviceFact, DeviceFacts, Guard } from "./guards.js";
export type { ModelInfo, PatchInfo } from "./info.js";
export type { FileEntry, Profile } from "./manifest.js";
export type { Options, Phase } from "./options.js";
export type { Authentication } from "./opening.js";
export type { PublicKey } from "./signature.js";
export type { SinkTarget } from "./sinks.js";
export type { BaseSource, Bytes, PatchSource, ReadAt } from "./sources.js";

/**
 * The target, in memory.
 *
 * @param base The model the patch was made from; null if it needs none.
 * @throws SapwoodError: one of its classes (see errors); nothing else for any bytes of a patch.
 */
export async function applyPatch(base: BaseSource | null, patch: PatchSource, options: Options = {}): Promise<Uint8Array> {
  const sink = new MemorySink();
  await withPatch(patch, options, async (reader) => {
    const opening = await openAllowed(reader, options, MOST_IN_MEMORY);
    await build(opening.manifest, base, reader, options, async () => sink);
  });
  return sink.bytes();
}

/**
 * The target, piece by piece, in some MiB of memory.
 *
 * A stream is closed once the target's digest is right, and aborted with the error else: what it was given until then
 * counts for nothing. A file keeps its old content until then; it may be the base's own.
 */
export async function applyStream(
  base: BaseSource | null,
  patch: PatchSource,
  sink: SinkTarget,
  options: Options = {},
): Promise<PatchInfo> {
  return withPatch(patch, options, async (reader) => {
    let opened: Promise<Sink> | null = null;
    const open = () => (opened ??= openSink(sink));
    try {
      const opening = await openAllowed(reader, options, Infinity);
      await build(opening.manifest, base, reader, options, open);
      return describePatch(opening);
    } catch (error) {
      // Who waits for the stream's other end must not wait for ever.
      if (opened === null && !isFile(sink)) await open().then((unused) => unused.abandon(error), () => {});
      throw error;
    }
  });
}

/** Check a patch as far as what is given allows: with its base, or if it needs none, the target is built and dropped. */
export async function verify(base: BaseSource | null, patch: PatchSource, options: Options = {}): Promise<PatchInfo> {
  return withPatch(patch, options, async (reader) => {
    const opening = await openAllowed(reader, options, Infinity);
    if (base === null && opening.manifest.base !== null) await checkChunks(opening.manifest, reader, options);
    else await build(opening.manifest, base, reader, options, async () => NOWHERE);
    return describePatch(opening);
  });
}

/** What a patch says about itself. Only its opening is read; nothing is proved. */
export async function info(patch: PatchSource): Promise<PatchInfo> {
  return withPatch(patch, {}, async (reader) => describePatch(await readOpening(reader, undefined)));
}

async function withPatch<T>(patch: PatchSource, options: Options, work: (reader: PatchReader) => Promise<T>): Promise<T> {
  const reader = PatchReader.open(patch, options.signal);
  try {
    return await work(reader);
  } finally {
    reader.close();
  }
}
