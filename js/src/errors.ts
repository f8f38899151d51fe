/**
 * Every error Sapwood throws on purpose: one family, in three branches that say whose fault it is. Names and codes are
 * those of the Python package (sapwood.errors), whose command line exits with the code.
 *
 *     SapwoodError              1
 *     ├── WrongCall             2   the caller's mistake
 *     │   └── GuardrailRefused  4
 *     ├── BadData              10   what was read is not what it should be
 *     │   ├── CorruptPatch     11
 *     │   ├── WrongBase        12
 *     │   ├── DigestMismatch   13
 *     │   ├── BadSignature     14
 *     │   ├── RollbackRefused  15
 *     │   ├── UnsupportedPatch 16
 *     │   └── LimitExceeded    17
 *     └── Unavailable          20   storage, network or a package fails
 *         ├── StorageFailure   21
 *         ├── DiskFull         22
 *         └── MissingDependency 23
 */

/** What is known about an error beside its message. */
export interface Facts {
  /** Where in the patch, in bytes from its start. */
  offset?: number | undefined;
  /** What should have been there. */
  expected?: string | number | bigint | undefined;
  /** What was there. */
  found?: string | number | bigint | undefined;
  /** What to do about it, as a whole sentence. */
  advice?: string;
  /** The error that this one tells of. */
  cause?: unknown;
}

/** Anything Sapwood refuses or cannot do. */
export class SapwoodError extends Error {
  static readonly code: number = 1;
  // Said and not asked of the class: whoever makes code small gives classes other names.
  override readonly name: string = "SapwoodError";
  readonly offset: number | undefined;
  readonly expected: string | number | bigint | undefined;
  readonly found: string | number | bigint | undefined;
  readonly advice: string;

  constructor(what: string, facts: Facts = {}) {
    super(describe(what, facts), facts.cause === undefined ? undefined : { cause: facts.cause });
    this.offset = facts.offset;
    this.expected = facts.expected;
    this.found = facts.found;
    this.advice = facts.advice ?? "";
  }

  /** The number of its class: the exit code of the command line for the same error. */
  get code(): number {
    return (this.constructor as typeof SapwoodError).code;
  }
}

/** The call makes no sense: an argument or an option is wrong. */
export class WrongCall extends SapwoodError {
  static override readonly code: number = 2;
  override readonly name: string = "WrongCall";
}

/** The patch is sound, but not for the device that is described. */
export class GuardrailRefused extends WrongCall {
  static override readonly code: number = 4;
  override readonly name: string = "GuardrailRefused";
}

/** What was read is not what it should be. */
export class BadData extends SapwoodError {
  static override readonly code: number = 10;
  override readonly name: string = "BadData";
}

/** The patch is damaged, cut short or not a patch. */
export class CorruptPatch extends BadData {
  static override readonly code: number = 11;
  override readonly name: string = "CorruptPatch";
}

/** The base is not the one the patch was made for. */
export class WrongBase extends BadData {
  static override readonly code: number = 12;
  override readonly name: string = "WrongBase";
}

/** The result does not have the digest that was promised. */
export class DigestMismatch extends BadData {
  static override readonly code: number = 13;
  override readonly name: string = "DigestMismatch";
}

/** The signature is missing, wrong or made with another key. */
export class BadSignature extends BadData {
  static override readonly code: number = 14;
  override readonly name: string = "BadSignature";
}

/** The patch leads to a version that is older than what is allowed. */
export class RollbackRefused extends BadData {
  static override readonly code: number = 15;
  override readonly name: string = "RollbackRefused";
}

/** The patch needs what this package lacks: a version, a codec, a flag, or folders. */
export class UnsupportedPatch extends BadData {
  static override readonly code: number = 16;
  override readonly name: string = "UnsupportedPatch";
}

/** The data asks for more than a limit allows. */
export class LimitExceeded extends BadData {
  static override readonly code: number = 17;
  override readonly name: string = "LimitExceeded";
}

/** Something outside the data fails: storage, the network, a package. */
export class Unavailable extends SapwoodError {
  static override readonly code: number = 20;
  override readonly name: string = "Unavailable";
}

/** A base, a patch or a sink could not be read or written. */
export class StorageFailure extends Unavailable {
  static override readonly code: number = 21;
  override readonly name: string = "StorageFailure";
}

/** There is no room left for the output. */
export class DiskFull extends Unavailable {
  static override readonly code: number = 22;
  override readonly name: string = "DiskFull";
}

/** An optional package that this needs is not installed. */
export class MissingDependency extends Unavailable {
  static override readonly code: number = 23;
  override readonly name: string = "MissingDependency";
}

/** What to do about a damaged patch. */
export const FETCH_AGAIN = "Fetch the patch again, or make it anew.";

function describe(what: string, facts: Facts): string {
  let line = what;
  if (facts.offset !== undefined) line += ` at offset ${facts.offset}`;
  const known = (["expected", "found"] as const).filter((label) => facts[label] !== undefined);
  if (known.length > 0) line += ` (${known.map((label) => `${label} ${printable(facts[label])}`).join(", ")})`;
  return facts.advice ? `${line}. ${facts.advice}` : line;
}

/** One line, and never a whole screen: facts may come from a stranger's patch. */
function printable(fact: unknown): string {
  const text = String(fact).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`);
  return text.length <= 160 ? text : `${text.slice(0, 160)}…`;
}
