/** Patches that were changed: the one outcome is an error of ours, or the right bytes. */
import assert from "node:assert/strict";
import test from "node:test";
import { SapwoodError, applyPatch, info } from "../dist/index.js";
import { byName, golden, random } from "./support.js";
import { CODECS, block, container, patchOf, record, varint } from "./write_patch.js";

/** Mutants of a patch; of a block fewer. */
const EACH = 40;

async function outcome(base, patch, target) {
  try {
    assert.deepEqual(await applyPatch(base, patch), target);
    return "right";
  } catch (error) {
    if (!(error instanceof SapwoodError)) throw error;
    return error.name;
  }
}

function changed(bytes, next) {
  const out = Buffer.from(bytes);
  for (let times = 1 + next(3); times > 0; times--) {
    const at = next(out.length);
    const kind = next(4);
    if (kind === 0) out[at] ^= 1 << next(8);
    else if (kind === 1) out[at] = next(256);
    else if (kind === 2) out[at] = [0, 127, 128, 255][next(4)];
    else return Buffer.concat([out.subarray(0, at), out.subarray(Math.min(out.length, at + next(9)))]);
  }
  return out;
}

test("patches with changed bytes", async () => {
  const next = random(1);
  for (const { base, target, patch } of golden.filter(({ codec, also }) => codec === "patch" && !also)) {
    for (let i = 0; i < EACH; i++) {
      const mutant = changed(patch, next);
      assert.notEqual(await outcome(base, mutant, target), mutant.equals(patch) ? "" : "right");
    }
  }
});

test("truncated patches", async () => {
  const { base, patch } = byName("patch_device");
  // Every place in the opening, and some in the chunk.
  for (let size = 0; size < patch.length; size += size < 200 ? 1 : 211) {
    await assert.rejects(applyPatch(base, patch.subarray(0, size)), SapwoodError, `of ${size} bytes`);
  }
});

test("payloads with changed bytes under digests that fit", async () => {
  const next = random(2);
  const seen = new Set();
  for (const { name, codec, base, target } of golden.filter(({ codec }) => CODECS.includes(codec))) {
    const { payload, span } = byName(name).facts;
    for (let i = 0; i < EACH / 8; i++) {
      const coded = block({ codec, length: target.length, payload: changed(payload, next), span });
      const patch = await patchOf(base, target, [[target.length, coded]]);
      seen.add(await outcome(base, patch, target));
    }
  }
  assert(seen.has("CorruptPatch") && seen.has("DigestMismatch"), [...seen].join());
});

test("manifests of any records", async () => {
  const next = random(4);
  const any = (most) => Buffer.from(Array.from({ length: next(most) }, () => next(256)));
  const contents = [
    () => Buffer.concat([Buffer.from([next(4)]), varint(next(2 ** 30)), Buffer.alloc(32)]),
    () => Buffer.concat([Buffer.from([8]), varint(next(300)), varint(next(300)), any(20)]),
    () => any(60),
  ];
  for (let i = 0; i < 3000; i++) {
    const tags = Array.from({ length: 18 }, (_, tag) => tag).filter(() => next(3) === 0);
    const records = tags.map((tag) => record(tag, contents[next(3)]()));
    await info(container(records, [])).catch((error) => assert(error instanceof SapwoodError, error.stack));
  }
});
