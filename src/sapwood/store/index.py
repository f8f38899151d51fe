"""Where each object lies: an SQLite database (WAL, synchronous=FULL), which the packs can make anew."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sapwood.errors import BadData, DamagedStore, WrongCall
from sapwood.store.index_file import IndexFile
from sapwood.store.kinds import DIGEST_SIZE, Digest, Form, Kind, ObjectInfo, describe, read_description

__all__ = ["FILE_NAME", "Entry", "Index", "Link", "StoreFile"]

FILE_NAME: Final = "index.sqlite"
_KINDS: Final = frozenset(map(int, Kind))
_COLUMNS: Final = "digest, description, length, form, depth, stored, crc, base, path, offset, added"
_FROM: Final = "FROM object JOIN file ON object.file = file.id"
# Rows that are asked for at once.
_AT_ONCE: Final = 500


class Entry(NamedTuple):
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


class StoreFile(NamedTuple):
    """A pack or a file of one object: its number, its path in the store, and the bytes acknowledged of it."""

    number: int
    path: str
    size: int


class Index:
    """An open index, for all threads of a process and its forks."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        """Open the file, or with ``create`` make it where there is none; ``is_new`` tells whether it did.

        Raises:
            MissingInput: There is none. DamagedStore: It is no index of a store.
            StorageFailure: It cannot be read or written.
        """
        self._file = IndexFile(path, create=create, read_only=read_only)
        self.is_new = self._file.is_new

    def close(self) -> None:
        """Let go of the file. Doing it twice is harmless."""
        self._file.close()

    def entry(self, digest: Digest) -> Entry | None:
        """What is known of an object; None if it is not there."""
        with self._file.using() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} {_FROM} WHERE digest = ?",
                (digest,),
            ).fetchone()
        return None if row is None else self._entry(row)

    def entries(self, kind: Kind | None = None) -> Iterator[Entry]:
        """All objects, or those of a kind, in the order of their digests.

        They are read some at a time: what others add or take away meanwhile may be told or not.
        """
        where = "digest > ?" if kind is None else f"digest > ? AND kind = {int(kind)}"
        query = f"SELECT {_COLUMNS} {_FROM} WHERE {where} ORDER BY digest LIMIT {_AT_ONCE}"
        last = b""
        while True:
            with self._file.using() as connection:
                rows = connection.execute(query, (last,)).fetchall()
            yield from map(self._entry, rows)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][0]

    def links(self) -> dict[Digest, Link]:
        """All objects, and of each what a collection asks."""
        with self._file.using() as connection:
            rows = connection.execute("SELECT digest, kind, base, added, stored, file FROM object")
            found = {row[0]: Link(*row[1:]) for row in rows}
        for digest, link in found.items():
            if link.kind not in _KINDS:
                raise self._damaged(digest)
        return found

    def known(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of them that are there."""
        wanted = list(digests)
        found: set[Digest] = set()
        with self._file.using() as connection:
            for at in range(0, len(wanted), _AT_ONCE):
                some = wanted[at : at + _AT_ONCE]
                marks = ", ".join("?" * len(some))
                rows = connection.execute(
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
        with self._file.using() as connection:
            rows = connection.execute(
                f"SELECT digest FROM object WHERE digest BETWEEN ? AND ? {where} ORDER BY digest LIMIT ?",  # noqa: S608
                (low, high, limit),
            ).fetchall()
        return [digest for (digest,) in rows]

    def files(self) -> list[StoreFile]:
        """All packs and files of one object."""
        with self._file.using() as connection:
            rows = connection.execute("SELECT id, path, size FROM file ORDER BY id").fetchall()
        return [StoreFile(*row) for row in rows]

    def add(
        self, files: Sequence[tuple[str, int]], entries: Iterable[Entry], again: Iterable[Digest], now: int
    ) -> None:
        """Acknowledge: files (path, bytes) that are new or have grown, objects, and the use of others.

        An object that another writer has acknowledged meanwhile stays where that put it.
        """
        with self._file.transaction() as connection:
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
        with self._file.transaction() as connection:
            connection.executemany("DELETE FROM object WHERE digest = ?", ((digest,) for digest in digests))
            connection.execute(
                "DELETE FROM file WHERE path LIKE 'objects/%' AND id NOT IN (SELECT file FROM object)"
            )

    def move(self, before: str, after: str, size: int, places: Iterable[tuple[Digest, int]]) -> None:
        """Objects have moved, each to its offset in another file, which has ``size`` bytes now."""
        with self._file.transaction() as connection:
            _put_file(connection, after, size)
            connection.executemany(
                "UPDATE object SET offset = ?, file = (SELECT id FROM file WHERE path = ?) "
                "WHERE digest = ? AND file = (SELECT id FROM file WHERE path = ?)",
                ((offset, after, digest, before) for digest, offset in places),
            )

    def drop_file(self, path: str) -> bool:
        """Forget a file; False, and nothing done, if it holds an object."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM file WHERE path = ? AND id NOT IN (SELECT file FROM object)", (path,)
            )
            return not connection.execute("SELECT 1 FROM file WHERE path = ?", (path,)).fetchall()

    def faults(self) -> list[str]:
        """What SQLite itself finds wrong with the database."""
        with self._file.using() as connection:
            rows = connection.execute("PRAGMA integrity_check(20)").fetchall()
        return [] if rows == [("ok",)] else [str(message) for (message,) in rows]

    def join(self) -> None:
        """Have all that was written in one file, without a log beside it."""
        with self._file.using() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA journal_mode = WAL")

    def settings(self) -> dict[str, str]:
        """All settings that were set."""
        with self._file.using() as connection:
            return dict(connection.execute("SELECT name, value FROM setting").fetchall())

    def setting(self, name: str) -> str | None:
        """The store's setting of that name, None if it was not set."""
        with self._file.using() as connection:
            row = connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set(self, name: str, value: str | None) -> None:
        """Change a setting; None takes it back."""
        with self._file.transaction() as connection:
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
            path=str(self._file.path),
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
