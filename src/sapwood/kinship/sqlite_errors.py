"""SQLite's failures, told in Sapwood's errors."""

import sqlite3

from sapwood.errors import BadData, DiskFull, SapwoodError, StorageFailure

__all__ = ["sqlite_error"]

_DEVICE = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_NOMEM")


def sqlite_error(error: sqlite3.Error, path: str, what: str) -> SapwoodError:
    """The error for the file at ``path``, which users know as the ``what``; raise it ``from error``."""
    code = getattr(error, "sqlite_errorname", "")
    if code == "SQLITE_FULL":
        return DiskFull("no room left to write", path=path, advice="Free some space, or use another disk.")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StorageFailure(f"another process is writing to the {what}", path=path, advice="Try again.")
    if code.startswith(_DEVICE):
        return StorageFailure(f"the {what} cannot be read or written: {error}", path=path)
    return BadData(f"the {what} is damaged: {error}", path=path)
