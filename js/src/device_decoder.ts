/** DEVICE blocks, by core/src/device_decode.c (docs/SPEC.md, "Codec 9"). */
import { BasePages } from "./base_pages.js";
import type { Block } from "./blocks.js";
import { DEVICE_WASM } from "./generated/device_wasm.js";
import type { Base } from "./sources.js";
import { Core, NOT_AT_HAND, refused } from "./wasm.js";

interface DeviceExports {
  start(payload: number, payloadSize: number, baseSize: number, out: number, length: number): number;
  next(size: number): number;
}

/** Bytes made in one call. */
const STEP = 16384;
/** And after a page of the base was not at hand: so few, that all the pages they can want are kept at once. */
const CAREFUL_STEP = 64;
/** Each byte may be read from another place, and lie on two pages. */
const PAGES = 2 * CAREFUL_STEP + 1;

export class DeviceDecoder {
  private constructor(
    private readonly core: Core<DeviceExports>,
    private readonly base: Base,
    private readonly pages: BasePages,
  ) {}

  static async create(base: Base): Promise<DeviceDecoder> {
    const pages = new BasePages(base, PAGES);
    const core: Core<DeviceExports> = await Core.load(DEVICE_WASM, {
      read_base: (offset: number, to: number, size: number) => pages.read(offset >>> 0, core.view(to, size)),
    });
    return new DeviceDecoder(core, base, pages);
  }

  /** The block's bytes in pieces, each good until the next is asked for. */
  async *decode({ codec, payload, length }: Block): AsyncGenerator<Uint8Array, void> {
    const { core } = this;
    core.clear();
    const from = core.put(payload);
    const out = core.take(length);
    const check = (status: number): void => {
      if (status !== 0) throw refused(codec, status);
    };
    check(core.call.start(from, payload.length, this.base.size, out, length));
    let careful = 0;
    for (let made = 0; made < length; ) {
      const size = Math.min(careful > made ? CAREFUL_STEP : STEP, length - made);
      const status = core.call.next(size);
      if (status === NOT_AT_HAND) {
        await this.pages.fetch();
        careful = Math.max(careful, made + STEP);
        continue;
      }
      check(status);
      yield core.view(out + made, size);
      made += size;
    }
  }
}
