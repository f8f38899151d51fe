/** MiB a second of CPU time: hash-wasm beside @noble/hashes. node bench/hashes.js */
import { blake3 } from "@noble/hashes/blake3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { createBLAKE3, createSHA256 } from "hash-wasm";

const MIB = 64;
const bytes = Uint8Array.from({ length: MIB << 20 }, (_, i) => i * 7);
const [fastBlake3, fastSha256] = [await createBLAKE3(), await createSHA256()];

for (const [name, digest] of Object.entries({
  "@noble/hashes BLAKE3": (data) => blake3.create().update(data).digest(),
  "@noble/hashes SHA-256": (data) => sha256.create().update(data).digest(),
  "hash-wasm BLAKE3": (data) => fastBlake3.init().update(data).digest(),
  "hash-wasm SHA-256": (data) => fastSha256.init().update(data).digest(),
})) {
  digest(bytes.subarray(0, 4 << 20));
  const before = process.cpuUsage();
  digest(bytes);
  const { user, system } = process.cpuUsage(before);
  console.log(`${name}: ${Math.floor((MIB * 1e6) / (user + system))}`);
}
