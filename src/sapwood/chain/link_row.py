"""Some links of a chain in a row, and their patches."""

from collections.abc import Callable, Sequence
from typing import overload

from sapwood.chain.container import Link
from sapwood.patch.patch import Patch

__all__ = ["LinkRow"]


class LinkRow(Sequence[Patch]):
    """The patches of some links. Each is opened when it is asked for: all manifests might fill memory."""

    def __init__(self, links: Sequence[Link], open_patch: Callable[[int], Patch]) -> None:
        self._links = links
        self._open = open_patch

    def __len__(self) -> int:
        """How many links."""
        return len(self._links)

    @overload
    def __getitem__(self, index: int) -> Patch: ...
    @overload
    def __getitem__(self, index: slice) -> "LinkRow": ...
    def __getitem__(self, index: int | slice) -> "Patch | LinkRow":
        """One, or some of them."""
        if isinstance(index, slice):
            return LinkRow(self._links[index], self._open)
        return self._open(self._links[index].number)

    @property
    def built(self) -> int:
        """Bytes of all versions that the links lead to."""
        return sum(link.target.size for link in self._links)

    @property
    def coded(self) -> int:
        """Bytes of the patches in all."""
        return sum(link.size for link in self._links)
