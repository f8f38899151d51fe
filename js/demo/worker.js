/** Updates a model in the private file system, away from the page. */
import { applyStream } from "./bundle/sapwood.js";

onmessage = async ({ data: { model, patch } }) => {
  try {
    const file = await (await navigator.storage.getDirectory()).getFileHandle(model);
    const info = await applyStream(await file.getFile(), patch ?? (await fetch("update.swpatch")), file, {
      onProgress: (done, total, phase) => postMessage({ kind: "progress", done, total, phase }),
    });
    postMessage({ kind: "done", info });
  } catch ({ name, message }) {
    postMessage({ kind: "error", name, message });
  }
};
