/** The same vectors, and the demo, in a headless Chromium. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { chromium } from "playwright-core";
import { PAGE, serve } from "../demo/serve.js";
import { LEFT_OUT } from "./left_out.js";
import { byName, golden } from "./support.js";

const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const skip = existsSync(PROGRAM) ? false : `${PROGRAM} is missing: Debian's package chromium, or set CHROMIUM`;
const PARTS = ["base", "also", "patch", "target"];

const WORKER = `
  import * as sapwood from "./bundle/sapwood.js";
  onmessage = async ({ data: { base, patch, target, also } }) => {
    try {
      const out = await sapwood.applyPatch(new Blob([base]), patch, also ? { also } : {});
      postMessage(out.length === target.length && out.every((byte, i) => byte === target[i]) ? "right" : "wrong");
    } catch (error) {
      postMessage(error.name);
    }
  };
`;

describe("in Chromium", { skip }, () => {
  let browser;
  let server;
  let page;
  const problems = [];

  before(async () => {
    const vectors = golden.flatMap((item) => PARTS.filter((part) => item[part]).map((part) => [`/${item.name}/${part}`, item[part]]));
    const model = pair();
    server = await serve({
      ...PAGE,
      ...Object.fromEntries(vectors),
      "/try.js": Buffer.from(WORKER),
      "/model": Buffer.from(model.base),
      "/update.swpatch": Buffer.from(model.patch),
    });
    browser = await chromium.launch({ executablePath: PROGRAM, args: ["--no-sandbox"] });
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.goto(`http://localhost:${server.address().port}/`);
  });

  after(async () => {
    await browser?.close();
    server?.close();
  });

  /** A patch by the Python package if there is one, and a golden one else. */
  function pair() {
    const folder = process.env.SAPWOOD_PAIRS;
    if (folder === undefined) return byName("patch_device");
    const [{ name, base, target }] = JSON.parse(readFileSync(join(folder, "pairs.json")));
    return { base: readFileSync(base), target: readFileSync(target), patch: readFileSync(join(folder, `${name}.swpatch`)) };
  }

  /** Each vector's outcome, on the page and in a worker. */
  function outcomes(names) {
    return page.evaluate(async (list) => {
      const sapwood = await import("/bundle/sapwood.js");
      const worker = new Worker("/try.js", { type: "module" });
      const read = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
      const seen = {};
      for (const [name, parts] of list) {
        const item = Object.fromEntries(await Promise.all(parts.map(async (part) => [part, await read(`/${name}/${part}`)])));
        const options = item.also ? { also: item.also } : {};
        const here = await sapwood.applyPatch(new Blob([item.base]), item.patch, options).then(
          (out) => (out.length === item.target.length && out.every((byte, i) => byte === item.target[i]) ? "right" : "wrong"),
          (error) => error.name,
        );
        worker.postMessage(item);
        const there = await new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
        seen[name] = `${here}, ${there}`;
      }
      worker.terminate();
      return seen;
    }, names);
  }

  test("golden vectors give their targets, on a page and in a worker", { timeout: 240_000 }, async () => {
    const seen = await outcomes(golden.map((item) => [item.name, PARTS.filter((part) => item[part])]));
    const wanted = golden.map(({ name }) => [name, LEFT_OUT[name] ? "UnsupportedPatch, UnsupportedPatch" : "right, right"]);
    assert.deepEqual(seen, Object.fromEntries(wanted));
  });

  test("the demo updates a model, and shows progress and what was saved", { timeout: 60_000 }, async () => {
    const { target, patch } = pair();
    await page.evaluate(() => {
      window.values = [];
      const bar = document.getElementById("progress");
      new MutationObserver(() => window.values.push(bar.value)).observe(bar, { attributes: true });
    });
    await page.click("#install");
    await page.click("#update:enabled");
    await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Updated"));
    const facts = await page.textContent("#facts");
    assert(facts.includes(`${(target.length - patch.length).toLocaleString("en")} bytes`), facts);
    assert.equal((await page.evaluate(() => window.values)).at(-1), 1);
    assert.deepEqual(await stored(), new Uint8Array(target));
    assert.deepEqual(problems, []);
  });

  test("a patch for another model leaves the one that is there", { timeout: 60_000 }, async () => {
    const now = await stored();
    await page.click("#update:enabled");
    await page.waitForFunction(() => document.getElementById("status").className === "error");
    assert.match(await page.textContent("#status"), /^WrongBase: the base is not the one the patch was made for/);
    assert.deepEqual(await stored(), now);
  });

  async function stored() {
    const text = await page.evaluate(async () => {
      const file = await (await (await navigator.storage.getDirectory()).getFileHandle("model")).getFile();
      return Array.from(new Uint8Array(await file.arrayBuffer()), (byte) => String.fromCharCode(byte)).join("");
    });
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  }
});
