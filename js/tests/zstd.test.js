/** zstd frames made by hand: one frame, all of it, and nothing else (docs/SPEC.md, "Codec 2" and "Codec 3"). */
import assert from "node:assert/strict";
import test from "node:test";
import { xxhash64 } from "hash-wasm";
import { CorruptPatch, applyPatch } from "../dist/index.js";
import { block, patchOf } from "./write_patch.js";

const content = Buffer.from("the quick brown fox");
const dictionary = Buffer.alloc(300_000, "dictionary");

/** One raw block. `flags`: of the descriptor; `before`, `behind`: other bytes. */
function frame({ flags = 0x20, head = [content.length], body = content, said = body.length, last = 1, type = 0 } = {}) {
  const size = (said << 3) | (type << 1) | last;
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, flags, ...head, size & 255, size >> 8, 0, ...body]);
}

async function apply(payload, codec = "ZSTD", length = content.length) {
  const span = codec === "ZSTD_BASE" ? [0, dictionary.length] : null;
  const patch = await patchOf(dictionary, content, [[length, block({ codec, length, payload, span })]]);
  return Buffer.from(await applyPatch(dictionary, patch));
}

const checksum = Buffer.from(await xxhash64(content), "hex").subarray(4).reverse();

test("frames that are right", async () => {
  const checked = Buffer.concat([frame({ flags: 0x24 }), checksum]);
  for (const codec of ["ZSTD", "ZSTD_BASE"]) {
    assert.deepEqual(await apply(frame(), codec), content);
    assert.deepEqual(await apply(checked, codec), content);
    assert.deepEqual(await apply(frame({ flags: 0x21, head: [0, content.length] }), codec), content);
  }
});

test("frames that are refused", async () => {
  const wrong = Buffer.from(checksum);
  wrong[3] ^= 1;
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  const frames = {
    "of another checksum": Buffer.concat([frame({ flags: 0x24 }), wrong]),
    "without the checksum that is said": frame({ flags: 0x24 }),
    "two": Buffer.concat([frame(), frame()]),
    "with a skippable frame behind": Buffer.concat([frame(), skippable]),
    "with a skippable frame before": Buffer.concat([skippable, frame()]),
    "with a byte behind": Buffer.concat([frame(), Buffer.alloc(1)]),
    "without a size": frame({ flags: 0, head: [0x50] }),
    "of a dictionary": frame({ flags: 0x21, head: [7, content.length] }),
    "with a reserved bit": frame({ flags: 0x28 }),
    "with a reserved block": frame({ type: 3 }),
    "cut short": frame().subarray(0, -1),
    "without a last block": frame({ last: 0 }),
    "that make less": frame({ head: [content.length + 1] }),
    "that make more": frame({ head: [content.length - 1] }),
    "that claim much": frame({ flags: 0xe0, head: [0, 0, 0, 0, 0, 0, 0, 128] }),
    "that make nothing": frame({ head: [0], body: [] }),
  };
  for (const [name, bytes] of Object.entries(frames)) {
    for (const codec of ["ZSTD", "ZSTD_BASE"]) await assert.rejects(apply(bytes, codec), CorruptPatch, `${codec} ${name}`);
  }
});
