import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test from "node:test";
import * as sapwood from "../dist/index.js";
import { byName } from "./support.js";
import { block, chunkList, container, identity, patchOf, record, storedPatch, varint } from "./write_patch.js";

const { applyPatch, info, verify } = sapwood;
const bytes = (text) => new TextEncoder().encode(text);
const base = bytes("the old model");
const target = bytes("the new model");

async function refuses(kind, patch, options = {}, from = base) {
  let error = null;
  await applyPatch(from, patch, options).catch((thrown) => (error = thrown));
  assert.equal(error?.constructor.name, kind.name, String(error));
  assert.equal(error.code, kind.code);
  assert.equal(error.name, kind.name);
  return error;
}

test("classes and codes are those of the Python package", () => {
  const kinds = Object.values(sapwood).filter((value) => value.prototype instanceof Error);
  assert.deepEqual(
    Object.fromEntries(kinds.map(({ name, code }) => [name, code]).toSorted((a, b) => a[1] - b[1])),
    {
      SapwoodError: 1, WrongCall: 2, GuardrailRefused: 4,
      BadData: 10, CorruptPatch: 11, WrongBase: 12, DigestMismatch: 13, BadSignature: 14, RollbackRefused: 15,
      UnsupportedPatch: 16, LimitExceeded: 17,
      Unavailable: 20, StorageFailure: 21, DiskFull: 22, MissingDependency: 23,
    },
  );
});

test("an error is one line with its facts and what to do", async () => {
  const error = await refuses(sapwood.CorruptPatch, bytes("not\na patch at all"));
  assert.match(error.message, /^not a sapwood patch at offset 0 \(expected 89535750, found 6e6f740a\)\. Check its address\.$/);
  assert.equal(error.offset, 0);
});

test("signatures: right, missing, another's, and of changed bytes", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ type: "spki", format: "pem" });
  const raw = new Uint8Array(publicKey.export({ type: "spki", format: "der" }).subarray(12));
  const signed = await storedPatch(base, target, { key: privateKey });
  for (const key of [pem, raw]) assert.deepEqual(await applyPatch(base, signed, { key }), target);
  assert((await info(signed)).isSigned);
  await refuses(sapwood.BadSignature, await storedPatch(base, target), { key: pem });
  const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
  await refuses(sapwood.BadSignature, signed, { key: other });
  for (const key of ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", new Uint8Array(31), 7]) {
    await refuses(sapwood.WrongCall, signed, { key });
  }
  // A changed manifest under an old signature, with a CRC-32 that fits.
  const changed = await storedPatch(base, target, { flags: 1, extra: [[11, varint(9)]] });
  const size = changed.length - 3 - target.length;
  const forged = Buffer.concat([changed.subarray(0, size), Buffer.alloc(64, 1), changed.subarray(size)]);
  await refuses(sapwood.BadSignature, forged, { key: pem });
  await refuses(sapwood.CorruptPatch, await storedPatch(base, target, { key: privateKey, digestSize: 8 }));
});

test("a MAC is no signature: it is named, and refused where a key is asked for", async () => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ type: "spki", format: "pem" });
  const withMac = await storedPatch(base, target, { flags: 2, code: Buffer.alloc(16, 7), digestSize: 32 });
  assert.deepEqual(await applyPatch(base, withMac), target);
  const { isSigned, authentication } = await info(withMac);
  assert.deepEqual([isSigned, authentication], [true, "aes-cmac"]);
  const error = await refuses(sapwood.BadSignature, withMac, { key });
  assert.deepEqual([error.expected, error.found], ["ed25519", "aes-cmac"]);
  await refuses(sapwood.CorruptPatch, withMac.subarray(0, withMac.length - 3 - target.length - 1));
  await refuses(sapwood.CorruptPatch, await storedPatch(base, target, { flags: 2, code: Buffer.alloc(16), digestSize: 8 }));
  await refuses(sapwood.UnsupportedPatch, await storedPatch(base, target, { flags: 3, code: Buffer.alloc(64) }));
});

test("where WebCrypto has no Ed25519, @noble/curves checks", async (t) => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ type: "spki", format: "pem" });
  const signed = await storedPatch(base, target, { key: privateKey });
  const other = await storedPatch(base, target, { key: generateKeyPairSync("ed25519").privateKey });
  const unsupported = Object.assign(new Error("no"), { name: "NotSupportedError" });
  const importing = t.mock.method(crypto.subtle, "importKey", () => Promise.reject(unsupported));
  assert.deepEqual(await applyPatch(base, signed, { key }), target);
  await refuses(sapwood.BadSignature, other, { key });
  assert.equal(importing.mock.callCount(), 2);
});

test("an older version is refused, before anything else is looked at", async () => {
  const patch = await storedPatch(base, target, { extra: [[11, varint(41)]] });
  assert.equal((await info(patch)).versionCounter, 41n);
  assert.deepEqual(await applyPatch(base, patch, { minVersion: 41 }), target);
  await refuses(sapwood.RollbackRefused, patch, { minVersion: 42n });
  await refuses(sapwood.RollbackRefused, await storedPatch(base, target), { minVersion: 1 });
});

