"""A pack that is being appended to. Its writer holds a lock on it, which ends with the process.

What is behind the last acknowledged byte is left over from a writer that was killed, and is cut off by the
next one; ``index.py`` knows where that is. Nothing before it is ever written again.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from sapwood.store.disk import lock, make_room, sync_folder, told, write_all
from sapwood.store.record import PACK_MAGIC, Record, put_record, put_seal

__all__ = ["OpenPack"]

# Room is asked for in steps of this many bytes.
_STEP: Final = 8 << 20


class OpenPack:
    """A locked pack; appended to by one thread."""

    def __init__(self, path: Path, descriptor: int, end: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._acknowledged = end
        self._end = end
        self._room = end
        self._sealed = end

    @classmethod
    def create(cls, path: Path) -> Self | None:
        """A new pack, whose name is flushed with it; None if another process was faster.

        Raises:
            StorageFailure, DiskFull: The file system failed.
        """
        with told(path):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            except FileExistsError:
                return None
        pack = cls(path, descriptor, 0)
        try:
            with told(path):
                if not lock(descriptor, wait=False):
                    # A repack took it for left over.
                    os.close(descriptor)
                    return None
                write_all(descriptor, [PACK_MAGIC], 0)
                sync_folder(path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        pack._end = pack._room = pack._sealed = len(PACK_MAGIC)
        return pack

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """One that is there; None if another writer has it, or it is gone. ``cut`` it before anything else.

        Raises:
            StorageFailure: The file system failed.
        """
        with told(path):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            if not lock(descriptor, wait=False) or os.fstat(descriptor).st_nlink == 0:
                os.close(descriptor)
                return None
        return cls(path, descriptor, 0)

    @property
    def end(self) -> int:
        """Offset behind the last record."""
        return self._end

    def cut(self, end: int) -> bool:
        """Begin at ``end``: what is behind it was never acknowledged. False if the pack ends before."""
        with told(self.path):
            size = os.fstat(self._descriptor).st_size
            if size < end:
                return False
            if size > end:
                os.ftruncate(self._descriptor, end)
        self._acknowledged = self._end = self._room = self._sealed = end
        return True

    def append(self, record: Record, pieces: Sequence[bytes | memoryview], phase: int = 0) -> int:
        """One more record; returns the offset of its payload, ``phase`` bytes behind a page's beginning.

        Only payloads that begin at pages heed the phase.

        Raises:
            StorageFailure, DiskFull: The file system failed; the pack is to be abandoned.
        """
        head = put_record(record, self._end, phase=phase)
        with told(self.path):
            self._reserve(len(head) + record.payload_size)
            payload = self._end + len(head)
            self._end = write_all(self._descriptor, [head, *pieces], self._end)
        return payload

    def _reserve(self, size: int) -> None:
        if self._end + size > self._room:
            self._room = make_room(self._descriptor, self._end, size, _STEP)

    def seal(self) -> int:
        """Seal what was appended since the last seal and flush it; returns the offset behind it."""
        seal = put_seal(self._sealed)
        with told(self.path):
            self._end = write_all(self._descriptor, [seal], self._end)
            os.ftruncate(self._descriptor, self._end)
            os.fsync(self._descriptor)
        self._sealed = self._room = self._end
        return self._end

    def acknowledge(self) -> None:
        """The index has it: nothing up to here is cut off any more."""
        self._acknowledged = self._end

    def close(self, *, cut: bool = True) -> None:
        """Let go of it. What was not acknowledged is cut off, now or by the next writer."""
        if self._descriptor < 0:
            return
        try:
            if cut and max(self._end, self._room) > self._acknowledged:
                os.ftruncate(self._descriptor, self._acknowledged)
        except OSError:
            pass
        finally:
            os.close(self._descriptor)
            self._descriptor = -1
