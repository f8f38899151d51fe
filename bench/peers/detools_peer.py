"""detools, by both its algorithms: bsdiff in sequence, and HDiffPatch's at several match scores."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from bench.peers.device_peer import Candidate, DevicePeer
from bench.peers.peer import Bytes

_SCORES = (0, 2, 4, 6)
# LZMA's own header says so: lzma.LZMACompressor with its default preset.
_LZMA_DICTIONARY = 8 << 20


class Detools(DevicePeer):
    package = "detools"

    def __init__(self, compression: str) -> None:
        self.compression = compression
        self.name = f"detools {compression}"

    def _options(self) -> Iterator[tuple[str, int, dict[str, Any]]]:
        if self.compression == "heatshrink":
            for window in (8, 9, 10, 11):
                for look in (4, 5, 6, 7):
                    options = {"heatshrink_window_sz2": window, "heatshrink_lookahead_sz2": look}
                    yield f"window 2^{window}, lookahead 2^{look}", 1 << window, options
        else:
            yield "", _LZMA_DICTIONARY if self.compression == "lzma" else 0, {}

    def candidates(self, base: Bytes, target: Bytes) -> Iterator[Candidate]:
        import detools

        for settings, memory, options in self._options():
            for score in (None, *_SCORES):
                kind = "bsdiff" if score is None else f"hdiffpatch, score {score}"
                if score is not None:
                    options |= {"algorithm": "hdiffpatch", "patch_type": "hdiffpatch", "match_score": score}
                out = io.BytesIO()
                detools.create_patch(
                    io.BytesIO(base.tobytes()),
                    io.BytesIO(target.tobytes()),
                    out,
                    compression=self.compression,
                    use_mmap=False,
                    **options,
                )
                yield Candidate(", ".join(filter(None, (kind, settings))), memory, out.getvalue())

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import detools

        out = io.BytesIO()
        detools.apply_patch(io.BytesIO(base.tobytes()), io.BytesIO(patch), out)
        return out.getvalue()
