"""The public calls. Each command is one of these."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sapwood.errors import storage_error
from sapwood.formats.model import Source, open_model
from sapwood.kinship import limits
from sapwood.kinship.compare import Comparison, compare
from sapwood.kinship.database import Database, Match
from sapwood.kinship.exact import Progress, digests_of
from sapwood.kinship.fingerprint import KEY, Fingerprint, read_fingerprint
from sapwood.kinship.sketch import sketch_of
from sapwood.patch.patch import PathLike
from sapwood.patch.workers import thread_count

__all__ = ["fingerprint", "fingerprint_add", "fingerprint_compare", "fingerprint_find"]

# Where the key of a saved fingerprint stands, whatever white space is before it.
_HEAD: Final = 256


def fingerprint(
    source: Source | Fingerprint,
    *,
    exact: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Fingerprint:
    """The fingerprint of a model, or the one that was saved in a file.

    Args:
        source: A path (of a model, or of a saved fingerprint), bytes, a stream, an open model; a fingerprint
            is given back.
        exact: Also make the digests, which takes reading everything. The sketch reads a few MB.
        threads: For the digests; as many as the processor has by default.
        progress: Called with bytes digested and in all.

    Raises:
        MissingInput: Nothing is there. BadData: A saved fingerprint is damaged, or of another version.
    """
    if isinstance(source, Fingerprint):
        return source
    if isinstance(source, str | os.PathLike):
        saved = _saved(Path(source))
        if saved is not None:
            return read_fingerprint(saved, os.fspath(source))
    with open_model(source) as model:
        digests = digests_of(model, thread_count(threads), progress) if exact else None
        return Fingerprint(
            size=sum(len(file.data) for file in model.files),
            formats=tuple(sorted({file.layout.format for file in model.files})),
            digest=digests.model if digests else None,
            contents=digests.contents if digests else None,
            sketch=sketch_of(model, digests.parts if digests else None),
            warnings=model.warnings,
        )


def fingerprint_compare(
    base: Source | Fingerprint,
    target: Source | Fingerprint,
    *,
    exact: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """How ``target`` stands to ``base``; see :func:`fingerprint` for what either may be, and the rest."""
    old, new = (
        fingerprint(source, exact=exact, threads=threads, progress=progress) for source in (base, target)
    )
    return compare(old, new)


def fingerprint_add(
    models: Iterable[PathLike],
    database: PathLike,
    *,
    exact: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[tuple[str, Fingerprint]]:
    """Put models into a database, which is made where there is none; returns their paths in it.

    A model that is there under its path is replaced. Each is in the database once it is done: an error at one
    leaves those before it.

    Raises:
        MissingInput: A model is not there. BadData: The file is no database of fingerprints, or damaged.
        StorageFailure, DiskFull: The database could not be written.
    """
    added = []
    with Database(database, create=True) as opened:
        for model in models:
            one = fingerprint(os.fspath(model), exact=exact, threads=threads, progress=progress)
            path = str(Path(model).absolute())
            opened.add([(path, one)])
            added.append((path, one))
    return added


def fingerprint_find(
    target: Source | Fingerprint,
    database: PathLike,
    *,
    limit: int = 10,
    exact: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Match]:
    """The models of a database from which ``target`` may have been made, the best base first.

    Raises:
        MissingInput: The model or the database is not there. BadData: The database is none, or damaged.
    """
    with Database(database) as opened:
        one = fingerprint(target, exact=exact, threads=threads, progress=progress)
        return opened.find(one, limit=limit)


def _saved(path: Path) -> bytes | None:
    """What is in a file that may hold a saved fingerprint."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if not head.lstrip().startswith(b"{") or f'"{KEY}"'.encode() not in head:
                return None
            return head + file.read(limits.MAX_SAVED)
    except OSError as error:
        raise storage_error(error, os.fspath(path)) from error
