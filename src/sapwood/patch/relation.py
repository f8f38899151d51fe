"""How floats of the target follow from floats of the base where a plain difference would not tell."""

import dataclasses

from sapwood.codec.block import MAX_BLOCK
from sapwood.codec.element import Element
from sapwood.patch.low_rank import LowRankTerm

__all__ = ["Relation"]


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """What a piece of the target is predicted from.

    Attributes:
        base_element: What the base holds there.
        term: The low-rank term of the matrix that the piece is; None without one.
        second_move: Bytes from its place in the base to that in the second base; None without one.
    """

    base_element: Element
    term: LowRankTerm | None = None
    second_move: int | None = None

    @property
    def crosses(self) -> bool:
        """The base's bytes are like none of the target's."""
        return True

    def bytes_of_base(self, length: int, element: Element) -> int:
        """Bytes of the base behind ``length`` bytes of the target's elements."""
        return length // element.width * self.base_element.width

    def most_bytes(self, element: Element) -> int:
        """Bytes of the target's elements that one block can code; rows stay whole where there is a term."""
        elements = min(element.most_bytes // element.width, MAX_BLOCK // self.base_element.width)
        if self.term is not None:
            elements -= elements % self.term.columns
        return elements * element.width
