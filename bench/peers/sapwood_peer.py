"""Sapwood itself, at each of its levels, through its public calls from file to file.

Its times include what it always does: digests of base and target, its own check of a new patch, and fsync.
"""

from __future__ import annotations

from pathlib import Path

from bench.peers.peer import Peer

# What every report says next to the times.
NOTE = "sapwood's times include digests, the check of its own patch and fsync; no peer does any of these"

LEVELS = ("fast", "default", "max")


class Sapwood(Peer):
    package = "sapwood"
    uses_threads = True

    def __init__(self, level: str) -> None:
        self.level = level
        self.name = f"sapwood {level}"

    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        import sapwood

        sapwood.diff(base, target, patch, level=self.level, threads=threads)

    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        import sapwood

        sapwood.apply(base, patch, output, threads=threads)
