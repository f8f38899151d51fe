/** What a patch may claim (docs/SPEC.md, "Limits"). What is larger is refused, not read. */

export const MAX_MANIFEST = 16 << 20;
export const MAX_RECORDS = 256;
export const MAX_FILES = 100_000;
/** Spans of the target that are read again. */
export const MAX_KEPT = 1 << 18;
export const MAX_GUARDS = 64;
/** Bytes of one guard's content. */
export const MAX_GUARD = 1024;
/** Bytes of one file's path. */
export const MAX_PATH = 4096;
/** Slashes in one file's path. */
export const MAX_DEPTH = 64;
/** Coded bytes of one chunk: what is held to check it before it is parsed. */
export const MAX_CHUNK = 4 << 20;
/** Bytes a block makes, and of its span of the base; all codecs but SPLICE. */
export const MAX_BLOCK = 1 << 20;
/** FACTORS blocks of one chunk: they take time and make nothing. */
export const MAX_FACTORS = 256;

/** Bytes of the target that are held to be read again, unless told otherwise. */
export const MOST_KEPT = 2 ** 28;

/** Bytes of a target that applyPatch makes in memory, unless told otherwise. */
export const MOST_IN_MEMORY = 2 ** 30;
