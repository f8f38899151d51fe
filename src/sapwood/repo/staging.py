"""What the next commit will hold, and what its files looked like when that was last known.

As git's index does: a file whose size, times and inode are those that were seen has the content that was
seen, so that ``status`` need not read it. A file that was written in the very moment it was looked at cannot
be told so ("racy git"), and is read again.
"""

import os
from collections.abc import Iterable
from typing import Final, NamedTuple

from sapwood.repo.database import Database
from sapwood.repo.encoding import DIGEST_SIZE
from sapwood.repo.paths import path_fault
from sapwood.repo.tree import Entry, Tree

__all__ = ["Seen", "Staged", "Staging"]

# A later write may leave the same time where the clock of the file system ticks slowly: every 10 ms on the
# slowest Linux, later where a virtual machine stands still; up to 2 s where only seconds are kept.
_TICK: Final = 20_000_000
_SLOW_TICK: Final = 2_000_000_000


class Seen(NamedTuple):
    """A file of the work tree as it was seen.

    Attributes:
        content: BLAKE3 digest of its bytes.
        size: Bytes.
        mtime, ctime: Nanoseconds since 1970.
        inode: Its number in the file system.
        seen: When it was looked at, before it was read.
    """

    content: bytes
    size: int
    mtime: int
    ctime: int
    inode: int
    seen: int

    @classmethod
    def of(cls, content: bytes, status: os.stat_result, seen: int) -> "Seen":
        """A file with this status."""
        return cls(content, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, seen)

    @classmethod
    def unseen(cls, content: bytes, size: int) -> "Seen":
        """What a file is to be that nobody has looked at."""
        return cls(content, size, 0, 0, 0, 0)

    def still(self, status: os.stat_result) -> bool:
        """Whether a file with this status surely has the content that was seen."""
        tick = _TICK if self.mtime % 1_000_000 else _SLOW_TICK
        return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino) == (
            self.size,
            self.mtime,
            self.ctime,
            self.inode,
        ) and max(self.mtime, self.ctime) + tick < self.seen


class Staged(NamedTuple):
    """One file of the next commit.

    Attributes:
        entry: Its path, recipe and size.
        seen: The file in the work tree that had this content.
        wanted: Whether a file is to be there: none is where the content was committed from memory.
    """

    entry: Entry
    seen: Seen
    wanted: bool = True


class Staging:
    """The staged files in a repository's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Staged]:
        """All staged files by path, in the order of the paths' bytes."""
        rows = self._database.rows(
            "SELECT path, recipe, size, content, mtime, ctime, inode, seen, wanted FROM staged ORDER BY path"
        )
        return {one.entry.path: one for one in map(self._staged, rows)}

    def tree(self) -> Tree:
        """The tree that a commit would have now."""
        return Tree.of(one.entry for one in self.all().values())

    def put(self, files: Iterable[Staged]) -> None:
        """Stage files; each replaces what was staged under its path."""
        with self._database.transaction():
            for one in files:
                entry, seen = one.entry, one.seen
                self._database.rows(
                    "INSERT OR REPLACE INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    entry.path,
                    entry.recipe,
                    entry.size,
                    seen.content,
                    seen.mtime,
                    seen.ctime,
                    seen.inode,
                    seen.seen,
                    int(one.wanted),
                )

    def remove(self, paths: Iterable[str]) -> None:
        """Take files out of the next commit."""
        with self._database.transaction():
            for path in paths:
                self._database.rows("DELETE FROM staged WHERE path = ?", path)

    def replace(self, files: Iterable[Staged]) -> None:
        """Stage these and nothing else."""
        with self._database.transaction():
            self._database.rows("DELETE FROM staged")
            self.put(files)

    def _staged(self, row: tuple[object, ...]) -> Staged:
        path, recipe, size, content, *numbers = row
        digests = [digest for digest in (recipe, content) if isinstance(digest, bytes)]
        times = [number for number in numbers if isinstance(number, int)]
        if (
            not isinstance(path, str)
            or path_fault(path) is not None
            or not isinstance(size, int)
            or size < 0
            or [len(digest) for digest in digests] != [DIGEST_SIZE] * 2
            or len(times) != len(numbers)
        ):
            raise self._database.damaged("a staged file that is none", path)
        *known, wanted = times
        return Staged(Entry(path, digests[0], size), Seen(digests[1], size, *known), bool(wanted))
