"""Trees, commits and tags as objects of the store."""

import contextlib
from typing import Final, Protocol, Self, TypeVar

from sapwood.errors import BadData, DamagedStore, SapwoodError
from sapwood.repo import limits
from sapwood.repo.commit import Commit, Tag
from sapwood.repo.database import Database
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Description, Digest, Kind, object_digest
from sapwood.store.store import Store

__all__ = ["Objects", "Recorded"]


class Recorded(Protocol):
    """What can be read back from the store."""

    @classmethod
    def decode(cls, data: bytes | memoryview) -> Self:
        """The object of these bytes."""
        ...


_Object = TypeVar("_Object", bound=Recorded)
# Commits of a walk are asked for again and again; one takes about a kilobyte.
_MOST_KEPT: Final = 1 << 16
# One flush to the disk for so many.
_KEPT_TOGETHER: Final = 128
# What a short walk has read is kept when the repository is closed, from so many on.
_LEAST_KEPT: Final = 16
# Whoever has asked for so many walks over the history, and gets the rest in one query.
_SINGLY: Final = 16
_COMMIT: Final = Description(Kind.COMMIT)


class Objects:
    """Reads, and decodes as untrusted, what commits are made of.

    Walks over the history are quick: commits that one has read are kept in the repository's database.
    """

    def __init__(self, store: Store, database: Database) -> None:
        self.store = store
        self._database = database
        self._fresh: dict[Digest, bytes] = {}
        self._asked = 0
        self._ahead: dict[object, object] = {}
        self._commits: dict[Digest, Commit] = {}
        self._trees: dict[Digest, Tree] = {}

    def commit(self, digest: Digest) -> Commit:
        """The commit of that name.

        Raises:
            MissingObject: It is not in the store. BadData: It is damaged, or no commit.
        """
        found = self._commits.get(digest)
        if found is None:
            found = self._kept(digest) or self._read(digest, Kind.COMMIT, Commit)
            if len(self._commits) < _MOST_KEPT:
                self._commits[digest] = found
        return found

    def forget(self) -> None:
        """Drop the commits that are kept: some may be gone from the store."""
        self._commits.clear()
        self._fresh.clear()
        self._ahead.clear()
        self._database.rows("DELETE FROM history")

    def _kept(self, digest: Digest) -> Commit | None:
        data = self._ahead.pop(digest, None)
        if data is None:
            self._asked += 1
            if self._asked == _SINGLY:
                rows = self._database.rows("SELECT digest, data FROM history LIMIT ?", _MOST_KEPT)
                self._ahead.update((one, kept) for one, kept in rows)
            row = self._database.row("SELECT data FROM history WHERE digest = ?", digest)
            data = None if row is None else row[0]
        if not isinstance(data, bytes) or object_digest(_COMMIT, data) != digest:
            return None
        return Commit.decode_again(data)

    def settle(self) -> None:
        """Keep what was read, where it is enough to be worth a flush to the disk."""
        if len(self._fresh) >= _LEAST_KEPT:
            self._keep_fresh()

    def _keep_fresh(self) -> None:
        # Whoever may only read looks into the store the next time, too.
        with contextlib.suppress(SapwoodError), self._database.transaction():
            for one, kept in self._fresh.items():
                self._database.rows("INSERT OR IGNORE INTO history VALUES (?, ?)", one, kept)
        self._fresh.clear()

    def tree(self, digest: Digest) -> Tree:
        """The tree of that name; raises as ``commit`` does."""
        found = self._trees.get(digest)
        if found is None:
            found = self._read(digest, Kind.TREE, Tree)
            self._trees = {digest: found} if len(self._trees) > 64 else {**self._trees, digest: found}
        return found

    def tree_of(self, commit: Digest | None) -> Tree:
        """The tree of a commit; without one, a tree without files."""
        return Tree(()) if commit is None else self.tree(self.commit(commit).tree)

    def tag(self, digest: Digest) -> Tag:
        """The tag of that name; raises as ``commit`` does."""
        return self._read(digest, Kind.TAG, Tag)

    def peel(self, digest: Digest) -> Digest:
        """The commit that an object is, or that a tag leads to."""
        for _ in range(limits.MAX_TAG_DEPTH):
            if self.store.info(digest).kind is not Kind.TAG:
                return digest
            digest = self.tag(digest).target
        raise BadData("tags lead to tags without an end", found=digest)

    def _read(self, digest: Digest, kind: Kind, of: type[_Object]) -> _Object:
        # The digest covers the kind: one look into the index, and one digest, prove both.
        data = self.store.read(digest, verify=False)
        what = kind.name.lower()
        if object_digest(Description(kind), data) != digest:
            stored = self.store.info(digest).kind
            if stored is not kind:
                raise BadData(f"an object is no {what}", found=stored.name.lower(), path=digest.hex())
            raise DamagedStore(
                f"a {what} is not what its name says",
                path=digest.hex(),
                advice="Run fsck: it names what is damaged. Fetch the object from a remote that has it.",
            )
        try:
            found = of.decode(data)
        except BadData as error:
            error.path = error.path or digest.hex()
            raise
        if kind is Kind.COMMIT:
            self._fresh[digest] = bytes(data)
            if len(self._fresh) >= _KEPT_TOGETHER:
                self._keep_fresh()
        return found
