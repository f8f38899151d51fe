"""The bytes that later blocks read again, while a target is made: in memory, or in an unnamed file."""

import contextlib
import mmap
import tempfile
from typing import IO, Final

from sapwood.errors import storage_error
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.room import check_room

__all__ = ["KeptBytes", "NotYetMade"]

_IN_MEMORY: Final = 64 << 20


class NotYetMade(Exception):
    """Bytes were asked for that will be there once all blocks before are written."""


class KeptBytes:
    """The bytes of kept spans while the target is made: up to 64 MiB in memory, more in an unnamed file."""

    def __init__(self, spans: KeptSpans, folder: str | None, resources: contextlib.ExitStack) -> None:
        """Find room for them, until ``resources`` is closed; a file goes into ``folder``, or the system's."""
        self._spans = spans
        self._folder = folder or tempfile.gettempdir()
        self._made = 0
        self._have = 0
        self._next = 0
        self._file: IO[bytes] | None = None
        if spans.size <= _IN_MEMORY:
            self._view = memoryview(bytearray(spans.size))
            return
        check_room(f"{self._folder}/kept", spans.size)
        try:
            # Written by calls and read as mapped: a full disk is then an error, and not a signal.
            file = tempfile.TemporaryFile(buffering=0, dir=self._folder)  # noqa: SIM115  closed with ``resources``
            self._file = resources.enter_context(file)
            file.truncate(spans.size)
            mapped = mmap.mmap(file.fileno(), spans.size, access=mmap.ACCESS_READ)
        except OSError as error:
            raise storage_error(error, self._folder) from error
        self._view = memoryview(mapped)

    def take(self, data: memoryview) -> None:
        """The target goes on with ``data``."""
        start, end = self._made, self._made + len(data)
        while self._next < len(self._spans.spans):
            offset, length = self._spans.spans[self._next]
            if offset >= end:
                break
            first, last = max(offset, start), min(offset + length, end)
            self._put(data[first - start : last - start])
            if offset + length > end:
                break
            self._next += 1
        self._made = end

    def _put(self, data: memoryview) -> None:
        if self._file is None:
            self._view[self._have : self._have + len(data)] = data
            self._have += len(data)
            return
        try:
            while data:
                written = self._file.write(data) or 0
                data = data[written:]
                self._have += written
        except OSError as error:
            raise storage_error(error, self._folder) from error

    def read(self, offset: int, length: int) -> memoryview:
        """Bytes of the spans' stream, which must lie within.

        Raises:
            NotYetMade: Some of them have still to be made.
        """
        if offset + length > self._have:
            raise NotYetMade
        return self._view[offset : offset + length].toreadonly()
