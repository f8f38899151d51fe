/** The core's C, as WebAssembly: memory to put things in, and what its answers mean. */
import { CorruptPatch, FETCH_AGAIN, type Facts } from "./errors.js";
import type { Codec } from "./blocks.js";

/** SW_ERROR_READ: bytes of the base were not at hand. */
export const NOT_AT_HAND = -7;

/** By sw_status (core/include/sapwood.h). */
const REASONS: ReadonlyMap<number, string> = new Map([
  [-1, "ends too early or holds bytes left over"],
  [-2, "has a header field out of range"],
  [-3, "does not end in the state it must end in"],
  [-4, "needs more of the base than there is"],
  [-5, "does not go with the right factor of its chunk"],
]);

/** The error for a block that a decoder refused. */
export function refused(codec: Codec, status: number): CorruptPatch {
  return damaged(`${codec} block ${REASONS.get(status) ?? "is damaged"}`);
}

export function damaged(what: string, facts: Facts = {}): CorruptPatch {
  return new CorruptPatch(what, { advice: FETCH_AGAIN, ...facts });
}

const PAGE = 65536;

/** Modules by their base64: each is compiled once. */
const compiled = new Map<string, Promise<WebAssembly.Module>>();

function compile(base64: string): Promise<WebAssembly.Module> {
  let module = compiled.get(base64);
  if (module === undefined) {
    module = WebAssembly.compile(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
    compiled.set(base64, module);
  }
  return module;
}

/** An instance with what it exports, and memory behind its own for whoever calls it. */
export class Core<Exports extends object> {
  private end: number;

  private constructor(
    readonly call: Exports,
    private readonly memory: WebAssembly.Memory,
    private readonly heap: number,
  ) {
    this.end = heap;
  }

  static async load<Exports extends object>(base64: string, imports: WebAssembly.ModuleImports): Promise<Core<Exports>> {
    const instance = await WebAssembly.instantiate(await compile(base64), { sapwood: imports });
    const { memory, __heap_base: heap, ...call } = instance.exports;
    const start = (heap as WebAssembly.Global<"i32">).value;
    return new Core(call as Exports, memory as WebAssembly.Memory, start);
  }

  /** Everything that was taken is free. */
  clear(): void {
    this.end = this.heap;
  }

  /** The address of `size` bytes of any content. Views of memory from before are of no use after it. */
  take(size: number): number {
    const address = (this.end + 15) & ~15;
    this.end = address + size;
    const lacking = this.end - this.memory.buffer.byteLength;
    if (lacking > 0) this.memory.grow(Math.ceil(lacking / PAGE));
    return address;
  }

  /** The address of a copy of `bytes`. */
  put(bytes: Uint8Array): number {
    const address = this.take(bytes.length);
    this.view(address, bytes.length).set(bytes);
    return address;
  }

  /** Memory itself: good until the next take or put. */
  view(address: number, size: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, size);
  }
}
