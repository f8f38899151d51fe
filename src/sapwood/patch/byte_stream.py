"""A model's files as one row of bytes, in the order of their paths: what offsets in blocks refer to."""

import bisect
from collections.abc import Sequence

from sapwood.formats.model import Model, ModelFile

__all__ = ["ByteStream"]


class ByteStream:
    """Read-only view of all files of a model, end to end. Slices within one file cost no copy."""

    def __init__(self, files: Sequence[memoryview]) -> None:
        """Join the files' bytes, in order."""
        self._files = [view for view in files if len(view)]
        self._starts = [0]
        for view in self._files:
            self._starts.append(self._starts[-1] + len(view))

    @classmethod
    def of(cls, model: Model) -> "ByteStream":
        """The stream of a model."""
        return cls([file.data for file in model.files])

    def followed_by(self, views: Sequence[memoryview]) -> "ByteStream":
        """The stream that goes on with more bytes."""
        return ByteStream([*self._files, *views])

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._starts[-1]

    def read(self, offset: int, length: int) -> memoryview:
        """Bytes ``offset`` to ``offset + length``, which must lie within."""
        i = bisect.bisect_right(self._starts, offset) - 1
        if length == 0 or i >= len(self._files):
            return memoryview(b"")
        start = offset - self._starts[i]
        if start + length <= len(self._files[i]):
            return self._files[i][start : start + length]
        pieces = bytearray()
        while len(pieces) < length:
            pieces += self._files[i][start : start + length - len(pieces)]
            start = 0
            i += 1
        return memoryview(pieces)


def file_starts(files: Sequence[ModelFile]) -> list[int]:
    """Where each file begins in the stream."""
    starts = [0]
    for file in files:
        starts.append(starts[-1] + len(file.data))
    return starts[:-1]
