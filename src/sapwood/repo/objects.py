"""Trees, commits and tags as objects of the store."""

from typing import Final, Protocol, Self, TypeVar

from sapwood.errors import BadData
from sapwood.repo import limits
from sapwood.repo.commit import Commit, Tag
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest, Kind
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


class Objects:
    """Reads, and decodes as untrusted, what commits are made of."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._commits: dict[Digest, Commit] = {}
        self._trees: dict[Digest, Tree] = {}

    def commit(self, digest: Digest) -> Commit:
        """The commit of that name.

        Raises:
            MissingObject: It is not in the store. BadData: It is damaged, or no commit.
        """
        found = self._commits.get(digest)
        if found is None:
            found = self._read(digest, Kind.COMMIT, Commit)
            if len(self._commits) < _MOST_KEPT:
                self._commits[digest] = found
        return found

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
        info = self.store.info(digest)
        what = kind.name.lower()
        if info.kind is not kind:
            raise BadData(f"an object is no {what}", found=info.kind.name.lower(), path=digest.hex())
        if info.length > limits.MAX_OBJECT_BYTES:
            raise BadData(f"a {what} is too large", found=info.length, path=digest.hex())
        try:
            return of.decode(self.store.read(digest))
        except BadData as error:
            error.path = error.path or digest.hex()
            raise
