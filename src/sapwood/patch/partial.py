"""Names of outputs in the making, and what killed processes left under such names.

Who writes under one holds a lock (flock) on it, which ends with the process however it ends. What is found
unlocked is therefore left over, and removed. Names tell the machine: the locks of another machine may not be
seen over a network file system, so what it left is its own to remove. Without locks nothing is removed.
"""

import hashlib
import os
import secrets
import shutil
import socket
import stat
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["hold", "hold_folder", "partial_name", "release", "remove_left_over"]


def _prefix() -> str:
    return f".sapwood-{hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]}-"


def partial_name() -> str:
    """A new name. It does not hold the final one: together they could be longer than a folder takes."""
    return f"{_prefix()}{secrets.token_hex(8)}.partial"


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: there nothing is taken for left over
    return os.fstat(descriptor).st_nlink > 0


def hold(descriptor: int) -> int | None:
    """Lock a file that was just made; None if another process took it for left over, and is removing it.

    The lock outlives the descriptor: it ends when what is returned is released. -1 where there are no locks.
    """
    if fcntl is None:
        return -1
    return os.dup(descriptor) if _lock(descriptor) else None


def hold_folder(path: Path) -> int | None:
    """The same for a folder."""
    if fcntl is None:
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def release(descriptor: int) -> None:
    """Let go of a lock, once what it held has its final name or is gone."""
    if descriptor >= 0:
        os.close(descriptor)


def remove_left_over(folder: Path) -> None:
    """Remove what killed processes left in a folder. What cannot be removed stays; that is no error."""
    if fcntl is None:
        return
    prefix = _prefix()
    with suppress(OSError), os.scandir(folder) as entries:
        found = [e.path for e in entries if e.name.startswith(prefix) and e.name.endswith(".partial")]
        for path in found:
            with suppress(OSError):
                _remove_if_unlocked(path)


def _remove_if_unlocked(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.fstat(descriptor)
        # By now the name may be gone, or another's.
        if not os.path.samestat(status, os.lstat(path)):
            return
        if stat.S_ISDIR(status.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(status.st_mode):
            Path(path).unlink()
    finally:
        os.close(descriptor)
