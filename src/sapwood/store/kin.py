"""Which earlier model a new one without a known predecessor may follow from, told by its fingerprint.

Fingerprints lie in a database beside the index. It is no part of what is stored: removed, only future files
take more room.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sapwood.errors import StorageFailure
from sapwood.formats.model import Model, ModelFile
from sapwood.kinship.calls import fingerprint
from sapwood.kinship.compare import Relation
from sapwood.kinship.database import Database, Match
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.store.kinds import Digest

__all__ = ["fingerprint_of", "is_near", "nearest", "remember"]

_FILE_NAME: Final = "kin.sqlite"
# Smaller models are stored as fast as they are searched for.
_FROM: Final = 256 << 10
# Matches looked at: some may have been collected since.
_MATCHES: Final = 8
# A worse base saves too little to be worth reading it each time.
_MOST_SHARE: Final = 0.6


def fingerprint_of(file: ModelFile) -> Fingerprint | None:
    """The fingerprint of one file; None if it is too small to be worth one, or has no tensors."""
    if len(file.data) < _FROM or not any(file.layout.tensors()):
        return None
    return fingerprint(Model("", False, (file,)), exact=False)


def nearest(root: Path, one: Fingerprint, is_there: Callable[[Digest], bool]) -> Digest | None:
    """The recipe of the model that is the best base; None if there is none, or the database is busy.

    Raises:
        BadData: The database is damaged; it may be removed.
    """
    path = root / _FILE_NAME
    if not path.exists():
        return None
    try:
        with Database(path) as database:
            found = database.find(one, limit=_MATCHES)
    except StorageFailure:
        return None
    for match in found:
        if is_near(match) and is_there(bytes.fromhex(match.path)):
            return bytes.fromhex(match.path)
    return None


def is_near(match: Match) -> bool:
    """Whether the model found is worth being the base."""
    told = match.comparison
    return told.relation is Relation.IDENTICAL or told.patch_share <= _MOST_SHARE


def remember(root: Path, recipe: Digest, one: Fingerprint) -> None:
    """Let later models find this one; not if the database is busy.

    Raises:
        BadData: The database is damaged; it may be removed. DiskFull: There is no room.
    """
    try:
        with Database(root / _FILE_NAME, create=True) as database:
            database.add([(recipe.hex(), one)])
    except StorageFailure:
        return
