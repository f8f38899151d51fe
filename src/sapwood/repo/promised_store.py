"""A store whose objects may still be at a remote, and come when they are asked for."""

from collections.abc import Callable, Iterable, Iterator

from sapwood.store.kinds import Digest, ObjectInfo
from sapwood.store.store import Store

__all__ = ["PromisedStore"]


class PromisedStore(Store):
    """A store that asks for what it lacks before it reads; see ``Repository.clone(..., lazy=True)``.

    Attributes:
        promise: Gets objects, which the store lacks, from where they are. None if nothing is promised.
    """

    promise: Callable[[set[Digest]], None] | None = None

    def read(self, digest: Digest, *, verify: bool = True) -> memoryview:
        """As in any store, after what is missing has come."""
        self._get([digest])
        return super().read(digest, verify=verify)

    def info(self, digest: Digest) -> ObjectInfo:
        """As in any store, after what is missing has come."""
        self._get([digest])
        return super().info(digest)

    def pieces(self, digests: Iterable[Digest]) -> Iterator[tuple[int, memoryview]]:
        """As in any store, after what is missing has come."""
        wanted = list(digests)
        self._get(wanted)
        return super().pieces(wanted)

    def _get(self, digests: list[Digest]) -> None:
        if self.promise is None:
            return
        missing = self.missing(digests)
        if missing:
            self.promise(missing)
