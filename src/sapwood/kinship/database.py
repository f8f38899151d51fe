"""Fingerprints of thousands of models in one SQLite file, and the search for the nearest of them.

A query compares 256 numbers with those of every model, in memory, then the marks of those that agree, and
then the sketches of the nearest. The file is read as hostile input: another schema, or a row that cannot be,
is refused.
"""

import contextlib
import dataclasses
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from sapwood import sqlite_file
from sapwood.errors import (
    BadData,
    LimitExceeded,
    MissingInput,
    WrongCall,
)
from sapwood.kinship import limits
from sapwood.kinship.compare import Comparison, Relation, compare_all
from sapwood.kinship.fingerprint import DIGEST_SIZE, Fingerprint
from sapwood.kinship.signature import MARKS, SIZE, agreement, distances
from sapwood.kinship.sketch_bytes import read_sketch, write_sketch

__all__ = ["Database", "Match"]

_SCHEMA: Final = sqlite_file.Schema(
    "a database of fingerprints",
    0x53774670,  # "SwFp"
    1,
    {
        "model": "CREATE TABLE model (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
        "size INTEGER NOT NULL, formats TEXT NOT NULL, digest BLOB, contents BLOB, sketch BLOB NOT NULL) "
        "STRICT",
        # By themselves, so that a query reads no more than it compares.
        "signature": "CREATE TABLE signature (id INTEGER PRIMARY KEY, numbers BLOB NOT NULL) STRICT",
        "marks": "CREATE TABLE marks (id INTEGER PRIMARY KEY, marks BLOB NOT NULL) STRICT",
    },
    advice="Make it anew with this version of sapwood.",
)
# Models whose marks are compared: of a family of more, the ones that agree most. And of these the nearest,
# whose sketches are compared.
_KIN: Final = 1024
_NEAREST: Final = 24
# These are known, and what else is told is an estimate.
_SAMENESS: Final = {Relation.IDENTICAL: 0, Relation.SAME_TENSORS: 1}
# Strangers agree in hardly any of the 256 numbers.
_LEAST_AGREED: Final = 2 / SIZE


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """A model of the database, and how the model that was looked for stands to it as a base."""

    path: str
    size: int
    comparison: Comparison


