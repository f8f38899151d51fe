"""Stored bytes of one object while they are made: in memory, or in a file of its own once they are many."""

import zlib
from collections.abc import Callable, Sequence

from sapwood.store.own_file import OwnFile
from sapwood.store.record import ALIGNMENT

__all__ = ["Body"]


class Body:
    """Takes pieces in order.

    Attributes:
        size: Bytes taken.
        crc: Their CRC-32.
        pieces: They, if they are in memory.
        file: Where they are, if they are not.
        start: Offset at which they begin in a file.
    """

    def __init__(self, most: int, new_file: Callable[[int], OwnFile]) -> None:
        """From ``most`` bytes on they go to a file, which ``new_file`` makes of ``start``."""
        self._most = most
        self._new_file = new_file
        self.size = 0
        self.crc = 0
        self.pieces: list[bytes | memoryview] = []
        self.file: OwnFile | None = None
        self.start = ALIGNMENT

    def add(self, pieces: Sequence[bytes | memoryview]) -> None:
        """More of them.

        Raises:
            StorageFailure, DiskFull: The file failed.
        """
        for piece in pieces:
            self.size += len(piece)
            self.crc = zlib.crc32(piece, self.crc)
        if self.file is None and self.size >= self._most:
            self.file = self._new_file(self.start)
            self.file.write(self.pieces)
            self.pieces = []
        if self.file is not None:
            self.file.write(pieces)
        else:
            self.pieces += pieces

    def drop(self) -> None:
        """Begin anew."""
        if self.file is not None:
            self.file.remove()
        self.size = self.crc = 0
        self.pieces = []
        self.file = None
