"""The index's file: opened, checked, and used by one thread at a time."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sapwood.errors import BadData, DamagedStore, MissingInput
from sapwood.kinship.sqlite_errors import sqlite_error

__all__ = ["IndexFile"]

# "SwSt" in the file's header (pragma application_id), and the version of what is in it (user_version).
_APPLICATION: Final = 0x53775374
_VERSION: Final = 1
_SCHEMA: Final = {
    "file": "CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL) "
    "STRICT",
    # kind stands by itself so that one can list by it; a base is the digest of another row.
    "object": "CREATE TABLE object (digest BLOB PRIMARY KEY, kind INTEGER NOT NULL, "
    "description BLOB NOT NULL, length INTEGER NOT NULL, form INTEGER NOT NULL, depth INTEGER NOT NULL, "
    "stored INTEGER NOT NULL, crc INTEGER NOT NULL, base BLOB, file INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, added INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "setting": "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
}
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
            self.is_new = create and connection.execute("PRAGMA schema_version").fetchone()[0] == 0
            if self.is_new:
                with self.transaction():
                    for statement in _SCHEMA.values():
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._check(connection)
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "ro" if self._read_only else "rw"
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        if self._read_only and not os.access(self.path.parent, os.W_OK):
            # A reader of WAL writes its share of the lock table; where it must not, nobody writes at all.
            wal = self.path.with_name(self.path.name + "-wal")
            if not wal.exists() or wal.stat().st_size == 0:
                uri += "&immutable=1"
        connection = sqlite3.connect(
            uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS, check_same_thread=False
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE)
        # The file may come from anywhere: its schema must not run anything.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _check(self, connection: sqlite3.Connection) -> None:
        (application,), (version,) = (
            connection.execute("PRAGMA application_id").fetchone(),
            connection.execute("PRAGMA user_version").fetchone(),
        )
        listed = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL LIMIT 10"
        ).fetchall()
        if application != _APPLICATION or dict(listed) != _SCHEMA:
            raise DamagedStore("not the index of a store", path=str(self.path))
        if version != _VERSION:
            raise DamagedStore(
                "the store is of another version",
                path=str(self.path),
                expected=_VERSION,
                found=version,
                advice="Use the version of sapwood that made it.",
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
        with self.using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

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
            said = sqlite_error(error, str(self.path), "index of the store")
            if isinstance(said, BadData):
                said = DamagedStore(
                    said.message, path=said.path, advice="Make it anew from the packs with fsck."
                )
            raise said from error
        except (MemoryError, UnicodeDecodeError) as error:
            raise DamagedStore("the index of the store is damaged", path=str(self.path)) from error
