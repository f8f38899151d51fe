"""Sapwood itself, at each of its levels, through its public calls from file to file.

Its times include what it always does: digests of base and target, its own check of a new patch, and fsync.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.peers.device_peer import Candidate, DevicePeer
from bench.peers.peer import Bytes, FilePeer

# What every report says next to the times.
NOTE = "sapwood's times include digests, the check of its own patch and fsync; no peer does any of these"
NOTE_FLUSHED = "all times include fsync; sapwood's also digests and the check of its own patch"

LEVELS = ("fast", "default", "max")


class Sapwood(FilePeer):
    # The package itself imports what a name needs when it is first used.
    package = "sapwood.patch.calls"
    uses_threads = True
    flushes = True

    def __init__(self, level: str) -> None:
        self.level = level
        self.name = f"sapwood {level}"

    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        import sapwood

        sapwood.diff(base, target, patch, level=self.level, threads=threads)

    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        import sapwood

        sapwood.apply(base, patch, output, threads=threads)


class SapwoodDevice(DevicePeer):
    """The device profile, decoded by the same C that runs on a device."""

    package = "sapwood.patch.calls"

    def __init__(self, state: int) -> None:
        self.state = state
        self.name = f"sapwood device {state}"

    def candidates(self, base: Bytes, target: Bytes) -> Iterator[Candidate]:
        import sapwood

        patch = sapwood.diff(base.tobytes(), target.tobytes(), profile="device", state=self.state)
        yield Candidate("", self.state, patch.to_bytes())

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import sapwood

        built = sapwood.apply(base.tobytes(), patch, threads=threads)
        if not isinstance(built, bytes):
            raise TypeError("a device has one file")
        return built
