import assert from "node:assert/strict";
import test from "node:test";
import { UnsupportedPatch, applyPatch, verify } from "../dist/index.js";
import { LEFT_OUT } from "./left_out.js";
import { golden } from "./support.js";

for (const { name, base, also, target, patch } of golden) {
  const options = also ? { also } : {};
  if (LEFT_OUT[name]) {
    test(`${name} is refused by its codec's name`, async () => {
      await assert.rejects(applyPatch(base, patch, options), (error) => {
        assert(error instanceof UnsupportedPatch);
        assert.match(error.message, LEFT_OUT[name]);
        return true;
      });
    });
    continue;
  }
  test(`${name} gives its target`, async () => {
    assert.deepEqual(await applyPatch(base, patch, options), target);
    // A base that is not in memory takes another way: pages that are waited for.
    const far = { size: base.length, read: (at, size) => Promise.resolve(base.slice(at, at + size)) };
    assert.deepEqual(await applyPatch(far, patch, options), target);
    await verify(base, patch, options);
  });
}
