import assert from "node:assert/strict";
import test from "node:test";
import { CorruptPatch, DiskFull, StorageFailure, WrongBase, WrongCall, applyPatch, applyStream, info } from "../dist/index.js";
import { byName, random, recorder, streamOf } from "./support.js";
import { block, patchOf } from "./write_patch.js";

const { base, target, patch } = byName("patch_device");

for (const [kind, open] of Object.entries({
  bytes: () => patch,
  "an ArrayBuffer": () => patch.buffer.slice(patch.byteOffset, patch.byteOffset + patch.byteLength),
  "a Blob": () => new Blob([patch]),
  "single bytes": () => streamOf(patch, 1),
  "pieces of 7 bytes": () => streamOf(patch, 7),
  "a Response": () => new Response(patch),
})) {
  test(`a patch comes as ${kind}`, async () => {
    const { stream, seen } = recorder();
    const told = await applyStream(new Blob([base]), open(), stream);
    assert.deepEqual(new Uint8Array(seen.bytes()), target);
    assert(seen.isClosed);
    assert.equal(told.target.size, target.length);
  });
}

test("only the opening is read for info, and the stream is let go", async () => {
  let cancelled = false;
  const source = streamOf(patch, 16).getReader();
  const stream = new ReadableStream({
    pull: async (controller) => controller.enqueue((await source.read()).value),
    cancel: () => void (cancelled = true),
  });
  assert.equal((await info(stream)).target.size, target.length);
  assert(cancelled);
});

test("what goes wrong aborts the sink, and names the cause", async () => {
  const wrong = base.slice();
  wrong[5] ^= 1;
  for (const [from, given, kind] of [
    [base, patch.slice(0, -1), CorruptPatch],
    [base, Buffer.concat([patch, patch]), CorruptPatch],
    [wrong, patch, WrongBase],
    [null, patch, WrongBase],
    [base.slice(1), patch, WrongBase],
  ]) {
    const { stream, seen } = recorder();
    await assert.rejects(applyStream(from, given, stream), kind);
    assert(seen.reason instanceof kind);
    assert(!seen.isClosed);
  }
});

test("failing storage and networks are told as such", async () => {
  const fails = (error) => () => Promise.reject(error);
  const full = Object.assign(new Error("full"), { name: "QuotaExceededError" });
  const cases = [
    [{ size: base.length, read: fails(new Error("gone")) }, patch, recorder().stream, StorageFailure],
    [{ size: base.length, read: () => new Uint8Array(3) }, patch, recorder().stream, StorageFailure],
    [base, new ReadableStream({ pull: fails(new Error("cut")) }), recorder().stream, StorageFailure],
    [base, new Response("no", { status: 404 }), recorder().stream, StorageFailure],
    [base, patch, new WritableStream({ write: fails(new Error("broken")) }), StorageFailure],
    [base, patch, new WritableStream({ write: fails(full) }), DiskFull],
    [base, patch, { createWritable: fails(full) }, DiskFull],
  ];
  for (const [from, given, sink, kind] of cases) await assert.rejects(applyStream(from, given, sink), kind);
});

test("calls that make no sense are refused", async () => {
  const used = new Response(patch);
  await used.arrayBuffer();
  const locked = recorder().stream;
  locked.getWriter();
  await assert.rejects(applyPatch(base, used), WrongCall);
  await assert.rejects(applyStream(base, patch, locked), WrongCall);
  await assert.rejects(applyPatch(base, new ReadableStream({ start: (stream) => stream.enqueue("text") })), WrongCall);
  await assert.rejects(applyPatch(base, 5), WrongCall);
  await assert.rejects(applyPatch("model", patch), WrongCall);
  await assert.rejects(applyStream(base, patch, "file"), WrongCall);
  await assert.rejects(applyPatch(base, patch, { also: base }), WrongCall);
});

test("progress comes in order and ends at all bytes", async () => {
  const seen = [];
  await applyPatch(base, patch, { onProgress: (...told) => seen.push(told) });
  assert.deepEqual(seen.filter(([, , phase]) => phase === "base").at(-1), [base.length, base.length, "base"]);
  assert.deepEqual(seen.at(-1), [target.length, target.length, "target"]);
  for (const phase of ["base", "target"]) {
    const done = seen.filter((told) => told[2] === phase).map(([value]) => value);
    assert.deepEqual(done, done.toSorted((a, b) => a - b));
  }
});

test("a signal ends the work with its reason", async () => {
  const { stream, seen } = recorder();
  const ending = new AbortController();
  const reason = new Error("enough");
  const onProgress = (_done, _total, phase) => phase === "target" && ending.abort(reason);
  await assert.rejects(applyStream(base, patch, stream, { signal: ending.signal, onProgress }), reason);
  assert.equal(seen.reason, reason);
  await assert.rejects(applyPatch(base, patch, { signal: AbortSignal.abort(reason) }), reason);
});

test("a signal ends waiting for a patch that does not come", async () => {
  let cancelled = false;
  const waiting = new ReadableStream({ cancel: () => void (cancelled = true) });
  const ending = new AbortController();
  const working = applyPatch(base, waiting, { signal: ending.signal });
  setTimeout(() => ending.abort(new Error("enough")), 20);
  await assert.rejects(working, { message: "enough" });
  assert(cancelled);
});

test("a large target flows: no more is held than is in hand", async () => {
  const next = random(3);
  const part = Uint8Array.from({ length: 1 << 20 }, () => next(256));
  const count = 24;
  const chunk = [part.length, block({ codec: "STORED", length: part.length, payload: Buffer.from(part) })];
  const whole = Buffer.concat(Array(count).fill(part));
  const large = await patchOf(null, whole, Array(count).fill(chunk));
  let taken = 0;
  let most = 0;
  let written = 0;
  const source = new ReadableStream(
    {
      pull(controller) {
        if (taken >= large.length) return controller.close();
        controller.enqueue(large.slice(taken, taken + 65536));
        taken += 65536;
        most = Math.max(most, taken - written);
      },
    },
    { highWaterMark: 0 },
  );
  await applyStream(null, source, new WritableStream({ write: (piece) => void (written += piece.length) }));
  assert.equal(written, whole.length);
  assert(most < 3 << 20, `${most} bytes were held`);
});
