"""QUANTISED blocks, encoding (SPEC, "Codec 8")."""

import dataclasses
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.varint import put_unsigned
from sapwood.formats.dtype import DType, Kind

__all__ = ["QuantisedPair", "encode_quantised", "quantised_pair"]

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
_FROM_EDGE, _EXTREMES_STAY, _BY_SCALE = 1, 2, 4
# In the head of a NUMERIC payload.
_CLASSES_GIVEN: Final = 128
# Where classes begin to tell, in units of 2^-20 of a code: at 1/32 (and 1/8), at 1/128, at 1/4096.
_FROM_CENTRE_SPREAD: Final = 15
_FINE_SPREAD: Final = 13
_FROM_EDGE_SPREAD: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class QuantisedPair:
    """The types of a quantised target and of the base it is predicted from."""

    target: DType
    base: DType

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
        return self.target.nbytes(min(_core.MAX_CODES // self.step, MAX_BLOCK // size) * self.step)

    def bytes_of_base(self, length: int, _: Element = Element.INT8) -> int:
        """Bytes of the base that hold as many elements as ``length`` bytes of the target."""
        return self.base.nbytes(length // self.target.block_bytes * self.target.block_elements)

    def head(self, flags: int, spread: int, origin: int | None = None) -> bytes:
        """The parameters of a payload; with an ``origin``, classes go by the scale too."""
        by_scale = 0 if origin is None else _BY_SCALE
        head = bytearray([_NUMBERS[self.target.name], _NUMBERS[self.base.name], flags | by_scale, spread])
        if origin is not None:
            put_unsigned(head, origin)
        return bytes(head)


def quantised_pair(target: DType, base: DType) -> QuantisedPair | None:
    """The pair of types, None if nothing can be predicted between them."""
    if target.kind is not Kind.BLOCK or target.name not in _NUMBERS or base.name not in _NUMBERS:
        return None
    return QuantisedPair(target, base)


def _head(pair: QuantisedPair, target: memoryview) -> bytes:
    if pair.base.kind is not Kind.BLOCK:
        return pair.head(_FROM_EDGE, _FROM_EDGE_SPREAD)
    if pair.target.name.endswith("k"):
        # Scales are searched for, and move more: where a value falls between two codes tells more than they.
        return pair.head(0, _FINE_SPREAD)
    origin = _core.quantised_origin(_NUMBERS[pair.target.name], target)
    return pair.head(_EXTREMES_STAY, _FROM_CENTRE_SPREAD, origin)


def encode_quantised(
    pair: QuantisedPair, base: memoryview, base_offset: int, target: memoryview, level: Level
) -> Block:
    """Code blocks of ``target`` against what the base's span, of as many elements, predicts of them.

    The block has been decoded and compared.
    """
    head = _head(pair, target)
    payload = bytearray(head)
    planes = _core.quantised_planes(head, base, target)
    for i, (element, predicted, plane, folded) in enumerate(planes):
        coding, coded = _coded_plane(Element(element), predicted, plane, folded, level)
        payload.append(coding)
        if coding != _NONE and i + 1 < len(planes):
            put_unsigned(payload, len(coded))
        payload += coded
    out = bytearray(len(target))
    if _core.decode_quantised(payload, base, out) != 0 or out != target:
        raise AssertionError("a prediction of quantised weights does not give back the target")
    return Block(Codec.QUANTISED, len(target), bytes(payload), (base_offset, len(base)))


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
