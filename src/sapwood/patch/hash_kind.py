"""The hashes that a patch may name models and chunks by (SPEC, "Manifest", record HASH)."""

import enum
import hashlib
from typing import Protocol

from blake3 import blake3

__all__ = ["HashKind", "Hasher"]


class Hasher(Protocol):
    """Takes bytes piece by piece."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """More bytes."""

    def digest(self) -> bytes:
        """The 32 bytes for what it took."""


class HashKind(enum.IntEnum):
    """A hash of 32 bytes; the numbers are part of the format."""

    BLAKE3 = 0
    """The fastest on a host: the hash of a patch that names none."""
    SHA256 = 1
    """What microcontrollers have in hardware, or do in a tenth of the memory."""

    @property
    def label(self) -> str:
        """Its name in reports."""
        return self.name.lower()

    def new(self, threads: int = 1) -> Hasher:
        """One that has taken nothing; only BLAKE3 is faster with more threads."""
        return blake3(max_threads=threads) if self is HashKind.BLAKE3 else hashlib.sha256()

    def digest(self, data: bytes | memoryview) -> bytes:
        """The 32 bytes for ``data``."""
        return (blake3(data) if self is HashKind.BLAKE3 else hashlib.sha256(data)).digest()
