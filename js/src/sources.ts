/** Where bases and patches come from: what is at hand, what can be read at any place, what only flows forward. */
import { concatenated } from "./bytes.js";
import { CorruptPatch, FETCH_AGAIN, SapwoodError, StorageFailure, WrongCall } from "./errors.js";

/** Bytes that can be read at any place, such as a file that is not wholly in memory. */
export interface ReadAt {
  /** In bytes. */
  readonly size: number;
  /** `length` bytes from `offset`, both within `size`. One that need not wait for them should not: it saves work. */
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array;
}

export type Bytes = Uint8Array | ArrayBuffer;

export type BaseSource = Bytes | Blob | ReadAt;

export type PatchSource = Bytes | Blob | ReadableStream<Uint8Array> | Response;

/** A base that has been told apart: `bytes` where all of it is in memory. */
export interface Base {
  readonly size: number;
  readonly bytes: Uint8Array | null;
  read(offset: number, length: number): Promise<Uint8Array> | Uint8Array;
}

/** The bytes themselves, if that is what it is. */
export function bytesOf(source: unknown): Uint8Array | null {
  if (source instanceof Uint8Array) return source;
  return source instanceof ArrayBuffer ? new Uint8Array(source) : null;
}

export function openBase(source: BaseSource): Base {
  const bytes = bytesOf(source);
  if (bytes !== null) return { size: bytes.length, bytes, read: (at, length) => bytes.subarray(at, at + length) };
  if (source instanceof Blob) return checked(source.size, readerOf(source));
  const { size, read } = (source ?? {}) as Partial<ReadAt>;
  if (!Number.isSafeInteger(size) || (size as number) < 0 || typeof read !== "function") {
    throw new WrongCall("a base is bytes, a Blob, or an object with size and read(offset, length)");
  }
  return checked(size as number, (at, length) => (source as ReadAt).read(at, length));
}

/** In workers only; the types of pages lack it. */
declare const FileReaderSync: undefined | (new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer });

function readerOf(blob: Blob): ReadAt["read"] {
  // Workers have a way that does not wait.
  const reader = typeof FileReaderSync === "undefined" ? null : new FileReaderSync();
  return (at, length) => {
    const part = blob.slice(at, at + length);
    if (reader !== null) return new Uint8Array(reader.readAsArrayBuffer(part));
    return part.arrayBuffer().then((buffer) => new Uint8Array(buffer));
  };
}

function checked(size: number, read: ReadAt["read"]): Base {
  return {
    size,
    bytes: null,
    read(at, length) {
      try {
        const found = read(at, length);
        return found instanceof Promise ? found.then((bytes) => whole(bytes, length), unreadable) : whole(found, length);
      } catch (error) {
        return unreadable(error);
      }
    },
  };
}

function whole(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === length) return bytes;
  throw new StorageFailure("the base gave another number of bytes than it was asked for", {
    expected: length,
    found: bytes?.length,
    advice: "Its size must not change while it is read.",
  });
}

function unreadable(cause: unknown): never {
  if (cause instanceof SapwoodError) throw cause;
  throw new StorageFailure("the base cannot be read", { cause, found: String(cause) });
}

/** Two bases end to end: the second, which may grow, is read behind the first. */
export function joined(first: Base, second: Base): Base {
  return {
    get size() {
      return first.size + second.size;
    },
    bytes: null,
    read(at, length) {
      const before = Math.max(0, Math.min(length, first.size - at));
      if (before === length) return first.read(at, length);
      const behind = second.read(at + before - first.size, length - before);
      if (before === 0) return behind;
      const front = first.read(at, before);
      if (front instanceof Uint8Array && behind instanceof Uint8Array) return concatenated(front, behind);
      return Promise.all([front, behind]).then((parts) => concatenated(...parts));
    },
  };
}

/** A patch, read forward only. */
export class PatchReader {
  /** Bytes taken so far. */
  offset = 0;
  private held: Uint8Array = new Uint8Array();

  private constructor(
    private readonly pieces: ReadableStreamDefaultReader<Uint8Array>,
    private readonly signal: AbortSignal | undefined,
  ) {
    signal?.addEventListener("abort", this.letGo);
  }

  /** The signal also ends waiting for more. */
  static open(source: PatchSource, signal?: AbortSignal): PatchReader {
    const stream = streamOf(source);
    if (stream.locked) throw new WrongCall("the patch's stream is being read by someone else, or has been");
    return new PatchReader(stream.getReader(), signal);
  }

  /** The next `size` bytes. */
  async take(size: number, what: string): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = size;
    while (missing > 0 && (this.held.length > 0 || (await this.fill()))) {
      const part = this.held.subarray(0, missing);
      this.held = this.held.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    this.offset += size - missing;
    if (missing > 0) {
      throw new CorruptPatch(`the patch ends within its ${what}`, {
        offset: this.offset,
        expected: `${size} bytes`,
        found: `${size - missing} bytes`,
        advice: FETCH_AGAIN,
      });
    }
    return parts.length === 1 ? (parts[0] as Uint8Array) : concatenated(...parts);
  }

  /** Refuse bytes behind the last chunk: nothing vouches for them. */
  async end(): Promise<void> {
    if (this.held.length > 0 || (await this.fill())) {
      throw new CorruptPatch("bytes are left over behind the last block", {
        offset: this.offset,
        advice: FETCH_AGAIN,
      });
    }
  }

  /** No more is wanted. */
  close(): void {
    this.signal?.removeEventListener("abort", this.letGo);
    this.letGo();
  }

  /** What becomes of the rest of the stream is of no interest, an error in it neither. */
  private readonly letGo = (): void => void this.pieces.cancel().catch(() => {});

  /** Hold the next piece; false if there is none. */
  private async fill(): Promise<boolean> {
    for (;;) {
      const { value, done } = await this.pieces.read().catch(unfetched);
      this.signal?.throwIfAborted();
      if (done) return false;
      if (!(value instanceof Uint8Array)) {
        throw new WrongCall("the patch's stream gives no bytes", { found: typeof value });
      }
      if (value.length > 0) {
        this.held = value;
        return true;
      }
    }
  }
}

function streamOf(source: PatchSource): ReadableStream<Uint8Array> {
  const bytes = bytesOf(source);
  if (bytes !== null) return new ReadableStream({ start: (stream) => (stream.enqueue(bytes), stream.close()) });
  if (source instanceof Blob) return source.stream();
  if (source instanceof ReadableStream) return source;
  if (!(source instanceof Response)) throw new WrongCall("a patch is bytes, a Blob, a ReadableStream or a Response");
  if (source.ok && source.body !== null) return source.body;
  throw new StorageFailure("the patch could not be fetched", {
    found: `${source.status} ${source.statusText}`.trim(),
    advice: "Check its address.",
  });
}

function unfetched(cause: unknown): never {
  if (cause instanceof SapwoodError) throw cause;
  throw new StorageFailure("the patch cannot be read to its end", {
    cause,
    found: String(cause),
    advice: "Fetch it again.",
  });
}
