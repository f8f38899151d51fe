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
_ADAPTIVE_TO: Final = {Level.FAST: 1 << 10, Level.DEFAULT: 8 << 10, Level.MAX: 64 << 10}

_NONE, _NUMERIC, _ADAPTIVE, _STORED = range(4)
_FROM_EDGE, _EXTREMES_STAY = 1, 2
# Units of 2^-20 of a code: classes from 1/128 on, in powers of two.
_FROM_CENTRE_SPREAD: Final = 13


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

    def head(self, flags: int, spread: int) -> bytes:
        """The parameters of a payload."""
        return bytes([_NUMBERS[self.target.name], _NUMBERS[self.base.name], flags, spread])


def quantised_pair(target: DType, base: DType) -> QuantisedPair | None:
    """The pair of types, None if nothing can be predicted between them."""
    if target.kind is not Kind.BLOCK or target.name not in _NUMBERS or base.name not in _NUMBERS:
        return None
    return QuantisedPair(target, base)


def _flags(pair: QuantisedPair) -> tuple[int, int]:
    """How classes are made, and their spread."""
    if pair.base.kind is Kind.BLOCK:
        return (0 if pair.target.name.endswith("k") else _EXTREMES_STAY), _FROM_CENTRE_SPREAD
    return _FROM_EDGE, 13


def encode_quantised(
    pair: QuantisedPair, base: memoryview, base_offset: int, target: memoryview, level: Level
) -> Block:
    """Code blocks of ``target`` against what the base's span, of as many elements, predicts of them.

    The block has been decoded and compared.
    """
    head = pair.head(*_flags(pair))
    payload = bytearray(head)
    planes = _core.quantised_planes(head, base, target)
    for i, (element, predicted, classes, plane) in enumerate(planes):
        coding, coded = _coded_plane(Element(element), predicted, classes, plane, level)
        payload.append(coding)
        if coding != _NONE and i + 1 < len(planes):
            put_unsigned(payload, len(coded))
        payload += coded
    out = bytearray(len(target))
    if _core.decode_quantised(payload, base, out) != 0 or out != target:
        raise AssertionError("a prediction of quantised weights does not give back the target")
    return Block(Codec.QUANTISED, len(target), bytes(payload), (base_offset, len(base)))


def _coded_plane(
    element: Element, predicted: bytes | None, classes: bytes | None, plane: bytes, level: Level
) -> tuple[int, bytes]:
    """A plane's coding and its bytes, the shortest that were tried."""
    if predicted == plane:
        return _NONE, b""
    found: list[tuple[int, bytes]] = [(_STORED, plane)]
    if len(plane) >= _TABLES_FROM:
        coded = _core.encode_numeric(predicted, plane, element, level, classes=classes)
        if coded is not None:
            found.append((_NUMERIC, coded))
    if len(plane) <= _ADAPTIVE_TO[level]:
        coded = _core.encode_adaptive(predicted, plane, element)
        if coded is not None:
            found.append((_ADAPTIVE, coded))
    return min(found, key=lambda pair: len(pair[1]))
