/** What README.md shows is run. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import test from "node:test";
import { byName } from "./support.js";

const blocks = [...readFileSync(new URL("../README.md", import.meta.url), "utf8").matchAll(/^```js\n(.*?)^```$/gms)];
const { base, target, patch } = byName("patch_device");

let runs = 0;

/** Run a block with these names, perhaps changed; gives the module's `target`, if it has one. */
async function run(number, names, change = (code) => code) {
  const folder = new URL("../build/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`readme${runs++}.mjs`, folder);
  globalThis.given = names;
  const code = change(blocks[number][1]).replace(/^const target/m, "export const target");
  writeFileSync(file, `const { ${Object.keys(names).join(", ")} } = globalThis.given;\n${code}`);
  return import(file);
}

test("a patch is applied in memory", async () => {
  assert.deepEqual((await run(0, { base, patch })).target, target);
});

test("a download goes into a file", async () => {
  const seen = [];
  let content = base;
  const parts = [];
  const file = {
    getFile: async () => new Blob([content]),
    createWritable: async () =>
      new WritableStream({ write: (piece) => void parts.push(piece), close: () => void (content = Buffer.concat(parts)) }),
  };
  const names = {
    navigator: { storage: { getDirectory: async () => ({ getFileHandle: async () => file }) } },
    fetch: async () => new Response(patch),
    PUBLIC_KEY: undefined,
    show: (phase, share) => seen.push([phase, share]),
  };
  // The golden patch is older than the example wants.
  await assert.rejects(run(1, names), { name: "RollbackRefused" });
  assert.equal(content, base);
  await run(1, names, (code) => code.replace("minVersion: 7", "minVersion: 0"));
  assert.deepEqual(new Uint8Array(content), target);
  assert.deepEqual(seen.at(-1), ["target", 1]);
});
