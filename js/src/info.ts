/** A manifest for people. */
import { hex } from "./bytes.js";
import type { HashName } from "./digest.js";
import type { Guard } from "./guards.js";
import type { FileEntry, Identity, Profile } from "./manifest.js";
import type { Authentication, Opening } from "./opening.js";

export interface ModelInfo {
  readonly shape: "file" | "folder";
  /** In bytes. */
  readonly size: number;
  /** In hexadecimal. */
  readonly digest: string;
  /** Of a folder. */
  readonly files: readonly FileEntry[];
}

export interface PatchInfo {
  /** Bytes of the whole patch. */
  readonly size: number;
  /** Of the model, such as `tflite`; empty if it is not known. */
  readonly format: string;
  readonly base: ModelInfo | null;
  readonly secondBase: ModelInfo | null;
  readonly target: ModelInfo;
  /** What all digests are made by. */
  readonly hash: HashName;
  readonly chunks: number;
  readonly versionCounter: bigint;
  /** Whether it carries a signature or a MAC; only a key tells whether that is good. */
  readonly isSigned: boolean;
  readonly authentication: Authentication;
  /** In hexadecimal; empty if the patch names no key. It finds a key and proves nothing. */
  readonly keyId: string;
  /** What a device needs; null for a patch that is for none. */
  readonly profile: Profile | null;
  readonly guards: readonly Guard[];
  /** Bytes of the target that are read again for what repeats them. */
  readonly kept: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export function describePatch({ manifest, authentication, size }: Opening): PatchInfo {
  const { base, secondBase, target, chunks, keyId, metadata, format, hash, versionCounter, profile, guards, kept } = manifest;
  return {
    size: chunks.reduce((sum, { coded }) => sum + coded, size),
    format,
    base: base && describeModel(base),
    secondBase: secondBase && describeModel(secondBase),
    target: describeModel(target),
    hash,
    chunks: chunks.length,
    versionCounter,
    isSigned: authentication !== "none",
    authentication,
    keyId: hex(keyId),
    profile,
    guards,
    kept: kept.reduce((sum, { length }) => sum + length, 0),
    metadata: Object.fromEntries(metadata),
  };
}

function describeModel({ shape, size, digest, files }: Identity): ModelInfo {
  return { shape, size, digest: hex(digest), files };
}
