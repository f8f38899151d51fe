/** One block's record: codec, lengths, span of the base, payload (docs/SPEC.md, "Blocks"). */
import type { ByteReader } from "./bytes.js";
import { UnsupportedPatch } from "./errors.js";
import { MAX_BLOCK } from "./limits.js";

/** By number. A number means one byte format for ever. */
export const CODECS = [
  "STORED",
  "SPLICE",
  "ZSTD",
  "ZSTD_BASE",
  "NUMERIC",
  "ADAPTIVE",
  "PREDICTED",
  "FACTORS",
  "QUANTISED",
  "DEVICE",
  "SCATTERED",
] as const;

export type Codec = (typeof CODECS)[number];

const HAS_SPAN = 0x80;
/** Their span is not as long as the block: its length stands in the record. They always have one. */
const STATES_SPAN: readonly Codec[] = ["ZSTD_BASE", "PREDICTED", "QUANTISED"];
const NEEDS_SPAN: readonly Codec[] = [...STATES_SPAN, "SCATTERED"];
const MAY_HAVE_SPAN: readonly Codec[] = [...NEEDS_SPAN, "NUMERIC", "ADAPTIVE"];

/** Where in the base's stream. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

export interface Block {
  readonly codec: Codec;
  /** Bytes of the target it makes; 0 only for FACTORS. */
  readonly length: number;
  readonly payload: Uint8Array;
  readonly span: Span | null;
}

/** The blocks of a chunk, one after the other, each within the base as large as it is then. */
export function* readBlocks(reader: ByteReader, base: { readonly size: number }): Generator<Block, void> {
  let position = 0;
  while (reader.left > 0) {
    const block = readBlock(reader, position, base.size);
    if (block.span !== null) position = block.span.start + block.span.length;
    yield block;
  }
}

function readBlock(reader: ByteReader, position: number, baseSize: number): Block {
  const head = reader.byte("block codec");
  const codec = CODECS[head & ~HAS_SPAN];
  if (codec === undefined) {
    throw new UnsupportedPatch("a block's codec is not known to this version", {
      offset: reader.offset + reader.at - 1,
      expected: `0 to ${CODECS.length - 1}`,
      found: head & ~HAS_SPAN,
      advice: "Update sapwood.",
    });
  }
  const length = reader.unsigned("block length");
  const makesNone = codec === "FACTORS";
  if ((length === 0) !== makesNone || (length > MAX_BLOCK && codec !== "SPLICE")) {
    throw reader.error("block length is out of range", {
      expected: makesNone ? "0" : `1 to ${MAX_BLOCK}`,
      found: length,
    });
  }
  const size = reader.unsigned("payload length");
  const span = head & HAS_SPAN ? readSpan(reader, position, baseSize, STATES_SPAN.includes(codec) ? null : length) : null;
  if (span === null ? NEEDS_SPAN.includes(codec) : !MAY_HAVE_SPAN.includes(codec)) {
    throw reader.error("block names a base where its codec has none, or lacks one", { found: codec });
  }
  return { codec, length, payload: reader.take(size, "block payload"), span };
}

/** `length` null: it stands in the record. */
function readSpan(reader: ByteReader, position: number, baseSize: number, length: number | null): Span {
  const start = position + reader.signed("base offset");
  const spanned = length ?? reader.unsigned("base length");
  if (start < 0 || spanned > MAX_BLOCK || start + spanned > baseSize) {
    throw reader.error("block reaches outside the base", { expected: `within ${baseSize}`, found: `${start}, ${spanned}` });
  }
  return { start, length: spanned };
}
