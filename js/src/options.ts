/** What every call takes, and the check of what a patch says against it. */
import { LimitExceeded, RollbackRefused, UnsupportedPatch } from "./errors.js";
import { checkGuards, type DeviceFacts } from "./guards.js";
import { MOST_KEPT } from "./limits.js";
import type { Manifest } from "./manifest.js";
import type { PublicKey } from "./signature.js";
import type { BaseSource } from "./sources.js";

/** `base`: bytes of the base that were checked. `target`: bytes of the target that were made. */
export type Phase = "base" | "target";

export interface Options {
  /** The publisher's public key. A patch that it did not sign is refused. */
  key?: PublicKey;
  /** Patches with a lower version counter are refused. */
  minVersion?: number | bigint;
  /** Bytes of the largest target that is taken. In memory 1 GiB if nothing else is said, else without a limit. */
  maxTarget?: number;
  /** Bytes of the target that are held in memory because the patch reads them again; 256 MiB if not said. */
  maxKept?: number;
  /** What the device is for which the patch is: guardrails are checked. Without it they are not. */
  device?: DeviceFacts;
  /** The second base, for a patch that was made with one. */
  also?: BaseSource;
  /** Called with bytes done and bytes in all. */
  onProgress?: (done: number, total: number, phase: Phase) => void;
  /** Ends the work with the signal's reason. */
  signal?: AbortSignal;
}

/** Refuse what the caller does not take, before anything is read or written. */
export function checkAllowed(manifest: Manifest, options: Options, most: number): void {
  const least = BigInt(options.minVersion ?? 0);
  if (manifest.versionCounter < least) {
    throw new RollbackRefused("the patch is older than what is allowed", {
      expected: `version counter ${least} or more`,
      found: manifest.versionCounter,
      advice: "Fetch the newest patch.",
    });
  }
  if (options.device !== undefined) checkGuards(manifest.guards, options.device);
  const largest = options.maxTarget ?? most;
  if (manifest.target.size > largest) {
    throw new LimitExceeded("the target is larger than what is allowed", {
      expected: `at most ${largest} bytes`,
      found: `${manifest.target.size} bytes`,
      advice: "Raise maxTarget if you trust whoever made the patch.",
    });
  }
  const kept = manifest.kept.reduce((sum, { length }) => sum + length, 0);
  const mostKept = options.maxKept ?? MOST_KEPT;
  if (kept > mostKept) {
    throw new LimitExceeded("more of the target would be held in memory than is allowed", {
      expected: `at most ${mostKept} bytes`,
      found: `${kept} bytes`,
      advice: "Raise maxKept, or apply the patch with the command line.",
    });
  }
  if ([manifest.base, manifest.secondBase, manifest.target].some((model) => model?.shape === "folder")) {
    throw new UnsupportedPatch("the patch is for folders, which this package does not take", {
      advice: "Apply it with the command line: sapwood apply.",
    });
  }
}
