/** Where targets go. What was written counts only once it is committed. */
import { DiskFull, SapwoodError, StorageFailure, WrongCall } from "./errors.js";
import { Growing } from "./growing.js";

export interface Sink {
  /** They are only lent: copy what is kept. */
  write(bytes: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  abandon(reason: unknown): Promise<void>;
}

export type SinkTarget = WritableStream<Uint8Array> | FileSystemFileHandle;

/** A target in memory. */
export class MemorySink implements Sink {
  private readonly held = new Growing();

  async write(bytes: Uint8Array): Promise<void> {
    this.held.add(bytes);
  }

  async commit(): Promise<void> {}

  async abandon(): Promise<void> {}

  bytes(): Uint8Array {
    return this.held.view(0, this.held.size).slice();
  }
}

/** For a dry run. */
export const NOWHERE: Sink = {
  async write() {},
  async commit() {},
  async abandon() {},
};

/** A stream, closed when all is right and aborted else; a file, which keeps its old content until then. */
export async function openSink(target: SinkTarget): Promise<Sink> {
  if (isFile(target)) return streamSink(await target.createWritable().catch(storageFailed));
  if (!(target instanceof WritableStream)) {
    throw new WrongCall("a target goes to a WritableStream or a FileSystemFileHandle");
  }
  if (target.locked) throw new WrongCall("the target's stream is being written by someone else");
  return streamSink(target);
}

export function isFile(target: SinkTarget): target is FileSystemFileHandle {
  return typeof (target as FileSystemFileHandle | undefined)?.createWritable === "function";
}

function streamSink(stream: WritableStream<Uint8Array>): Sink {
  const writer = stream.getWriter();
  return {
    write: (bytes) => writer.ready.then(() => writer.write(bytes.slice())).catch(storageFailed),
    commit: () => writer.close().catch(storageFailed),
    // Whoever reads the stream learns why; a stream that has failed cannot be told.
    abandon: (reason) => writer.abort(reason).catch(() => {}),
  };
}

function storageFailed(cause: unknown): never {
  if (cause instanceof SapwoodError) throw cause;
  if ((cause as Error)?.name === "QuotaExceededError") {
    throw new DiskFull("no room left to write", { cause, advice: "Free some space, or ask the user for more." });
  }
  throw new StorageFailure("the target cannot be written", { cause, found: String(cause) });
}
