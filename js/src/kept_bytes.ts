/** Parts of the target that later blocks read as if they were behind the base (docs/SPEC.md, "Manifest"). */
import type { Span } from "./blocks.js";
import type { ByteReader } from "./bytes.js";
import { LimitExceeded } from "./errors.js";
import { Growing } from "./growing.js";
import { MAX_KEPT } from "./limits.js";
import type { Base } from "./sources.js";

/** The content of the record KEPT. */
export function readKept(reader: ByteReader, targetSize: number): Span[] {
  const spans: Span[] = [];
  let end = 0;
  do {
    if (spans.length === MAX_KEPT) throw new LimitExceeded("too many kept spans", { expected: MAX_KEPT });
    const start = end + reader.unsigned("distance of a kept span");
    const length = reader.unsigned("length of a kept span");
    if (length === 0 || start + length > targetSize) {
      throw reader.error("a kept span is empty, or reaches outside the target", { found: `${start}, ${length}` });
    }
    end = start + length;
    spans.push({ start, length });
  } while (reader.left > 0);
  return spans;
}

/** Those of the bytes made so far that are kept: they grow from block to block. */
export class KeptBytes implements Base {
  readonly bytes = null;
  private readonly held = new Growing();
  private next = 0;

  constructor(private readonly spans: readonly Span[]) {}

  get size(): number {
    return this.held.size;
  }

  read(offset: number, length: number): Uint8Array {
    return this.held.view(offset, length);
  }

  /** The target goes on with `piece` at `offset`. */
  add(offset: number, piece: Uint8Array): void {
    const end = offset + piece.length;
    for (; this.next < this.spans.length; this.next++) {
      const { start, length } = this.spans[this.next] as Span;
      this.held.add(piece.subarray(Math.max(0, start - offset), Math.max(0, start + length - offset)));
      if (start + length > end) return;
    }
  }
}