class Database:
    """An open database; use it as a context manager, or close it. Not to be shared among threads."""

    def __init__(self, path: str | os.PathLike[str], *, create: bool = False) -> None:
        """Open the file, or with ``create`` make it where there is none.

        Raises:
            MissingInput: There is no such file. BadData: It is no database of fingerprints.
            StorageFailure: It cannot be read or written.
        """
        self._path = os.fspath(path)
        place = Path(self._path).absolute()
        if not create and not place.is_file():
            raise MissingInput("no such database", path=self._path, advice="Make it with fingerprint add.")
        self._signatures: tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]] | None = None
        with self._translated():
            # Even a reader may have to roll back what a killed writer left.
            self._connection = sqlite_file.connect(
                place, "rwc" if create else "rw", most_value=limits.MAX_SAVED
            )
        try:
            with self._translated():
                self._prepare(create)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file. Doing it twice is harmless."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        """Models in it."""
        with self._translated():
            return int(self._connection.execute("SELECT count(*) FROM model").fetchone()[0])

    def add(self, models: Sequence[tuple[str, Fingerprint]]) -> None:
        """Add models under their paths, all or none; one that is there under its path is replaced.

        Raises:
            WrongCall: A path is not text.
            StorageFailure, DiskFull: It could not be written; the database is as it was.
        """
        with self._translated(), sqlite_file.transaction(self._connection):
            for path, one in models:
                self._put(path, one)
        self._signatures = None

    def _put(self, path: str, one: Fingerprint) -> None:
        if any("\ud800" <= character <= "\udfff" for character in path):
            raise WrongCall("the name of a file is not text", path=path)
        run = self._connection.execute
        for (number,) in run("SELECT id FROM model WHERE path = ?", (path,)).fetchall():
            for table in _SCHEMA.tables:
                run(f"DELETE FROM {table} WHERE id = ?", (number,))  # noqa: S608  names of ours
        row = (path, one.size, "\n".join(one.formats), one.digest, one.contents, write_sketch(one.sketch))
        made = run(
            "INSERT INTO model (path, size, formats, digest, contents, sketch) VALUES (?, ?, ?, ?, ?, ?)", row
        ).lastrowid
        run("INSERT INTO signature VALUES (?, ?)", (made, one.signature.numbers.astype("<u2").tobytes()))
        run("INSERT INTO marks VALUES (?, ?)", (made, one.signature.marks.tobytes()))

    def find(self, target: Fingerprint, *, limit: int = 10) -> list[Match]:
        """The models from which ``target`` may have been made, the best base first; no strangers.

        Raises:
            BadData: A row of the database cannot be.
        """
        numbers, signatures = self._compared()
        agreed = agreement(target.signature, signatures)
        kin = np.flatnonzero(agreed >= _LEAST_AGREED)
        kin = kin[np.argsort(-agreed[kin], kind="stable")][:_KIN]
        apart = distances(target.signature, signatures[kin], self._marks(numbers[kin]))
        chosen = set(numbers[kin[np.argsort(apart, kind="stable")][: max(_NEAREST, limit)]].tolist())
        if target.exact:
            # A model too small to have a signature can still be the same.
            chosen |= self._same(target)
        bases = [self._model(number) for number in sorted(chosen)]
        told = compare_all([base for _, base in bases], target)
        found = [
            Match(path, base.size, one)
            for (path, base), one in zip(bases, told, strict=True)
            if one.relation is not Relation.STRANGER
        ]
        return sorted(found, key=_order)[:limit]

    def _compared(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint16]]:
        """Numbers and signatures of all models; read once."""
        if self._signatures is None:
            with self._translated():
                rows = self._connection.execute(
                    "SELECT id, numbers FROM signature LIMIT ?", (limits.MAX_DATABASE_MODELS + 1,)
                ).fetchall()
            if len(rows) > limits.MAX_DATABASE_MODELS:
                most = limits.MAX_DATABASE_MODELS
                raise LimitExceeded("too many models in a database", path=self._path, expected=most)
            signatures = self._table([numbers for _, numbers in rows], "<u2")
            self._signatures = (np.array([number for number, _ in rows], np.int64), signatures)
        return self._signatures

    def _marks(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The marks of these models, by rows."""
        with self._translated():
            one = "SELECT marks FROM marks WHERE id = ?"
            rows = [self._connection.execute(one, (number,)).fetchone() for number in numbers.tolist()]
        return self._table([row[0] if row else None for row in rows], MARKS)

    def _table(self, rows: Sequence[object], kind: npt.DTypeLike) -> npt.NDArray[Any]:
        """Blobs of ``SIZE`` numbers each, as a table."""
        size = SIZE * np.dtype(kind).itemsize
        blobs = [row for row in rows if isinstance(row, bytes) and len(row) == size]
        if len(blobs) != len(rows):
            raise BadData("a signature in the database is none", path=self._path)
        return np.frombuffer(b"".join(blobs), kind).reshape(-1, SIZE)

    def _same(self, target: Fingerprint) -> set[int]:
        with self._translated():
            rows = self._connection.execute(
                "SELECT id FROM model WHERE digest = ? OR contents = ? LIMIT ?",
                (target.digest, target.contents, _NEAREST),
            )
            return {int(number) for (number,) in rows}

    def _model(self, number: int) -> tuple[str, Fingerprint]:
        with self._translated():
            row = self._connection.execute(
                "SELECT path, size, formats, digest, contents, sketch FROM model WHERE id = ?", (number,)
            ).fetchone()
        if row is None:
            raise BadData("a signature in the database is of no model", path=self._path)
        return row[0], _fingerprint(row, self._path)

    def _prepare(self, new: bool) -> None:
        self._connection.execute(f"PRAGMA query_only = {'OFF' if new else 'ON'}")
        if new:
            sqlite_file.create(self._connection, _SCHEMA)
        sqlite_file.check(self._connection, _SCHEMA, self._path)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as Sapwood's."""
        try:
            yield
        except sqlite3.Error as error:
            raise sqlite_file.sqlite_error(error, self._path, "database") from error
        except (MemoryError, UnicodeDecodeError) as error:
            # So Python says that a value of bounded size ends outside the file, and that a message quotes it.
            raise BadData("the database is damaged", path=self._path) from error


def _fingerprint(row: tuple[Any, ...], path: str) -> Fingerprint:
    """A row of the table of models; a table says what types it has, and a crafted file has others."""
    name, size, formats, digest, contents, sketch = row
    digests = [d for d in (digest, contents) if d is not None]
    if (
        not (isinstance(name, str) and isinstance(size, int) and isinstance(formats, str))
        or not (isinstance(sketch, bytes) and len(digests) in (0, 2))
        or not all(isinstance(d, bytes) and len(d) == DIGEST_SIZE for d in digests)
    ):
        raise BadData("a row of the database is no model", path=path)
    try:
        return Fingerprint(max(size, 0), tuple(formats.split("\n")), digest, contents, read_sketch(sketch))
    except BadData as error:
        error.path = path
        raise


def _order(match: Match) -> tuple[int, float, bool, float, int, str]:
    """What is the same first, then what makes the smallest patch; of equals the one most alike."""
    found = match.comparison
    sameness = _SAMENESS.get(found.relation, len(_SAMENESS))
    return sameness, found.patch_share, not found.same_shapes, -found.kinship, found.renamed, match.path
