"""What the store asks of the file system: whole writes, room in advance, flushes, locks."""

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from sapwood.errors import MissingDependency, storage_error

__all__ = ["lock", "make_room", "sync_folder", "told", "write_all"]

# Where room cannot be had in advance, it is found while writing.
_TOO_MUCH = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ALLOCATION = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS})
# Some network file systems cannot flush a folder; they order renames themselves.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """The file system's failures about ``path`` as Sapwood's."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, str(path)) from error


def write_all(descriptor: int, pieces: Iterable[bytes | memoryview], at: int) -> int:
    """Write all of ``pieces`` from offset ``at`` on; returns the offset behind them."""
    for piece in pieces:
        left = memoryview(piece)
        while left:
            done = os.pwrite(descriptor, left, at)
            at += done
            left = left[done:]
    return at


def make_room(descriptor: int, at: int, size: int, step: int) -> int:
    """Have the disk hold room for ``size`` bytes at ``at``, so that a full one is known before the write.

    If there is as much, room for ``step`` bytes; returns where the room ends.
    """
    for wanted in (max(size, step), size):
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, at, wanted)
        except OSError as error:
            if wanted > size and error.errno in _TOO_MUCH:
                continue
            if error.errno not in _NO_ALLOCATION:
                raise
        return at + wanted
    raise AssertionError


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def lock(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file until it is closed, by whoever and however; False if another holds it.

    Raises:
        MissingDependency: This system has no such locks; a store can then be read, and not written.
    """
    if fcntl is None:
        raise MissingDependency(
            "this system has no file locks", advice="Write to the store on Linux or macOS."
        )
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    return True
