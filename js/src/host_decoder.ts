/** The codecs for machines with memory to spare, by core/src (docs/SPEC.md, "Codec 1" and "Codec 4" to "Codec 8"). */
import { BasePages } from "./base_pages.js";
import type { Block } from "./blocks.js";
import { LimitExceeded } from "./errors.js";
import { HOST_WASM } from "./generated/host_wasm.js";
import type { Base } from "./sources.js";
import { Core, NOT_AT_HAND, damaged, refused } from "./wasm.js";

type Elements = (payload: number, size: number, base: number, baseSize: number, out: number, outSize: number) => number;

interface HostExports {
  numeric: Elements;
  adaptive: Elements;
  quantised: Elements;
  scattered: Elements;
  start_chunk(): void;
  add_factors(payload: number, size: number): number;
  predicted_wants(payload: number, size: number, outSize: number, wants: number): number;
  predicted(
    payload: number,
    size: number,
    base: number,
    baseSize: number,
    second: number,
    secondSize: number,
    out: number,
    outSize: number,
  ): number;
  splice_slots(literals: number, runs: number): number;
  splice(
    payload: number,
    size: number,
    length: bigint,
    baseSize: bigint,
    runs: number,
    runCount: number,
    literals: number,
    count: number,
    slots: number,
  ): number;
}

/** A run of a splice: given bytes, then bytes of the base. */
export interface Run {
  readonly literals: number;
  readonly start: number;
  readonly length: number;
}

/** Pages of the base that one splice may wait for: 64 MiB. It is decoded anew after each wait. */
const MOST_PAGES = 1024;
/** After so many waits, one page more is fetched at a time. */
const PATIENCE = 16;
/** sw_predicted_wants: base_size, has_second, second_move. */
const WANTS_SIZE = 16;
/** sw_splice_run: three 64-bit numbers. */
const RUN_SIZE = 24;

export class HostDecoder {
  private constructor(
    private readonly core: Core<HostExports>,
    private readonly base: Base,
    private readonly from: { pages: BasePages },
  ) {}

  static async create(base: Base): Promise<HostDecoder> {
    const from = { pages: new BasePages(base, MOST_PAGES) };
    const core: Core<HostExports> = await Core.load(HOST_WASM, {
      read_base: (at: bigint, to: number, size: number) => from.pages.read(Number(at), core.view(to, size)),
    });
    return new HostDecoder(core, base, from);
  }

  /** A chunk begins: it has no right factor yet. */
  startChunk(): void {
    this.core.call.start_chunk();
  }

  addFactors({ codec, payload }: Block): void {
    this.core.clear();
    const status = this.core.call.add_factors(this.core.put(payload), payload.length);
    if (status !== 0) throw refused(codec, status);
  }

  /** The bytes of a NUMERIC, ADAPTIVE, QUANTISED or SCATTERED block: good until the next call. */
  async decodeElements(block: Block): Promise<Uint8Array> {
    const { core } = this;
    const { numeric, adaptive, quantised, scattered } = core.call;
    const decode = { NUMERIC: numeric, ADAPTIVE: adaptive, QUANTISED: quantised, SCATTERED: scattered };
    const span = await this.readSpan(block);
    core.clear();
    const payload = core.put(block.payload);
    const base = span === null ? 0 : core.put(span);
    const out = core.take(block.length);
    const run = decode[block.codec as keyof typeof decode];
    const status = run(payload, block.payload.length, base, span?.length ?? 0, out, block.length);
    if (status !== 0) throw refused(block.codec, status);
    return core.view(out, block.length);
  }

  /** The bytes of a PREDICTED block: good until the next call. */
  async decodePredicted(block: Block): Promise<Uint8Array> {
    const { core } = this;
    const span = (await this.readSpan(block)) as Uint8Array;
    core.clear();
    const payload = core.put(block.payload);
    const wants = core.take(WANTS_SIZE);
    const known = core.call.predicted_wants(payload, block.payload.length, block.length, wants);
    if (known !== 0) throw refused(block.codec, known);
    const second = await this.readSecond(block, wants);
    const base = core.put(span);
    const secondAt = second === null ? 0 : core.put(second);
    const out = core.take(block.length);
    const { length: size } = block.payload;
    const status = core.call.predicted(payload, size, base, span.length, secondAt, second?.length ?? 0, out, block.length);
    if (status !== 0) throw refused(block.codec, status);
    return core.view(out, block.length);
  }

  /** The runs, and all literals, of a SPLICE block with modelled content: good until the next call. */
  async decodeSplice(block: Block, content: Uint8Array, runCount: number, count: number): Promise<[Run[], Uint8Array]> {
    const { core, base } = this;
    core.clear();
    const payload = core.put(content);
    const literals = core.take(count);
    const runs = core.take(runCount * RUN_SIZE);
    const slots = core.take(core.call.splice_slots(count, runCount));
    const [length, baseSize] = [BigInt(block.length), BigInt(base.size)];
    this.from.pages = new BasePages(base, MOST_PAGES);
    for (let waits = 0; ; waits++) {
      const status = core.call.splice(payload, content.length, length, baseSize, runs, runCount, literals, count, slots);
      if (status === 0) break;
      if (status !== NOT_AT_HAND) throw refused(block.codec, status);
      await this.from.pages.fetch(Math.floor(waits / PATIENCE));
      if (this.from.pages.fetched > MOST_PAGES) {
        throw new LimitExceeded("a splice reads the base at too many places to wait for each", {
          advice: "Give the base as bytes, or apply the patch in a worker.",
        });
      }
    }
    return [readRuns(core.view(runs, runCount * RUN_SIZE)), core.view(literals, count)];
  }

  private async readSpan({ span }: Block): Promise<Uint8Array | null> {
    return span === null ? null : this.base.read(span.start, span.length);
  }

  private async readSecond({ span }: Block, wants: number): Promise<Uint8Array | null> {
    const bytes = this.core.view(wants, WANTS_SIZE);
    const view = new DataView(bytes.buffer, bytes.byteOffset, WANTS_SIZE);
    if (view.getUint8(4) === 0) return null;
    const size = view.getUint32(0, true);
    const start = BigInt(span?.start ?? 0) + view.getBigInt64(8, true);
    if (start < 0n || start + BigInt(size) > BigInt(this.base.size)) {
      throw damaged("PREDICTED block reaches outside the base", { expected: `within ${this.base.size}`, found: start });
    }
    return this.base.read(Number(start), size);
  }
}

/** They lie within the base: the core has checked that. */
function readRuns(bytes: Uint8Array): Run[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / RUN_SIZE }, (_, i) => {
    const [literals, start, length] = [0, 8, 16].map((at) => Number(view.getBigUint64(i * RUN_SIZE + at, true)));
    return { literals: literals as number, start: start as number, length: length as number };
  });
}
