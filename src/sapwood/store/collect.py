"""Gc: objects that nothing leads to are forgotten, unless they are young or a writer relies on them.

What leads to an object: the roots that the caller names (its refs), what a writer in flight has pinned, and
every object younger than the grace period, whose writer may be about to name it. An object of the future was
written before a clock went back: it counts as young.

The packs keep the bytes of forgotten objects until they are repacked; files of one object are removed at
once.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from sapwood.store.disk import told
from sapwood.store.index import Index, Link
from sapwood.store.kinds import Digest, Kind
from sapwood.store.leases import collecting
from sapwood.store.recipe import read_recipe

__all__ = ["GRACE", "Collected", "References", "Roots", "collect"]

GRACE: Final = 14 * 24 * 3600
"""Seconds for which an object is kept though nothing leads to it."""

References = Callable[[Kind, memoryview], Iterable[Digest]]
"""The objects that a TREE, COMMIT or TAG names, told by whoever made it."""

Roots = Callable[[], Iterable[Digest]]
"""The objects that refs name now. It is asked twice: the second time no writer can begin or end."""


@dataclasses.dataclass(frozen=True, slots=True)
class Collected:
    """What a collection forgot, or would forget.

    Attributes:
        objects: How many.
        stored: Bytes that they took: of the packs they come back with a repack.
        kept: Objects that stay.
        files: Left-over files of killed writers that were removed.
    """

    objects: int
    stored: int
    kept: int
    files: int


class _Marker:
    """Follows objects to all that they name and stand on; each once."""

    def __init__(self, read: Callable[[Digest], memoryview], names: References) -> None:
        self._read = read
        self._names = names
        self.reached: set[Digest] = set()

    def mark(self, links: Mapping[Digest, Link], digests: Iterable[Digest]) -> None:
        """Reach these and what follows. What is not there (a shallow clone) leads nowhere."""
        waiting = list(digests)
        while waiting:
            digest = waiting.pop()
            if digest in self.reached or digest not in links:
                continue
            self.reached.add(digest)
            link = links[digest]
            if link.base is not None:
                waiting.append(link.base)
            if link.kind == Kind.RECIPE:
                waiting += [item.digest for item in read_recipe(self._read(digest)).items]
            elif link.kind not in (Kind.TENSOR, Kind.GLUE):
                waiting += self._names(Kind(link.kind), self._read(digest))


def collect(
    root: Path,
    index: Index,
    read: Callable[[Digest], memoryview],
    roots: Roots,
    references: References,
    *,
    grace: int,
    dry_run: bool,
) -> Collected:
    """Forget what nothing leads to; with ``dry_run`` only tell of it.

    Most of the search is done before writers are held up.

    Raises:
        DamagedStore, BadData: An object that names others cannot be read: nothing is forgotten.
    """
    marker = _Marker(read, references)
    marker.mark(index.links(), roots())
    with collecting(root / "leases") as (pinned, leases):
        links = index.links()
        files = {file.number: file.path for file in index.files()}
        now = int(time.time())
        marker.mark(links, roots())
        marker.mark(links, pinned)
        marker.mark(links, [digest for digest, link in links.items() if link.added > now - grace])
        gone = {digest: link for digest, link in links.items() if digest not in marker.reached}
        left_over = _left_over(root / "objects", set(files.values()), leases)
        if not dry_run:
            index.forget(gone)
    if not dry_run:
        own = {files[link.file] for link in gone.values() if files[link.file].startswith("objects/")}
        for path in (*left_over, *(root / place for place in sorted(own))):
            with told(path):
                path.unlink(missing_ok=True)
    stored = sum(link.stored for link in gone.values())
    return Collected(len(gone), stored, len(links) - len(gone), len(left_over))


def _left_over(folder: Path, known: set[str], leases: set[str]) -> list[Path]:
    """Files that no object is in, and no writer in flight has made."""
    with told(folder):
        return sorted(
            path
            for path in folder.iterdir()
            if f"objects/{path.name}" not in known and path.name.partition("-")[0] not in leases
        )
