/** Guardrails: what a device must be for a patch (docs/SPEC.md, "Guardrails"). */
import { ByteReader, hex } from "./bytes.js";
import { GuardrailRefused, LimitExceeded, WrongCall } from "./errors.js";
import { MAX_GUARD, MAX_GUARDS } from "./limits.js";

const ARENA_BYTES = 1;
/** Types from here on mean what a vendor says. */
const FIRST_VENDOR = 256n;

type Kind = "number" | "text" | "hash" | "vendor";

const KNOWN: ReadonlyMap<number, readonly [string, Kind]> = new Map([
  [ARENA_BYTES, ["arena_bytes", "number"]],
  [2, ["model_version", "text"]],
  [3, ["runtime_abi", "text"]],
  [5, ["operator_set", "hash"]],
  [7, ["io_schema", "hash"]],
  [9, ["family", "text"]],
]);

/** One condition. `key` is its name, or its number if it has none; `value` a number, a text, or hexadecimal. */
export interface Guard {
  readonly key: string;
  readonly value: bigint | string;
  /** Whether a device must know and meet it. */
  readonly isCritical: boolean;
}

export type DeviceFact = number | bigint | string;

/** What a device offers, by the names of guards: a value, or a list of those it takes. Hashes in hexadecimal. */
export type DeviceFacts = Readonly<Record<string, DeviceFact | readonly DeviceFact[]>>;

/** The record's content. */
export function readGuards(reader: ByteReader): Guard[] {
  const guards: Guard[] = [];
  let last = -1n;
  while (reader.left > 0) {
    const type = reader.big("type of a guard");
    const content = reader.prefixed("content of a guard");
    if (type <= last) throw reader.error("guards are not in the order of their types", { found: type });
    last = type;
    if (guards.length === MAX_GUARDS || content.length > MAX_GUARD) {
      throw new LimitExceeded("too many guards, or too long a one", {
        expected: `${MAX_GUARDS} guards of ${MAX_GUARD} bytes`,
      });
    }
    const [key, kind] = KNOWN.get(Number(type)) ?? [String(type), "vendor" as const];
    guards.push({ key, value: valueOf(kind, content, reader), isCritical: (type & 1n) === 1n });
  }
  return guards;
}

function valueOf(kind: Kind, content: Uint8Array, reader: ByteReader): bigint | string {
  if (kind === "text") return reader.text(content, "content of a guard");
  if (kind === "number") {
    const inner = new ByteReader(content, reader.offset + reader.at - content.length);
    const value = inner.big("content of a guard");
    if (inner.left > 0) throw inner.error("a guard's content does not fit its type");
    return value;
  }
  if (kind === "hash" && content.length !== 8) throw reader.error("a guard's content does not fit its type");
  return hex(content);
}

/** Refuse a device that does not meet a critical guard, or does not say whether it does. */
export function checkGuards(guards: readonly Guard[], facts: DeviceFacts): void {
  const names = new Set([...KNOWN.values()].map(([name]) => name));
  for (const key of Object.keys(facts)) {
    if (!names.has(key) && !(/^\d{3,20}$/.test(key) && BigInt(key) >= FIRST_VENDOR)) {
      throw new WrongCall("no such guard", {
        expected: `${[...names].join(", ")} or a number from ${FIRST_VENDOR} on`,
        found: key,
      });
    }
  }
  for (const guard of guards.filter(({ isCritical }) => isCritical)) checkGuard(guard, facts[guard.key]);
}

function checkGuard(guard: Guard, fact: DeviceFacts[string] | undefined): void {
  if (fact === undefined) {
    throw new GuardrailRefused(`the device does not tell its ${guard.key}`, {
      expected: guard.value,
      advice: `Add ${guard.key} to the device's facts.`,
    });
  }
  const offers = Array.isArray(fact) ? (fact as readonly DeviceFact[]) : [fact as DeviceFact];
  if (!offers.some((offer) => meets(guard, offer))) {
    throw new GuardrailRefused(`the patch is not for this device: its ${guard.key} does not fit`, {
      expected: typeof guard.value === "bigint" ? `${guard.value} or more` : guard.value,
      found: offers.join(", "),
      advice: "Send the device a patch that was made for it.",
    });
  }
}

function meets(guard: Guard, offer: DeviceFact): boolean {
  if (typeof guard.value === "string") return guard.value === String(offer);
  try {
    return BigInt(offer) >= guard.value;
  } catch {
    throw new WrongCall(`${guard.key} is a whole number`, { found: String(offer) });
  }
}
