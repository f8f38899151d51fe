"""HPatchLite, HDiffPatch's format for devices, with tinyuz or tamp."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.peers.device_peer import Candidate, DevicePeer
from bench.peers.peer import Bytes


class HPatchLite(DevicePeer):
    package = "hdiffpatch"

    def __init__(self, compression: str) -> None:
        self.compression = compression
        self.name = f"hpatchlite {compression}"

    def _configurations(self) -> Iterator[tuple[str, int, Any]]:
        import hdiffpatch

        if self.compression == "tinyuz":
            for size in (256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 1 << 20):
                for line in (False, True):
                    settings = f"dictionary {size}" + ", literal lines" * line
                    yield settings, size, hdiffpatch.TuzConfig(dict_size=size, literal_line=line)
        else:
            for window in (8, 9, 10, 11, 12, 13, 14, 15):
                yield f"window 2^{window}", 1 << window, hdiffpatch.TampConfig(window=window)

    def candidates(self, base: Bytes, target: Bytes) -> Iterator[Candidate]:
        import hdiffpatch

        old, new = base.tobytes(), target.tobytes()
        for settings, memory, configuration in self._configurations():
            yield Candidate(
                settings, memory, bytes(hdiffpatch.diff_lite(old, new, compression=configuration))
            )

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import hdiffpatch

        return bytes(hdiffpatch.apply_lite(base.tobytes(), patch))
