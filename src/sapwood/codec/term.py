"""A product of low rank for the blocks of one matrix: the right factor is said once, a left one by each."""

import dataclasses

import numpy as np

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block
from sapwood.codec.element import Element
from sapwood.codec.predicted import encode_factors, encode_matrix

__all__ = ["Term", "encode_right"]


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Term:
    """What the blocks of one matrix share.

    Attributes:
        columns: Elements of a row.
        exponent: The unit of the product of both factors is two to this power.
        right: The right factor: INT32 elements, component after component.
        blocks: The FACTORS blocks that say it, in order.
        factors: What a decoder makes of them.
    """

    columns: int
    exponent: int
    right: bytes
    blocks: tuple[Block, ...]
    factors: _core.Factors

    def left(self, values: bytes, most_sum: int, level: int) -> bytes | None:
        """A left factor, INT32 elements, as a matrix payload; None if sums may be above ``most_sum``."""
        largest = int(np.abs(np.frombuffer(values, np.int32)).max())
        if largest * self.factors.largest * self.factors.rank > most_sum:
            return None
        return encode_matrix(*_narrowest(values), level)


def encode_right(right: bytes, columns: int, level: int) -> tuple[tuple[Block, ...], _core.Factors]:
    """A right factor, INT32 elements, as FACTORS blocks as large as they may be; and as it is decoded."""
    values, element = _narrowest(right)
    size = columns * element.width
    step = MAX_BLOCK // size * size
    blocks: list[Block] = []
    factors: _core.Factors | None = None
    for at in range(0, len(values), step):
        part = values[at : at + step]
        matrix = encode_matrix(part, element, level)
        block, factors = encode_factors(columns, len(part) // size, matrix, adds=at > 0, before=factors)
        blocks.append(block)
    if factors is None:
        raise AssertionError("a right factor without components")
    return tuple(blocks), factors


def _narrowest(values: bytes) -> tuple[memoryview, Element]:
    """INT32 elements, as INT16 if they fit."""
    wide = np.frombuffer(values, np.int32)
    narrow = wide.astype(np.int16)
    if np.array_equal(narrow, wide):
        return memoryview(narrow.tobytes()), Element.INT16
    return memoryview(values), Element.INT32
