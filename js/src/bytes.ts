/** Checked reads from untrusted bytes (docs/SPEC.md, "Integers"). */
import { CorruptPatch, FETCH_AGAIN, LimitExceeded, type Facts } from "./errors.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes in hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** All parts end to end, in memory of its own. */
export function concatenated(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Reads from `data`, which begins at `offset` of the patch: errors tell that. */
export class ByteReader {
  at = 0;

  constructor(
    readonly data: Uint8Array,
    readonly offset = 0,
  ) {}

  /** Bytes not read yet. */
  get left(): number {
    return this.data.length - this.at;
  }

  /** The error for the place reached. */
  error(what: string, facts: Facts = {}): CorruptPatch {
    return new CorruptPatch(what, { offset: this.offset + this.at, advice: FETCH_AGAIN, ...facts });
  }

  take(size: number, what: string): Uint8Array {
    if (size > this.left) {
      throw this.error(`${what} is cut short`, { expected: `${size} bytes`, found: `${this.left} bytes` });
    }
    this.at += size;
    return this.data.subarray(this.at - size, this.at);
  }

  byte(what: string): number {
    return this.take(1, what)[0] as number;
  }

  /** An unsigned integer, below 2^64. */
  big(what: string): bigint {
    let value = 0n;
    for (let i = 0n; i < 10n; i++) {
      const byte = this.byte(what);
      value |= BigInt(byte & 127) << (7n * i);
      if (byte < 128) {
        if (value >> 64n || (byte === 0 && i > 0n)) throw this.error(`${what} is not a proper 64-bit integer`);
        return value;
      }
    }
    throw this.error(`${what} is longer than a 64-bit integer`);
  }

  /** An unsigned integer that must fit a number of JavaScript: below 2^53. */
  unsigned(what: string): number {
    const first = this.data[this.at];
    if (first !== undefined && first < 128) {
      this.at++;
      return first;
    }
    return exact(this.big(what), what);
  }

  /** A signed integer by zigzag. */
  signed(what: string): number {
    const value = this.big(what);
    return exact(value & 1n ? -((value + 1n) >> 1n) : value >> 1n, what);
  }

  /** A length and that many bytes. */
  prefixed(what: string): Uint8Array {
    return this.take(this.unsigned(`length of ${what}`), what);
  }

  text(bytes: Uint8Array, what: string): string {
    try {
      return utf8.decode(bytes);
    } catch {
      throw this.error(`${what} is not UTF-8`);
    }
  }
}

function exact(value: bigint, what: string): number {
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
    throw new LimitExceeded(`${what} is larger than JavaScript counts`, {
      expected: `at most ${Number.MAX_SAFE_INTEGER}`,
      found: value,
    });
  }
  return Number(value);
}
