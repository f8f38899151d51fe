"""QUANTISED blocks, encoding (SPEC, "Codec 8")."""

import dataclasses
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.term import Term
from sapwood.codec.varint import put_signed, put_unsigned
from sapwood.formats.dtype import DType, Kind

__all__ = ["QuantisedPair", "encode_quantised", "has_term", "quantised_pair"]

_NUMBERS: Final = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "q2_k": 10,
    "q3_k": 11,
    "q4_k": 12,
    "q5_k": 13,
    "q6_k": 14,
    "bf16": 30,
}
"""As in ggml. The floats can only be a base."""

# Below this a plane's tables cost more than they save; up to the other the coder without them is tried.
_TABLES_FROM: Final = 1 << 10
_ADAPTIVE_TO: Final = {Level.FAST: 1 << 10, Level.DEFAULT: 16 << 10, Level.MAX: 64 << 10}

_NONE, _NUMERIC, _ADAPTIVE, _STORED = range(4)
_FROM_EDGE, _EXTREMES_STAY, _BY_SCALE, _HAS_TERM = 1, 2, 4, 8
# In the head of a NUMERIC payload.
_CLASSES_GIVEN: Final = 128
# Where classes begin to tell, in units of 2^-20 of a code: at 1/32 (and 1/8), at 1/128, at 1/4096.
_FROM_CENTRE_SPREAD: Final = 15
_FINE_SPREAD: Final = 13
_FROM_EDGE_SPREAD: Final = 8
# Every integer up to this is a binary32.
_MOST_SUM: Final = 1 << 24


