/** The page's side: buttons, progress, and what was saved. The work is done in worker.js. */
const find = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const MODEL = "model";

const bytes = (count) => `${count.toLocaleString("en")} bytes`;
const modelHandle = async (create) => (await navigator.storage.getDirectory()).getFileHandle(MODEL, { create });

function say(text, isError = false) {
  find("status").textContent = text;
  find("status").className = isError ? "error" : "";
}

function show(facts) {
  find("facts").replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [
      Object.assign(document.createElement("dt"), { textContent: name }),
      Object.assign(document.createElement("dd"), { textContent: value }),
    ]),
  );
}

function enable(isOn, hasModel = isOn) {
  find("install").disabled = !isOn;
  find("update").disabled = find("save").disabled = !isOn || !hasModel;
}

async function install(blob) {
  const file = await (await modelHandle(true)).createWritable();
  await blob.stream().pipeTo(file);
  find("progress").value = 0;
  show({ model: bytes(blob.size) });
  say("The model is here.");
  enable(true);
}

/** `patch`: null for the server's. */
function update(patch) {
  enable(false);
  const start = performance.now();
  worker.onmessage = ({ data }) => {
    if (data.kind === "progress") {
      find("progress").value = data.done / data.total;
      say(data.phase === "base" ? "Checking the model …" : "Updating the model …");
      return;
    }
    enable(true);
    if (data.kind === "error") {
      say(`${data.name}: ${data.message}`, true);
      return;
    }
    const { size, target, profile } = data.info;
    say(`Updated in ${Math.round(performance.now() - start)} ms.`);
    show({
      "model now": bytes(target.size),
      "its digest": target.digest,
      "patch fetched": bytes(size),
      "saved by the patch": `${bytes(target.size - size)}, ${(100 * (1 - size / target.size)).toFixed(1)} %`,
      "made for": profile ? `devices, ${profile.state} bytes of state` : "machines with some 50 MiB to spare",
    });
  };
  worker.postMessage({ model: MODEL, patch });
}

find("install").onclick = async () => {
  const response = await fetch("model");
  if (response.ok) await install(await response.blob());
  else say("The server has no model.", true);
};
find("update").onclick = () => update(find("patch").files[0] ?? null);
find("model").onchange = () => install(find("model").files[0]);
find("save").onclick = async () => {
  const file = await (await modelHandle(false)).getFile();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: MODEL });
  link.click();
  URL.revokeObjectURL(link.href);
};
