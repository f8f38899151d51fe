"""Versions and the patches between them as a graph; the way of fewest bytes from each version to one."""

import dataclasses
import heapq
from collections.abc import Iterable

from sapwood.patch.hash_kind import HashKind

__all__ = ["NOTHING", "Edge", "Way", "ways_to"]

NOTHING = bytes(32)
"""The version of a device that has no model. A patch without a base begins here, and every device can."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A patch that a device may fetch.

    Attributes:
        size: Bytes.
        name: Its path, or that of its chain and the link's number behind ``#``.
        base: Digest of the version it is for; ``NOTHING`` if it needs none.
        target: Digest of the version it leads to.
        hash: What made these digests.
    """

    size: int
    name: str
    base: bytes
    target: bytes
    hash: HashKind = HashKind.BLAKE3


@dataclasses.dataclass(frozen=True, slots=True)
class Way:
    """From a version to the one wanted: patches in order, and their bytes in all."""

    edges: tuple[Edge, ...]
    size: int


def ways_to(target: bytes, edges: Iterable[Edge]) -> dict[bytes, Way]:
    """The way of fewest bytes, and of as many the one of fewest patches, from every version that has one.

    A device may always begin anew: from any version one can go on as from ``NOTHING``. Ask for a version that
    is not in the answer as for ``NOTHING``.
    """
    into: dict[bytes, list[Edge]] = {}
    for edge in sorted(edges):
        into.setdefault(edge.target, []).append(edge)
    found: dict[bytes, Way] = {}
    # Dijkstra from the target back. Names come into the order, so that the plan does not depend on chance.
    waiting: list[tuple[int, int, tuple[str, ...], bytes, tuple[Edge, ...]]] = [(0, 0, (), target, ())]
    while waiting:
        size, hops, names, version, way = heapq.heappop(waiting)
        if version in found:
            continue
        found[version] = Way(way, size)
        for edge in into.get(version, ()):
            if edge.base not in found:
                longer = (edge, *way)
                heapq.heappush(waiting, (size + edge.size, hops + 1, (edge.name, *names), edge.base, longer))
    anew = found.get(NOTHING)
    if anew is not None:
        for version, way_there in found.items():
            if (anew.size, len(anew.edges)) < (way_there.size, len(way_there.edges)):
                found[version] = anew
    return found