@dataclasses.dataclass(frozen=True, slots=True)
class QuantisedPair:
    """The types of a quantised target and of the base it is predicted from, and the term of its matrix."""

    target: DType
    base: DType
    term: Term | None = None

    @property
    def crosses(self) -> bool:
        """Whether the base holds another type, so that its bytes are like none of the target's."""
        return self.target is not self.base

    @property
    def step(self) -> int:
        """Elements that are whole blocks of both."""
        return max(self.target.block_elements, self.base.block_elements)

    def most_bytes(self, _: Element = Element.INT8) -> int:
        """Bytes of the largest target that one block can code."""
        size = max(self.target.nbytes(self.step), self.base.nbytes(self.step))
        elements = min(_core.MAX_CODES // self.step, MAX_BLOCK // size) * self.step
        if self.term is not None:
            elements -= elements % self.term.columns
        return self.target.nbytes(elements)

    def even_part(self, length: int, most: int) -> int:
        """Bytes of each of as few about equal parts of ``length`` as can be, none above ``most``."""
        unit = self.target.nbytes(self.step if self.term is None else self.term.columns)
        parts = -(-length // most)
        return -(-length // (parts * unit)) * unit

    def bytes_of_base(self, length: int, _: Element = Element.INT8) -> int:
        """Bytes of the base that hold as many elements as ``length`` bytes of the target."""
        return self.base.nbytes(length // self.target.block_bytes * self.target.block_elements)

    def values(self, data: memoryview) -> bytes:
        """What blocks of the target's type stand for, as F32 elements."""
        return _core.quantised_values(_NUMBERS[self.target.name], data)

    def head(
        self, flags: int, spread: int, origin: int | None = None, left: tuple[int, bytes] | None = None
    ) -> bytes:
        """The parameters of a payload; with an ``origin``, classes go by the scale too.

        ``left``: the exponent of a low-rank term's unit, and its left factor as a matrix payload.
        """
        flags |= 0 if origin is None else _BY_SCALE
        flags |= 0 if left is None else _HAS_TERM
        head = bytearray([_NUMBERS[self.target.name], _NUMBERS[self.base.name], flags, spread])
        if origin is not None:
            put_unsigned(head, origin)
        if left is not None:
            put_signed(head, left[0])
            put_unsigned(head, len(left[1]))
            head += left[1]
        return bytes(head)


def quantised_pair(target: DType, base: DType) -> QuantisedPair | None:
    """The pair of types, None if nothing can be predicted between them."""
    if target.kind is not Kind.BLOCK or target.name not in _NUMBERS or base.name not in _NUMBERS:
        return None
    return QuantisedPair(target, base)


def _left(
    pair: QuantisedPair, base: memoryview, target: memoryview, level: Level
) -> tuple[int, bytes] | None:
    """The exponent and the left factor of a block's term; None without one, or if sums would not be exact."""
    term = pair.term
    if term is None:
        return None
    old, new = pair.values(base), pair.values(target)
    values = _core.low_rank_left(
        old, Element.F32, new, Element.F32, term.right, term.columns, term.exponent, 1.0, 0, even=True
    )
    left = term.left(values, _MOST_SUM, level)
    return None if left is None else (term.exponent, left)


def _head(pair: QuantisedPair, base: memoryview, target: memoryview, level: Level) -> bytes:
    left = _left(pair, base, target, level)
    if pair.base.kind is not Kind.BLOCK:
        return pair.head(_FROM_EDGE, _FROM_EDGE_SPREAD)
    if pair.target.name.endswith("k"):
        # Scales are searched for, and move more: where a value falls between two codes tells more than they.
        return pair.head(0, _FINE_SPREAD, left=left)
    origin = _core.quantised_origin(_NUMBERS[pair.target.name], target)
    return pair.head(_EXTREMES_STAY, _FROM_CENTRE_SPREAD, origin, left)


def encode_quantised(
    pair: QuantisedPair, base: memoryview, base_offset: int, target: memoryview, level: Level
) -> Block:
    """Code blocks of ``target`` against what the base's span, of as many elements, predicts of them.

    With a term, the FACTORS blocks that say its right factor belong before it. The block has been decoded and
    compared.
    """
    head = _head(pair, base, target, level)
    factors = None if pair.term is None else pair.term.factors
    payload = bytearray(head)
    planes = _core.quantised_planes(head, base, factors, target)
    for i, (element, predicted, plane, folded) in enumerate(planes):
        coding, coded = _coded_plane(Element(element), predicted, plane, folded, level)
        payload.append(coding)
        if coding != _NONE and i + 1 < len(planes):
            put_unsigned(payload, len(coded))
        payload += coded
    out = bytearray(len(target))
    if _core.decode_quantised(payload, base, factors, out) != 0 or out != target:
        raise AssertionError("a prediction of quantised weights does not give back the target")
    return Block(Codec.QUANTISED, len(target), bytes(payload), (base_offset, len(base)))


def has_term(block: Block) -> bool:
    """Whether a QUANTISED block needs the right factor of its chunk."""
    return block.codec is Codec.QUANTISED and len(block.payload) > 2 and bool(block.payload[2] & _HAS_TERM)


def _coded_plane(
    element: Element,
    predicted: bytes | None,
    plane: bytes,
    folded: tuple[bytes, bytes, bytes] | None,
    level: Level,
) -> tuple[int, bytes]:
    """A plane's coding and its bytes, the shortest that were tried."""
    if predicted == plane:
        return _NONE, b""
    found: list[tuple[int, bytes]] = [(_STORED, plane)]
    if len(plane) >= _TABLES_FROM:
        coded = None
        if folded is not None:
            coded = _core.encode_numeric(folded[0], folded[1], element, level, classes=folded[2])
        # The encoder drops classes that tell nothing; and folds go with classes.
        if coded is None or not coded[0] & _CLASSES_GIVEN:
            coded = _core.encode_numeric(predicted, plane, element, level)
        if coded is not None:
            found.append((_NUMERIC, coded))
    if len(plane) <= _ADAPTIVE_TO[level]:
        coded = _core.encode_adaptive(predicted, plane, element)
        if coded is not None:
            found.append((_ADAPTIVE, coded))
    return min(found, key=lambda pair: len(pair[1]))
