"""Operations on the repository as a whole: what it holds, whether it is sound, what can go."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from sapwood.errors import SapwoodError
from sapwood.repo.commit import Commit, Tag
from sapwood.repo.history import ancestors
from sapwood.repo.opened import Opened
from sapwood.repo.refs import BRANCHES, TAGS
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest, Kind

if TYPE_CHECKING:
    from sapwood.repo.upkeep_facts import Cleaned, Fault, RepositoryStats

__all__ = ["Upkeep", "references"]

_LOG_SECONDS: Final = 90 * 24 * 3600
"""How long logs remember where refs were."""


def references(kind: Kind, data: memoryview) -> list[Digest]:
    """The objects that a tree, a commit or a tag names.

    Raises:
        BadData: It is damaged.
    """
    if kind is Kind.TREE:
        return [entry.recipe for entry in Tree.decode(data)]
    if kind is Kind.COMMIT:
        commit = Commit.decode(data)
        return [commit.tree, *commit.parents]
    return [Tag.decode(data).target]


class Upkeep(Opened):
    """``stats``, ``fsck`` and ``gc``."""

    def stats(self) -> "RepositoryStats":
        """What the repository holds, and what it takes."""
        from sapwood.repo.upkeep_facts import RepositoryStats  # noqa: PLC0415  most operations tell none

        commits = self._reachable()
        kinds: Counter[str] = Counter()
        deltas = deepest = content = stored = 0
        for info in self.store.objects():
            kinds[info.kind.name.lower()] += 1
            deltas += info.depth > 0
            deepest = max(deepest, info.depth)
            content += info.length
            stored += info.stored
        sizes: dict[Digest, int] = {}
        for commit in commits:
            tree = self.objects.commit(commit).tree
            if tree not in sizes:
                sizes[tree] = sum(entry.size for entry in self.objects.tree(tree))
        return RepositoryStats(
            len(commits),
            len(self.refs.all(BRANCHES)),
            len(self.refs.all(TAGS)),
            dict(sorted(kinds.items())),
            deltas,
            deepest,
            sum(sizes[self.objects.commit(commit).tree] for commit in commits),
            content,
            stored,
        )

    def fsck(self) -> "list[Fault]":
        """Read everything, and name what is damaged or missing and the commits that need it.

        What a remote has promised is not missing.

        Raises:
            DamagedStore: The store's index cannot be read at all.
        """
        from sapwood.repo.upkeep_facts import Fault  # noqa: PLC0415

        lost: dict[Digest, tuple[str, str]] = {}
        faults = []
        for damage in self.store.fsck():
            names = [*([damage.digest] if damage.digest is not None else []), *damage.dependents]
            for digest in names:
                lost[digest] = (damage.message, damage.place)
            if not names:
                faults.append(Fault(damage.message, "", damage.place))
        users: dict[Digest, list[Digest]] = {digest: [] for digest in lost}
        for commit, digest, message in self._needs(lost):
            if digest not in lost:
                lost[digest] = (message, "")
            users.setdefault(digest, []).append(commit)
        return faults + [
            Fault(
                message, digest.hex(), place, tuple(commit.hex() for commit in dict.fromkeys(users[digest]))
            )
            for digest, (message, place) in lost.items()
        ]

    def gc(
        self, *, grace: int | None = None, log_seconds: int = _LOG_SECONDS, dry_run: bool = False
    ) -> "Cleaned":
        """Forget what no branch, tag, log or staged file leads to, and give back its room.

        Args:
            grace: Seconds for which new objects stay all the same; two weeks by default.
            log_seconds: Drop what logs say from longer ago.
            dry_run: Only tell what would go.

        Raises:
            DamagedStore, BadData: An object that names others cannot be read: nothing is forgotten.
        """
        from sapwood.repo.upkeep_facts import Cleaned  # noqa: PLC0415

        logged = 0 if dry_run else self.refs.forget(int(time.time()) - log_seconds)
        collected = self.store.gc(self._roots, references, grace=grace, dry_run=dry_run)
        if collected.objects and not dry_run:
            self.objects.forget()
        return Cleaned(logged, collected, None if dry_run else self.store.repack())

    def _roots(self) -> set[Digest]:
        """What refs, HEAD, logs and the staged files name, as far as it is there."""
        named = {*self.refs.all().values(), *self.refs.logged()}
        named |= {one.entry.recipe for one in self.staging.all().values()}
        head = self.head.target
        named |= set() if head is None else {head}
        return named - self.store.missing(named)

    def _tips(self) -> set[Digest]:
        """Commits that refs and HEAD lead to."""
        head = self.head.target
        named = {*self.refs.all().values()} | (set() if head is None else {head})
        return {self.objects.peel(digest) for digest in named}

    def _reachable(self) -> set[Digest]:
        return ancestors(self._tips(), self.objects.commit)

    def _needs(self, lost: Iterable[Digest]) -> Iterator[tuple[Digest, Digest, str]]:
        """Commits and what they need that is lost or not there: (commit, object, what is wrong)."""
        gone = set(lost)
        seen: set[Digest] = set()
        of_tree: dict[Digest, list[tuple[Digest, str]]] = {}
        waiting = []
        named = {*self.refs.all().values()} | ({self.head.target} if self.head.target else set())
        for digest in named:
            try:
                waiting.append(self.objects.peel(digest))
            except SapwoodError as error:
                yield digest, digest, error.message
        while waiting:
            commit = waiting.pop()
            if commit in seen:
                continue
            seen.add(commit)
            try:
                found = self.objects.commit(commit)
            except SapwoodError as error:
                yield commit, commit, error.message
                continue
            waiting += found.parents
            if found.tree not in of_tree:
                of_tree[found.tree] = [*self._missing(found.tree, gone)]
            for digest, message in of_tree[found.tree]:
                yield commit, digest, message

    def _missing(self, tree: Digest, lost: set[Digest]) -> Iterator[tuple[Digest, str]]:
        from sapwood.store.recipe import read_recipe  # noqa: PLC0415  most operations read none

        try:
            entries = self.objects.tree(tree)
        except SapwoodError as error:
            yield tree, error.message
            return
        promised = self.store.promise is not None
        for entry in entries:
            if promised and entry.recipe in self.store.missing([entry.recipe]):
                continue
            try:
                items = [item.digest for item in read_recipe(self.store.read(entry.recipe)).items]
            except SapwoodError as error:
                yield entry.recipe, error.message
                continue
            absent = self.store.missing(items)
            for digest in dict.fromkeys(items):
                if (digest in absent and not promised) or digest in lost:
                    yield digest, "an object is not in the store"
