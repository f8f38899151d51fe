"""Pieces into jobs: what is coded as one block. Neighbours that moved together share one."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sapwood.codec.block import MAX_BLOCK
from sapwood.codec.element import Element
from sapwood.codec.quantised import QuantisedPair
from sapwood.patch.plan import Piece
from sapwood.patch.relation import Relation

__all__ = ["Job", "jobs"]

# A piece this short costs less in its neighbour's block, taken as its elements, than in one of its own.
_SMALL: Final = 1 << 10
# Unchanged glue this short may stand between two tensors of one block. Longer glue dilutes what the block's
# tables say of the tensors, and costs more there than the block of its own that it makes necessary.
_BRIDGE: Final = 1 << 10


@dataclasses.dataclass(slots=True)
class Job:
    """A part of the target to be coded as one block, or copied, or given literally.

    Attributes:
        start: Offset in the target's stream.
        length: Bytes.
        base: Offset in the base's stream, None if nothing there is like it.
        element: How to take its bytes; None for glue.
        kinds: Bytes of each kind in it, for the report.
        relation: How it follows from ``base``; None to take its difference.
    """

    start: int
    length: int
    base: int | None
    element: Element | None
    kinds: dict[str, int]
    relation: Relation | QuantisedPair | None = None


def _most(element: Element | None, relation: Relation | QuantisedPair | None) -> int:
    if element is None:
        return MAX_BLOCK
    return element.most_bytes if relation is None else relation.most_bytes(element)


def _behind(length: int, element: Element | None, relation: Relation | QuantisedPair | None) -> int:
    """Bytes of the base behind so many of the target."""
    return length if element is None or relation is None else relation.bytes_of_base(length, element)


def _split(piece: Piece) -> Iterator[Job]:
    """A piece as jobs no larger than a block; copies of glue are not limited."""
    is_copy = piece.element is None and piece.base is not None
    most = piece.length if is_copy else _most(piece.element, piece.relation)
    if isinstance(piece.relation, QuantisedPair):
        most = piece.relation.even_part(piece.length, most)
    for at in range(0, piece.length, most):
        length = min(most, piece.length - at)
        base = None if piece.base is None else piece.base + _behind(at, piece.element, piece.relation)
        yield Job(piece.start + at, length, base, piece.element, {piece.kind: length}, piece.relation)


def _joined_element(job: Job, piece: Job) -> Element | None:
    """The element both can be coded as in one block, None if they cannot."""
    if job.relation != piece.relation or (job.relation is not None and job.element != piece.element):
        return None
    if job.element == piece.element:
        element = job.element
    elif piece.element is None:
        element = job.element if piece.length <= _BRIDGE else None
    elif piece.length <= _SMALL and job.element is not None:
        element = job.element
    elif job.length <= _SMALL:
        element = piece.element
    else:
        return None
    if element is None or job.length + piece.length > _most(element, job.relation):
        return None
    # Every true element of that kind must start at a whole multiple of its width.
    if piece.element is element and job.length % element.width != 0:
        return None
    return element


def jobs(pieces: Iterable[Piece], starts: Iterable[int], visible: Callable[[int], int]) -> Iterator[Job]:
    """Jobs in target order. No job reaches over the end of a file (``starts``: of files in the stream).

    ``visible`` tells how far a job that starts at an offset can read: not what it makes itself.
    """
    file_ends = frozenset(starts)
    current: Job | None = None
    for piece in pieces:
        for job in _split(piece):
            if current is not None:
                moved_together = (
                    current.base is not None
                    and job.base is not None
                    and job.base - current.base == _behind(current.length, current.element, current.relation)
                    and job.base + _behind(job.length, job.element, job.relation) <= visible(current.start)
                )
                element = (
                    _joined_element(current, job) if moved_together and job.start not in file_ends else None
                )
                if element is not None:
                    current.element = element
                    current.length += job.length
                    for kind, length in job.kinds.items():
                        current.kinds[kind] = current.kinds.get(kind, 0) + length
                    continue
                yield from _whole(current)
            current = job
    if current is not None:
        yield from _whole(current)


def _whole(job: Job) -> Iterator[Job]:
    """Cut off what is no whole element at the end."""
    width = job.element.width if job.element is not None else 1
    rest = job.length % width
    if rest == 0:
        yield job
        return
    if job.length > rest:
        yield dataclasses.replace(job, length=job.length - rest)
    base = None if job.base is None else job.base + job.length - rest
    yield Job(job.start + job.length - rest, rest, base, Element.INT8, {next(iter(job.kinds)): rest})
