"""Where each object lies: an SQLite database (WAL, synchronous=FULL), which the packs can make anew."""

import contextlib
import dataclasses
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sapwood.errors import BadData, DamagedStore, MissingInput, WrongCall
from sapwood.kinship.sqlite_errors import sqlite_error
from sapwood.store.kinds import DIGEST_SIZE, Digest, Form, Kind, ObjectInfo, describe, read_description

__all__ = ["FILE_NAME", "Entry", "Index", "Link", "StoreFile"]

FILE_NAME: Final = "index.sqlite"
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
_KINDS: Final = frozenset(map(int, Kind))
_COLUMNS: Final = "digest, description, length, form, depth, stored, crc, base, path, offset, added"
_FROM: Final = "FROM object JOIN file ON object.file = file.id"
_BUSY_SECONDS: Final = 120.0
# No value of the index is longer; a damaged length must not ask for memory.
_MOST_VALUE: Final = 1 << 20
_MOST_AT_ONCE: Final = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A row of the index: an object, the CRC-32 of its payload, and when it came (seconds since 1970)."""

    info: ObjectInfo
    crc: int
    added: int


class Link(NamedTuple):
    """Of an object: its kind, the base of a delta, when it came, bytes stored, the number of its file."""

    kind: int
    base: Digest | None
    added: int
    stored: int
    file: int


@dataclasses.dataclass(frozen=True, slots=True)
class StoreFile:
    """A pack or a file of one object: its number, its path in the store, and the bytes acknowledged of it."""

    number: int
    path: str
    size: int


class Index:
    """An open index, for all threads of a process and its forks: each has a connection of its own."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        """Open the file, or with ``create`` make it.

        Raises:
            MissingInput: There is none. DamagedStore: It is no index of a store.
            StorageFailure: It cannot be read or written.
        """
        self._path = path
        self._read_only = read_only
        self._local = threading.local()
        self._open: list[tuple[int, sqlite3.Connection]] = []
        if not create and not path.is_file():
            raise MissingInput("no store is here", path=str(path.parent), advice="Make one with init.")
        with self.told():
            connection = self._connect(create)
            if create:
                connection.execute("PRAGMA journal_mode = WAL")
                with self.transaction():
                    for statement in _SCHEMA.values():
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                    connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._check(connection)

    def _connect(self, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "ro" if self._read_only else "rw"
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        if self._read_only and not os.access(self._path.parent, os.W_OK):
            # A reader of WAL writes its share of the lock table; where it must not, nobody writes at all.
            wal = self._path.with_name(self._path.name + "-wal")
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
        self._local.connection = (os.getpid(), connection)
        self._open.append((os.getpid(), connection))
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
            raise DamagedStore("not the index of a store", path=str(self._path))
        if version != _VERSION:
            raise DamagedStore(
                "the store is of another version",
                path=str(self._path),
                expected=_VERSION,
                found=version,
                advice="Use the version of sapwood that made it.",
            )

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's. A connection must not be carried into a fork."""
        pid, connection = getattr(self._local, "connection", (0, None))
        if connection is None or pid != os.getpid():
            return self._connect(create=False)
        return connection  # type: ignore[no-any-return]  # a thread's locals have no types

    def close(self) -> None:
        """Close the connections of all threads."""
        for pid, connection in self._open:
            if pid == os.getpid():
                connection.close()
        self._open.clear()

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """SQLite's failures as Sapwood's."""
        try:
            yield
        except sqlite3.Error as error:
            said = sqlite_error(error, str(self._path), "index of the store")
            if isinstance(said, BadData):
                said = DamagedStore(
                    said.message, path=said.path, advice="Make it anew from the packs with fsck."
                )
            raise said from error
        except (MemoryError, UnicodeDecodeError) as error:
            raise DamagedStore("the index of the store is damaged", path=str(self._path)) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, and on the disk when the block has ended."""
        with self.told():
            connection = self.connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def entry(self, digest: Digest) -> Entry | None:
        """What is known of an object; None if it is not there."""
        with self.told():
            row = self.connection.execute(
                f"SELECT {_COLUMNS} {_FROM} WHERE digest = ?",
                (digest,),
            ).fetchone()
        return None if row is None else self._entry(row)

    def entries(self, kind: Kind | None = None) -> Iterator[Entry]:
        """All objects, or those of a kind, in the order of their digests."""
        where = "" if kind is None else f"WHERE kind = {int(kind)}"
        with self.told():
            for row in self.connection.execute(f"SELECT {_COLUMNS} {_FROM} {where} ORDER BY digest"):
                yield self._entry(row)

    def links(self) -> dict[Digest, Link]:
        """All objects, and of each what a collection asks."""
        with self.told():
            rows = self.connection.execute("SELECT digest, kind, base, added, stored, file FROM object")
            found = {row[0]: Link(*row[1:]) for row in rows}
        for digest, link in found.items():
            if link.kind not in _KINDS:
                raise self._damaged(digest)
        return found

    def known(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of them that are there."""
        wanted = list(digests)
        found: set[Digest] = set()
        with self.told():
            for at in range(0, len(wanted), _MOST_AT_ONCE):
                some = wanted[at : at + _MOST_AT_ONCE]
                marks = ", ".join("?" * len(some))
                rows = self.connection.execute(
                    f"SELECT digest FROM object WHERE digest IN ({marks})",  # noqa: S608  question marks
                    some,
                )
                found |= {digest for (digest,) in rows}
        return found

    def matching(self, prefix: str, kind: Kind | None, limit: int) -> list[Digest]:
        """The first ``limit`` objects whose digest in hex begins so, in order."""
        if not prefix or len(prefix) > 2 * DIGEST_SIZE or any(c not in "0123456789abcdef" for c in prefix):
            raise WrongCall("not the beginning of a digest", found=prefix, expected="hex digits")
        low = bytes.fromhex(prefix.ljust(2 * DIGEST_SIZE, "0"))
        high = bytes.fromhex(prefix.ljust(2 * DIGEST_SIZE, "f"))
        where = "" if kind is None else f"AND kind = {int(kind)}"
        with self.told():
            rows = self.connection.execute(
                f"SELECT digest FROM object WHERE digest BETWEEN ? AND ? {where} ORDER BY digest LIMIT ?",  # noqa: S608
                (low, high, limit),
            ).fetchall()
        return [digest for (digest,) in rows]

    def files(self) -> list[StoreFile]:
        """All packs and files of one object."""
        with self.told():
            rows = self.connection.execute("SELECT id, path, size FROM file ORDER BY id").fetchall()
        return [StoreFile(*row) for row in rows]

    def add(
        self, files: Sequence[tuple[str, int]], entries: Iterable[Entry], again: Iterable[Digest], now: int
    ) -> None:
        """Acknowledge: files (path, bytes) that are new or have grown, objects, and the use of others.

        An object that another writer has acknowledged meanwhile stays where that put it.
        """
        with self.transaction() as connection:
            for path, size in files:
                _put_file(connection, path, size)
            connection.executemany(
                "INSERT OR IGNORE INTO object "
                "SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, id, ?, ? FROM file WHERE path = ?",
                map(_row, entries),
            )
            connection.executemany(
                "UPDATE object SET added = ? WHERE digest = ?", ((now, digest) for digest in again)
            )

    def forget(self, digests: Iterable[Digest]) -> None:
        """Forget objects, all or none, and the files that held one alone."""
        with self.transaction() as connection:
            connection.executemany("DELETE FROM object WHERE digest = ?", ((digest,) for digest in digests))
            connection.execute(
                "DELETE FROM file WHERE path LIKE 'objects/%' AND id NOT IN (SELECT file FROM object)"
            )

    def move(self, before: str, after: str, size: int, places: Iterable[tuple[Digest, int]]) -> None:
        """Objects have moved, each to its offset in another file, which has ``size`` bytes now."""
        with self.transaction() as connection:
            _put_file(connection, after, size)
            connection.executemany(
                "UPDATE object SET offset = ?, file = (SELECT id FROM file WHERE path = ?) "
                "WHERE digest = ? AND file = (SELECT id FROM file WHERE path = ?)",
                ((offset, after, digest, before) for digest, offset in places),
            )

    def drop_file(self, path: str) -> bool:
        """Forget a file; False, and nothing done, if it holds an object."""
        with self.transaction() as connection:
            connection.execute(
                "DELETE FROM file WHERE path = ? AND id NOT IN (SELECT file FROM object)", (path,)
            )
            return not connection.execute("SELECT 1 FROM file WHERE path = ?", (path,)).fetchall()

    def faults(self) -> list[str]:
        """What SQLite itself finds wrong with the database."""
        with self.told():
            rows = self.connection.execute("PRAGMA integrity_check(20)").fetchall()
        return [] if rows == [("ok",)] else [str(message) for (message,) in rows]

    def join(self) -> None:
        """Have all that was written in one file, without a log beside it."""
        with self.told():
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.connection.execute("PRAGMA journal_mode = DELETE")
            self.connection.execute("PRAGMA journal_mode = WAL")

    def settings(self) -> dict[str, str]:
        """All settings that were set."""
        with self.told():
            return dict(self.connection.execute("SELECT name, value FROM setting").fetchall())

    def setting(self, name: str) -> str | None:
        """The store's setting of that name, None if it was not set."""
        with self.told():
            row = self.connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; None takes it back."""
        with self.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM setting WHERE name = ?", (name,))
            else:
                connection.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        """A checked row; a table says what types it has, and a crafted file has others."""
        digest, described, length, form, depth, stored, crc, base, path, offset, added = row
        numbers = (length, depth, stored, crc, offset)
        try:
            description = read_description(described)
            kind = Form(form)
        except (BadData, ValueError) as error:
            raise self._damaged(digest) from error
        if (
            not all(isinstance(number, int) and 0 <= number < 1 << 63 for number in numbers)
            or len(digest) != DIGEST_SIZE
            or (base is not None) is not (kind is Form.DELTA)
            or (base is not None and len(base) != DIGEST_SIZE)
            or not _is_inside(path)
        ):
            raise self._damaged(digest)
        info = ObjectInfo(digest, description, length, kind, stored, base, depth, path, offset)
        return Entry(info, crc, added)

    def _damaged(self, digest: object) -> DamagedStore:
        return DamagedStore(
            "a row of the index is no object",
            path=str(self._path),
            found=digest,
            advice="Make the index anew from the packs with fsck.",
        )


def _put_file(connection: sqlite3.Connection, path: str, size: int) -> None:
    connection.execute(
        "INSERT INTO file (path, size) VALUES (?, ?) "
        "ON CONFLICT (path) DO UPDATE SET size = max(size, excluded.size)",
        (path, size),
    )


def _row(entry: Entry) -> tuple[object, ...]:
    one = entry.info
    return (
        one.digest,
        one.kind,
        describe(one.description),
        one.length,
        one.form,
        one.depth,
        one.stored,
        entry.crc,
        one.base,
        one.offset,
        entry.added,
        one.place,
    )


def _is_inside(path: str) -> bool:
    """Whether it is a path that this store gives: no damaged index leads out of its folder."""
    folder, _, name = path.partition("/")
    return (
        folder in {"packs", "objects"}
        and "/" not in name
        and "\\" not in name
        and name not in {"", ".", ".."}
    )
