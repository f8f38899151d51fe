"""A file for one large object: a pack with a single record."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sapwood.store.disk import make_room, sync_folder, told, write_all
from sapwood.store.record import ALIGNMENT, PACK_MAGIC, Record, put_record, put_seal

__all__ = ["OwnFile"]

# Room is asked for in steps of this many bytes.
_STEP: Final = 64 << 20


class OwnFile:
    """A file being written; it counts once the index has it. Its name is new, so that it replaces nothing."""

    def __init__(self, path: Path, start: int = ALIGNMENT) -> None:
        """``start``: offset of the payload; the head goes before it in the end."""
        self.path = path
        self.offset = start
        self._end = start
        self._room = 0
        with told(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o666)

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """More of the payload."""
        size = sum(map(len, pieces))
        with told(self.path):
            if self._end + size > self._room:
                # From the file's beginning on, where the head goes.
                at = self._end if self._room else 0
                self._room = make_room(self._descriptor, at, self._end + size - at, _STEP)
            self._end = write_all(self._descriptor, pieces, self._end)

    def finish(self, record: Record) -> int:
        """Write the head and flush all; returns the file's size."""
        with told(self.path):
            phase = self.offset % ALIGNMENT
            head = PACK_MAGIC + put_record(record, len(PACK_MAGIC), ALIGNMENT, phase=phase)
            if len(head) != self.offset:
                raise AssertionError("the head of an object's file does not end where its payload begins")
            write_all(self._descriptor, [head], 0)
            self._end = write_all(self._descriptor, [put_seal(len(PACK_MAGIC))], self._end)
            os.ftruncate(self._descriptor, self._end)
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            sync_folder(self.path.parent)
        return self._end

    def remove(self) -> None:
        """Give it up. What cannot be removed is left to a collection."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        with contextlib.suppress(OSError):
            self.path.unlink()
