/** How a program in TypeScript uses the package: compiled by types.test.js, never run. */
import { SapwoodError, applyPatch, applyStream, info, verify, type Options, type PatchInfo, type ReadAt } from "sapwood";

const far: ReadAt = { size: 3, read: (_at, length) => new Uint8Array(length) };
const options: Options = {
  key: "-----BEGIN PUBLIC KEY-----",
  minVersion: 3n,
  device: { arena_bytes: 5, family: ["asr", "kws"] },
  onProgress: (done, total, phase) => console.log(phase, done / total),
};

export async function use(file: FileSystemFileHandle, response: Response): Promise<Uint8Array> {
  const told: PatchInfo = await applyStream(far, response, file, options);
  const target: Uint8Array = await applyPatch(null, new Uint8Array(told.size), { also: await file.getFile() });
  try {
    await verify(await file.getFile(), target);
    await info(new Blob());
  } catch (error) {
    if (error instanceof SapwoodError) console.log(error.code, error.offset, error.advice);
  }
  return target;
}
