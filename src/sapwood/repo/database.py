"""The repository's own database: refs, HEAD, reflog, staging and settings in one SQLite file.

One file, so that a commit moves its branch, HEAD's log and the staged state in one step. WAL and
synchronous=FULL: what a call has acknowledged survives a power cut.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sapwood import sqlite_file
from sapwood.errors import BadData, MissingInput

__all__ = ["FILE_NAME", "Database"]

FILE_NAME: Final = "repository.sqlite"
_SCHEMA: Final = sqlite_file.Schema(
    "a repository's database",
    0x53775270,  # "SwRp"
    1,
    {
        "ref": "CREATE TABLE ref (name TEXT PRIMARY KEY, target BLOB NOT NULL) STRICT, WITHOUT ROWID",
        # One row: the branch that HEAD is on, or the commit where it is on none.
        "head": "CREATE TABLE head (id INTEGER PRIMARY KEY, branch TEXT, target BLOB) STRICT",
        "reflog": "CREATE TABLE reflog (id INTEGER PRIMARY KEY AUTOINCREMENT, ref TEXT NOT NULL, old BLOB, "
        "new BLOB, who TEXT NOT NULL, seconds INTEGER NOT NULL, zone INTEGER NOT NULL, why TEXT NOT NULL) "
        "STRICT",
        "reflog_ref": "CREATE INDEX reflog_ref ON reflog (ref, id)",
        # What the next commit holds, and the file that was seen to have that content.
        "staged": "CREATE TABLE staged (path TEXT PRIMARY KEY, recipe BLOB NOT NULL, size INTEGER NOT NULL, "
        "content BLOB NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, inode INTEGER NOT NULL, "
        "seen INTEGER NOT NULL, wanted INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        "setting": "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        # Commits as the store has them, found in one look: made anew from the store at any time.
        "history": "CREATE TABLE history (digest BLOB PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID",
        # How two tensors differ: found once, and true for ever.
        "difference": "CREATE TABLE difference (old BLOB NOT NULL, new BLOB NOT NULL, facts TEXT NOT NULL, "
        "PRIMARY KEY (old, new)) STRICT, WITHOUT ROWID",
    },
    rows=("INSERT INTO head VALUES (0, 'refs/heads/main', NULL)",),
    by_sqlite={"sqlite_sequence": "CREATE TABLE sqlite_sequence(name,seq)"},
)
_BUSY_SECONDS: Final = 60.0
# No text or blob of it is longer; a damaged length must not ask for memory.
_MOST_VALUE: Final = 1 << 22


class Database:
    """An open database; close it. Of one thread."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Open the file, or with ``create`` make it.

        Raises:
            MissingInput: There is none. BadData: It is no repository's.
            StorageFailure: It cannot be read or written.
        """
        self.path = path
        if not create and not path.is_file():
            raise MissingInput("no repository is here", path=str(path.parent), advice="Make one with init.")
        with self.told():
            self._connection = sqlite_file.connect(
                path, "rwc" if create else "rw", most_value=_MOST_VALUE, busy_seconds=_BUSY_SECONDS
            )
        try:
            with self.told():
                self._prepare(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file. Doing it twice is harmless."""
        self._connection.close()

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """All rows that a statement gives."""
        with self.told():
            return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: object) -> tuple[object, ...] | None:
        """The first row that a statement gives, None if there is none."""
        rows = self.rows(statement, *values)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on the disk when the outermost block has ended; others wait meanwhile."""
        with self.told(), sqlite_file.transaction(self._connection):
            yield

    def damaged(self, what: str, found: object = None) -> BadData:
        """The error for a row that cannot be."""
        return BadData(f"the repository's database holds {what}", path=str(self.path), found=found)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """SQLite's failures as Sapwood's."""
        try:
            yield
        except sqlite3.Error as error:
            raise sqlite_file.sqlite_error(error, str(self.path), "repository's database") from error
        except UnicodeDecodeError as error:
            raise self.damaged("what is no text") from error

    def _prepare(self, new: bool) -> None:
        if new:
            self._connection.execute("PRAGMA journal_mode = WAL")
            sqlite_file.create(self._connection, _SCHEMA)
        sqlite_file.check(self._connection, _SCHEMA, str(self.path))
