/** The hashes of patches, by hash-wasm: WebCrypto has no BLAKE3, and no digest of what comes in pieces. */
import { createBLAKE3, createSHA256, type IHasher } from "hash-wasm";
import { equal } from "./bytes.js";

/** What the digests of a patch are made by (docs/SPEC.md, "Digests"). */
export type HashName = "blake3" | "sha256";

/** Takes bytes in pieces, one digest at a time. Make one and use it again: it is an instance of WebAssembly. */
export class Hasher {
  private constructor(private readonly hash: IHasher) {}

  static async create(name: HashName): Promise<Hasher> {
    return new Hasher(await (name === "sha256" ? createSHA256() : createBLAKE3()));
  }

  start(): void {
    this.hash.init();
  }

  add(bytes: Uint8Array): void {
    this.hash.update(bytes);
  }

  /** 32 bytes. */
  end(): Uint8Array {
    return this.hash.digest("binary");
  }

  /** The digest of bytes at hand, cut to `size` bytes. */
  of(bytes: Uint8Array, size = 32): Uint8Array {
    this.start();
    this.add(bytes);
    return this.end().subarray(0, size);
  }

  matches(bytes: Uint8Array, digest: Uint8Array): boolean {
    return equal(this.of(bytes, digest.length), digest);
  }
}
