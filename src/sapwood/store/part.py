"""What of an object becomes one block, and what of its base that is like."""

import dataclasses

from sapwood.codec.element import Element
from sapwood.codec.quantised import QuantisedPair
from sapwood.patch.relation import Relation

__all__ = ["Part", "Run"]


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """Some bytes of a splice: copied from ``base`` on, or new if that is None."""

    length: int
    base: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What becomes one block.

    Attributes:
        start: Offset in the object.
        length: Bytes, at most MAX_BLOCK.
        base: Offset in the base object of what it is like; None if nothing is.
        element: How to take its bytes; None for text and splices.
        relation: How elements follow from other elements of the base; None to take their difference.
        runs: What it is put together from, if it is a splice.
    """

    start: int
    length: int
    base: int | None
    element: Element | None
    relation: Relation | QuantisedPair | None = None
    runs: tuple[Run, ...] = ()

    @property
    def base_length(self) -> int:
        """Bytes of the base behind it."""
        if self.relation is None or self.element is None:
            return self.length
        return self.relation.bytes_of_base(self.length, self.element)
