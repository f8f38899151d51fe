"""What is told of a repository as a whole: what it holds, what is wrong with it, what a clean-up did."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sapwood.store.collect import Collected
    from sapwood.store.repack import Repacked

__all__ = ["Cleaned", "Fault", "RepositoryStats"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it should be.

    Attributes:
        message: What, as a clause.
        object: The digest, in hex, of the object it is about; "" if it is about a file of the store.
        place: The file of the store, relative to it, and "" if that does not tell.
        commits: Digests of the commits that need it, in hex; the newest first.
    """

    message: str
    object: str
    place: str
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What ``gc`` did.

    Attributes:
        logged: Entries of logs that were dropped.
        collected: Objects that were forgotten.
        repacked: Packs that were written anew; None after a dry run.
    """

    logged: int
    collected: "Collected"
    repacked: "Repacked | None"


@dataclass(frozen=True, slots=True)
class RepositoryStats:
    """What a repository holds.

    Attributes:
        commits: That branches, tags or HEAD lead to.
        branches, tags: How many.
        objects: How many of each kind, by its name.
        deltas: Objects stored as differences.
        deepest: Differences that are decoded to read the worst of them.
        checked_out: Bytes of all files of all commits, as if each were a copy.
        content: Bytes of all objects, each once.
        stored: Bytes that they take.
    """

    commits: int
    branches: int
    tags: int
    objects: dict[str, int]
    deltas: int
    deepest: int
    checked_out: int
    content: int
    stored: int
