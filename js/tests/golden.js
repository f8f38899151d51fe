/** The golden vectors of tests/golden, as patches. Also served to a browser, so it reads nothing itself. */

/** Blocks that every decoder must take. `read(name)` gives a file's bytes; `wrap` makes patches (write_patch.js). */
export async function goldenPatches(cases, read, wrap) {
  const made = [];
  for (const [name, facts] of Object.entries(cases)) {
    const [payload, base, target] = await Promise.all([facts.payload, facts.base, facts.target].map(read));
    const also = facts.also ? await read(facts.also) : null;
    if (facts.kind === "patch") {
      made.push({ name, codec: "patch", base, also, target, patch: payload });
      continue;
    }
    const { codec, length, span } = facts;
    const factors = facts.factors ? wrap.block({ codec: "FACTORS", length: 0, payload: await read(facts.factors) }) : Buffer.alloc(0);
    const coded = Buffer.concat([factors, wrap.block({ codec, length, payload, span })]);
    made.push({ name, codec, facts: { payload, span }, base, also, target, patch: await wrap.patchOf(base, target, [[length, coded]]) });
  }
  return made;
}
