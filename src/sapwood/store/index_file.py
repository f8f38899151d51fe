"""The index's file: opened, checked, and used by one thread at a time."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sapwood import sqlite_file
from sapwood.errors import BadData, DamagedStore, MissingInput

__all__ = ["IndexFile"]

_SCHEMA: Final = sqlite_file.Schema(
    "the index of a store",
    0x53775374,  # "SwSt"
    1,
    {
        "file": "CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
        "size INTEGER NOT NULL) STRICT",
        # kind stands by itself so that one can list by it; a base is the digest of another row.
        "object": "CREATE TABLE object (digest BLOB PRIMARY KEY, kind INTEGER NOT NULL, "
        "description BLOB NOT NULL, length INTEGER NOT NULL, form INTEGER NOT NULL, depth INTEGER NOT NULL, "
        "stored INTEGER NOT NULL, crc INTEGER NOT NULL, base BLOB, file INTEGER NOT NULL, "
        "offset INTEGER NOT NULL, added INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "setting": "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    },
    error=DamagedStore,
)
_BUSY_SECONDS: Final = 120.0
# No value of the index is longer; a damaged length must not ask for memory.
_MOST_VALUE: Final = 1 << 20


class IndexFile:
    """One connection for all threads of a process; a fork gets its own, as SQLite asks.

    Attributes:
        path: Where it is.
        is_new: Whether it was made just now.
    """

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        """Open the file, or with ``create`` make it; errors as for ``Index``."""
        self.path = path
        self._read_only = read_only
        self._held: tuple[int, threading.RLock, sqlite3.Connection] | None = None
        if not create and not path.is_file():
            raise MissingInput("no store is here", path=str(path.parent), advice="Make one with init.")
        with self._told():
            connection = self._connect(create=create)
            self._held = (os.getpid(), threading.RLock(), connection)
            # A process may have been killed between making the file and this.
            self.is_new = create and sqlite_file.create(connection, _SCHEMA)
            sqlite_file.check(connection, _SCHEMA, str(path))
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        mode: Final = "rwc" if create else "ro" if self._read_only else "rw"
        immutable = False
        if self._read_only and not os.access(self.path.parent, os.W_OK):
            # A reader of WAL writes its share of the lock table; where it must not, nobody writes at all.
            wal = self.path.with_name(self.path.name + "-wal")
            immutable = not wal.exists() or wal.stat().st_size == 0
        return sqlite_file.connect(
            self.path,
            mode,
            most_value=_MOST_VALUE,
            busy_seconds=_BUSY_SECONDS,
            immutable=immutable,
            one_thread=False,
        )

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone until the block ends; SQLite's failures as Sapwood's."""
        with self._told():
            if self._held is None or self._held[0] != os.getpid():
                # The lock may have been held by a thread that this fork does not have.
                self._held = (os.getpid(), threading.RLock(), self._connect(create=False))
            _, lock, connection = self._held
            with lock:
                yield connection

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on the disk when the block has ended."""
        with self.using() as connection, sqlite_file.transaction(connection):
            yield connection

    def close(self) -> None:
        """Close it. Doing it twice is harmless."""
        if self._held is not None and self._held[0] == os.getpid():
            self._held[2].close()
        self._held = None

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            said = sqlite_file.sqlite_error(error, str(self.path), "index of the store")
            if isinstance(said, BadData):
                said = DamagedStore(
                    said.message, path=said.path, advice="Make it anew from the packs with fsck."
                )
            raise said from error
        except (MemoryError, UnicodeDecodeError) as error:
            raise DamagedStore("the index of the store is damaged", path=str(self.path)) from error