test("guardrails are checked against what the device is", async () => {
  const guard = (type, content) => Buffer.concat([varint(type), varint(content.length), Buffer.from(content)]);
  const guards = [guard(1, varint(4096)), guard(2, bytes("v7")), guard(9, bytes("kws")), guard(257, [1, 2])];
  const patch = await storedPatch(base, target, { extra: [[17, Buffer.concat(guards)]] });
  const device = { arena_bytes: 4096, family: ["asr", "kws"], 257: "0102" };
  assert.deepEqual(await applyPatch(base, patch, { device }), target);
  assert.deepEqual(await applyPatch(base, patch), target);
  assert.deepEqual((await info(patch)).guards[0], { key: "arena_bytes", value: 4096n, isCritical: true });
  for (const [key, value] of [["arena_bytes", 4095], ["family", "asr"], [257, "0103"], ["family", []]]) {
    await refuses(sapwood.GuardrailRefused, patch, { device: { ...device, [key]: value } });
  }
  await refuses(sapwood.GuardrailRefused, patch, { device: { family: "kws" } });
  await refuses(sapwood.WrongCall, patch, { device: { ...device, arena: 1 } });
  await refuses(sapwood.WrongCall, patch, { device: { ...device, arena_bytes: "much" } });
  const wrong = Buffer.concat([guards[1], guards[0]]);
  await refuses(sapwood.CorruptPatch, await storedPatch(base, target, { extra: [[17, wrong]] }));
  const many = Buffer.concat(Array.from({ length: 65 }, (_, i) => guard(300 + i, [])));
  await refuses(sapwood.LimitExceeded, await storedPatch(base, target, { extra: [[17, many]] }));
});

test("a target larger than what is allowed is refused, whatever it claims", async () => {
  const patch = await storedPatch(base, target);
  await refuses(sapwood.LimitExceeded, patch, { maxTarget: target.length - 1 });
  const claim = Buffer.concat([Buffer.from([1]), varint(2n ** 50n), Buffer.alloc(32)]);
  const chunks = Buffer.concat([Buffer.from([32]), varint(2n ** 50n), varint(9), Buffer.alloc(32)]);
  const huge = container([record(3, claim), record(9, chunks)], []);
  await refuses(sapwood.LimitExceeded, huge);
  await refuses(sapwood.CorruptPatch, huge, { maxTarget: Infinity });
  const uncounted = Buffer.concat([Buffer.from([1]), varint(2n ** 60n), Buffer.alloc(32)]);
  await refuses(sapwood.LimitExceeded, container([record(3, uncounted), record(9, chunks)], []));
});

test("bytes that are read again are held up to a limit, and never for a device", async () => {
  const { base: from, target: to, patch } = byName("patch_kept");
  const { kept } = await info(patch);
  assert(kept > 0);
  assert.deepEqual(await applyPatch(from, patch, { maxKept: kept }), to);
  await refuses(sapwood.LimitExceeded, patch, { maxKept: kept - 1 }, from);
  const profile = [8, Buffer.from([1, 1, 1, 1])];
  for (const extra of [[[19, [0, 1]], profile], [[19, []]], [[19, [0, 0]]], [[19, [target.length, 1]]], [[19, [0, 1, 0]]]]) {
    await refuses(sapwood.CorruptPatch, await storedPatch(base, target, { extra }));
  }
});

test("what later versions add is refused, or passed over if it is even", async () => {
  await refuses(sapwood.UnsupportedPatch, await storedPatch(base, target, { version: 2 }));
  await refuses(sapwood.UnsupportedPatch, await storedPatch(base, target, { flags: 4 }));
  await refuses(sapwood.UnsupportedPatch, await storedPatch(base, target, { extra: [[101, []]] }));
  await refuses(sapwood.UnsupportedPatch, await storedPatch(base, target, { extra: [[15, [2]]] }));
  assert.deepEqual(await applyPatch(base, await storedPatch(base, target, { extra: [[100, [1]]] })), target);
  const block15 = Buffer.from([15, 1, 1, 0]);
  await refuses(sapwood.UnsupportedPatch, await patchOf(base, bytes("x"), [[1, block15]]));
});

test("folders are shown, and refused by name", async () => {
  const files = Buffer.concat([varint(1), varint(3), bytes("a/b"), varint(target.length)]);
  const chunks = [[target.length, block({ codec: "STORED", length: target.length, payload: Buffer.from(target) })]];
  const make = async (list) =>
    container([record(3, await identity(target, "blake3", 2)), record(7, list), record(9, await chunkList(chunks))], chunks);
  const patch = await make(files);
  assert.deepEqual((await info(patch)).target.files, [{ path: "a/b", size: target.length }]);
  await refuses(sapwood.UnsupportedPatch, patch, {}, null);
  for (const path of ["../x", "/x", "a//b", "a\\b", "c:x", "."]) {
    const list = Buffer.concat([varint(1), varint(path.length), bytes(path), varint(target.length)]);
    await assert.rejects(info(await make(list)), sapwood.CorruptPatch, path);
  }
});

test("digests: of chunks, and of the target at the end", async () => {
  const good = await storedPatch(base, target);
  const changed = good.slice();
  changed[changed.length - 1] ^= 1;
  await refuses(sapwood.CorruptPatch, changed);
  await assert.rejects(verify(null, changed), sapwood.CorruptPatch);
  await verify(null, good);
  const chunks = [[target.length, block({ codec: "STORED", length: target.length, payload: Buffer.from(base) })]];
  await refuses(sapwood.DigestMismatch, await patchOf(base, target, chunks));
  await refuses(sapwood.DigestMismatch, await patchOf(base, target, chunks, { hash: "sha256" }));
});

test("a device's profile is shown; DEVICE blocks want one base below 4 GiB", async () => {
  const { base: from, target: to, patch } = byName("patch_device");
  const told = await info(patch);
  assert.equal(told.hash, "sha256");
  assert([512, 2048].includes(told.profile.state));
  assert.equal(told.size, patch.length);
  const two = await patchOf(from, to, [[to.length, block({ codec: "DEVICE", length: to.length, payload: Buffer.alloc(9) })]], {
    extra: [[13, await identity(base)]],
  });
  await refuses(sapwood.CorruptPatch, two, { also: base }, from);
});
