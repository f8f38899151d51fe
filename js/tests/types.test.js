import { execFileSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";

test("the types serve a strict program", () => {
  const here = (path) => fileURLToPath(new URL(path, import.meta.url));
  const flags = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--types", ""];
  execFileSync(here("../node_modules/.bin/tsc"), ["--ignoreConfig", ...flags, here("usage.ts")], { stdio: "pipe" });
});
