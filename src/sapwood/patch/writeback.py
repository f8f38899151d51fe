"""New bytes of a file on their way to the disk while more are made: what an fsync at the end then spares."""

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Final

__all__ = ["start_writeback"]

_WRITE: Final = 2  # SYNC_FILE_RANGE_WRITE


@functools.cache
def _sync_file_range() -> Callable[..., int] | None:
    found = getattr(ctypes.CDLL(None), "sync_file_range", None) if sys.platform == "linux" else None
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return found


def start_writeback(descriptor: int, offset: int, length: int) -> None:
    """Have the kernel begin to write out a range, without waiting (Linux, sync_file_range(2)).

    Unlike posix_fadvise(POSIX_FADV_DONTNEED) it leaves the pages where the file's next reader finds them.
    It promises nothing, so a failure here is none: what goes wrong in writing is told by fsync.
    """
    if (sync := _sync_file_range()) is not None:
        sync(descriptor, offset, length, _WRITE)
