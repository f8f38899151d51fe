/** A block and the base -> target bytes. */
import type { Block, Span } from "./blocks.js";
import { DeviceDecoder } from "./device_decoder.js";
import { LimitExceeded } from "./errors.js";
import type { HostDecoder } from "./host_decoder.js";
import { MAX_BLOCK, MAX_FACTORS } from "./limits.js";
import type { Base } from "./sources.js";
import { decodeSplice } from "./splice.js";
import { damaged } from "./wasm.js";
import { decompress } from "./zstd.js";

/** The decoders of one patch. What a patch does not need is not loaded. */
export class Decoders {
  private device: DeviceDecoder | null = null;
  private host: HostDecoder | null = null;
  private factors = 0;

  /** `forDevices`: whether DEVICE blocks can name places in the base. */
  constructor(
    private readonly base: Base,
    private readonly forDevices: boolean,
  ) {}

  /** The right factor of the last chunk is forgotten. */
  startChunk(): void {
    this.factors = 0;
    this.host?.startChunk();
  }

  /** The block's bytes in pieces, each good until the next is asked for. */
  async *decode(block: Block): AsyncGenerator<Uint8Array, void> {
    switch (block.codec) {
      case "STORED":
        yield exactly(block, block.payload);
        return;
      case "DEVICE":
        if (!this.forDevices) throw damaged("a DEVICE block needs a base that is one file below 4 GiB");
        this.device ??= await DeviceDecoder.create(this.base);
        yield* this.device.decode(block);
        return;
      case "SPLICE":
        yield* decodeSplice(block, this.base, await this.forHosts());
        return;
      case "NUMERIC":
      case "ADAPTIVE":
      case "QUANTISED":
      case "SCATTERED":
        yield (await this.forHosts()).decodeElements(block);
        return;
      case "PREDICTED":
        yield (await this.forHosts()).decodePredicted(block);
        return;
      case "FACTORS":
        if (++this.factors > MAX_FACTORS) {
          throw new LimitExceeded("too many FACTORS blocks in a chunk", { expected: MAX_FACTORS });
        }
        (await this.forHosts()).addFactors(block);
        return;
      case "ZSTD":
        yield exactly(block, await decompress(block.payload, MAX_BLOCK, null));
        return;
      case "ZSTD_BASE": {
        const { start, length } = block.span as Span;
        yield exactly(block, await decompress(block.payload, MAX_BLOCK, await this.base.read(start, length)));
        return;
      }
    }
  }

  private async forHosts(): Promise<HostDecoder> {
    if (this.host === null) {
      const { HostDecoder } = await import("./host_decoder.js");
      this.host = await HostDecoder.create(this.base);
      this.host.startChunk();
    }
    return this.host;
  }
}

function exactly({ codec, length }: Block, made: Uint8Array): Uint8Array {
  if (made.length === length) return made;
  throw damaged(`${codec} block makes another length than it says`, { expected: length, found: made.length });
}
