/** Serves the demo: node demo/serve.js MODEL PATCH [PORT]. No cache, no listing, nothing outside what is named here. */
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };

const BUNDLE = "../dist/bundle/";

/** Files by the path they are asked for. */
export const PAGE = {
  "/": here("index.html"),
  "/demo.js": here("demo.js"),
  "/worker.js": here("worker.js"),
  ...Object.fromEntries(readdirSync(here(BUNDLE)).map((name) => [`/bundle/${name}`, here(BUNDLE + name)])),
};

/** A server on this machine alone. `routes`: a file's path, or bytes, by the path asked for. */
export function serve(routes, port = 0) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const found = routes[pathname];
    if (found === undefined) return response.writeHead(404).end();
    const type = TYPES[String(found).split(".").pop()] ?? TYPES[pathname.split(".").pop()] ?? "application/octet-stream";
    const bytes = typeof found === "string" ? await readFile(found) : found;
    return response.writeHead(200, { "content-type": type, "content-length": bytes.length }).end(bytes);
  });
  return new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, patch, port = "8080"] = process.argv.slice(2);
  if (patch === undefined) {
    console.error("usage: node demo/serve.js MODEL PATCH [PORT]");
    process.exit(2);
  }
  await serve({ ...PAGE, "/model": model, "/update.swpatch": patch }, Number(port));
  console.log(`http://localhost:${port}/`);
}
