/** Patches that the Python package made of real models. tests/test_js.py makes them and says where they are. */
import assert from "node:assert/strict";
import { openAsBlob, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { applyPatch, applyStream, info, verify } from "../dist/index.js";
import { recorder } from "./support.js";

const FOLDER = process.env.SAPWOOD_PAIRS;
const read = (path) => new Uint8Array(readFileSync(path));

if (FOLDER === undefined) {
  test("patches by the Python package", { skip: "SAPWOOD_PAIRS is not set: make js sets it" }, () => {});
} else {
  const key = readFileSync(join(FOLDER, "key.pub"), "utf8");
  for (const { name, base, target, profile, state, integers } of JSON.parse(readFileSync(join(FOLDER, "pairs.json")))) {
    test(`${name} gives its target`, async () => {
      const [old, wanted] = [read(base), read(target)];
      const patch = read(join(FOLDER, `${name}.swpatch`));
      const told = await info(patch);
      assert.equal(told.size, patch.length);
      assert.equal(told.target.size, wanted.length);
      assert.equal(told.hash, profile ? "sha256" : "blake3");
      assert.equal(told.profile?.state, state);
      assert.equal(told.profile?.integers, profile && integers === true);
      assert.deepEqual(await applyPatch(old, patch), wanted);
      const { stream, seen } = recorder();
      await applyStream(await openAsBlob(base), await openAsBlob(join(FOLDER, `${name}.signed.swpatch`)), stream, { key });
      assert(seen.bytes().equals(wanted));
      assert((await verify(null, read(join(FOLDER, `${name}.signed.swpatch`)), { key })).isSigned);
    });
  }
}
