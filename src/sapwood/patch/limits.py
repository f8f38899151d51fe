"""Limits on what a patch may claim, in bytes unless said otherwise. What is larger is refused, not read."""

from typing import Final

MAX_MANIFEST: Final = 16 << 20
"""A manifest takes some 40 bytes a chunk: enough for a target of a hundred GB and more."""

MAX_RECORDS: Final = 256
"""Records of a manifest, known or not."""

MAX_FILES: Final = 100_000
"""Files in a folder."""

MAX_GUARDS: Final = 64
"""Guards of a manifest."""

MAX_GUARD: Final = 1024
"""Bytes of one guard's content."""

MAX_PATH: Final = 4096
"""Bytes of one file's path in a folder."""

MAX_DEPTH: Final = 64
"""Folders one inside the other."""

CHUNK_CODED: Final = 64 << 10
"""A chunk is closed once its blocks take this much (more for a target above 8 GiB), ..."""

MAX_CHUNK_CODED: Final = 2 << 20
"""... but never more than this, ..."""

CHUNK_BLOCKS: Final = 64
"""... or number this many."""

MAX_CHUNK: Final = 4 << 20
"""Coded bytes of one chunk: what a receiver must hold to check it before it parses it."""

MATCH_MEMORY: Final = 256 << 20
"""Index of the base when an opaque target is searched for known content."""

MAX_FACTORS: Final = 256
"""FACTORS blocks of one chunk: they take time and make nothing."""

MAX_KEPT: Final = 1 << 18
"""Spans of the target that are read again."""
