"""A part of a file, read as if it were one of its own."""

import dataclasses
import io
import os
from typing import BinaryIO

__all__ = ["FileRegion", "RegionStream"]


@dataclasses.dataclass(frozen=True, slots=True)
class FileRegion:
    """``size`` bytes from ``offset`` on of the file at ``path``."""

    path: str
    offset: int
    size: int


class RegionStream(io.RawIOBase):
    """The bytes of a region of an open file, which it does not own; offsets count from the region's start."""

    def __init__(self, file: BinaryIO, region: FileRegion) -> None:
        super().__init__()
        self._file = file
        self._region = region
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # what io hands in
        """Fill the buffer as far as the region goes."""
        wanted = min(len(buffer), max(self._region.size - self._at, 0))
        self._file.seek(self._region.offset + self._at)
        data = self._file.read(wanted)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to an offset of the region."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._region.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._at
