"""bsdiff4: suffix sorting, byte differences, bzip2."""

from __future__ import annotations

from bench.peers.peer import Bytes, Peer


class Bsdiff(Peer):
    name = "bsdiff4"
    package = "bsdiff4"
    slow_above = 30_000_000

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        import bsdiff4

        return bytes(bsdiff4.diff(base.tobytes(), target.tobytes()))

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import bsdiff4

        return bytes(bsdiff4.patch(base.tobytes(), patch))
