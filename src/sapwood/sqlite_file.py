"""SQLite files of ours: read as hostile input, made and checked by a schema, failures as Sapwood's."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from sapwood.errors import BadData, DiskFull, SapwoodError, StorageFailure

__all__ = ["Schema", "check", "connect", "create", "sqlite_error", "transaction"]

_DEVICE = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_NOMEM")


class Schema(NamedTuple):
    """What a file of one kind holds.

    Attributes:
        what: The kind as users know it, such as "a database of fingerprints".
        application: In the file's header (pragma application_id).
        version: Of the tables (pragma user_version).
        tables: The statement that makes each table or index, by name.
        rows: Statements that fill a new file.
        by_sqlite: Tables that SQLite makes itself for these, and how it says so.
        advice: What to do about a file of another version.
        error: What is raised for a file that is not so.
    """

    what: str
    application: int
    version: int
    tables: Mapping[str, str]
    rows: tuple[str, ...] = ()
    by_sqlite: Mapping[str, str] = MappingProxyType({})
    advice: str = "Use the version of sapwood that made it."
    error: type[BadData] = BadData


def connect(
    path: Path,
    mode: Literal["ro", "rw", "rwc"],
    *,
    most_value: int,
    busy_seconds: float = 5.0,
    immutable: bool = False,
    one_thread: bool = True,
) -> sqlite3.Connection:
    """Open a file that may come from anywhere; without transactions that begin by themselves.

    Args:
        path: Where it is.
        mode: Whether to write, and (``rwc``) to make it where there is none.
        most_value: Bytes of a text or blob at the most: a damaged length must not ask for memory.
        busy_seconds: How long to wait for others.
        immutable: Nobody writes, so no lock is needed.
        one_thread: Refuse calls of other threads.

    Raises:
        sqlite3.Error: See ``sqlite_error``.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}{'&immutable=1' if immutable else ''}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=busy_seconds, check_same_thread=one_thread
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_value)
        # Its schema must not run anything.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection, schema: Schema) -> bool:
    """Fill an empty file, all at once; whether it was empty: one that was being made may be, too."""
    if not _is_empty(connection):
        return False
    with transaction(connection):
        # Another may have been quicker.
        if not _is_empty(connection):
            return False
        for statement in (*schema.tables.values(), *schema.rows):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.application}")
        connection.execute(f"PRAGMA user_version = {schema.version}")
    return True


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA schema_version").fetchone()[0] == 0)


def check(connection: sqlite3.Connection, schema: Schema, path: str) -> None:
    """Refuse a file that is of another kind or version, or has other tables.

    Raises:
        BadData: It is; the schema says of which kind.
    """
    (application,), (version,) = (
        connection.execute("PRAGMA application_id").fetchone(),
        connection.execute("PRAGMA user_version").fetchone(),
    )
    if application != schema.application:
        raise schema.error(f"not {schema.what}", path=path)
    if version != schema.version:
        raise schema.error(
            f"{schema.what} of another version",
            path=path,
            expected=schema.version,
            found=version,
            advice=schema.advice,
        )
    expected = {**schema.tables, **schema.by_sqlite}
    # Indexes that SQLite makes by itself have no text.
    listed = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL LIMIT ?", (len(expected) + 1,)
    ).fetchall()
    if dict(listed) != expected or len(listed) != len(expected):
        raise schema.error(f"the file has other tables than {schema.what}", path=path)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, on the disk when the outermost block has ended; other writers wait meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # On some errors SQLite has done so itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


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
