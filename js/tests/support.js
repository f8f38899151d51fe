import { readFileSync } from "node:fs";
import * as wrap from "./write_patch.js";
import { goldenPatches } from "./golden.js";

const GOLDEN = new URL("../../tests/golden/", import.meta.url);

export const readGolden = (name) => new Uint8Array(readFileSync(new URL(name, GOLDEN)));

export const golden = await goldenPatches(JSON.parse(readFileSync(new URL("golden.json", GOLDEN))), readGolden, wrap);

export const byName = (name) => golden.find((item) => item.name === name);

/** The same numbers on every run. */
export function random(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

/** A sink that tells what became of it. */
export function recorder() {
  const pieces = [];
  const seen = { pieces, isClosed: false, reason: undefined, bytes: () => Buffer.concat(pieces) };
  const stream = new WritableStream({
    write: (piece) => void pieces.push(piece),
    close: () => void (seen.isClosed = true),
    abort: (reason) => void (seen.reason = reason),
  });
  return { stream, seen };
}

/** A stream that gives pieces of any size. */
export function streamOf(bytes, size) {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += size)));
    },
  });
}
