"""Two names swapped in one step: what replaces a folder with no moment in which neither is there."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import Final

__all__ = ["exchange"]

_RENAME_EXCHANGE: Final = 2
_AT_FDCWD: Final = -100
# An old kernel, or a file system that cannot; which one does not matter.
_CANNOT: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


def exchange(first: Path, second: Path) -> bool:
    """Swap what two names of one file system stand for (Linux, renameat2(2) with RENAME_EXCHANGE).

    Returns:
        False where the system or the file system cannot; then nothing was changed.

    Raises:
        OSError: It failed; nothing was changed.
    """
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT:
        return False
    raise OSError(code, os.strerror(code), str(first))
