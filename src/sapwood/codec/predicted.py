"""PREDICTED and FACTORS blocks, encoding (SPEC, "Codec 6" and "Codec 7")."""

import dataclasses
import struct
from collections.abc import Iterable
from typing import Final

from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.varint import put_signed, put_unsigned

__all__ = [
    "FLOATS",
    "SPREAD_OF_ONE",
    "Prediction",
    "cast",
    "encode_factors",
    "encode_matrix",
    "encode_predicted",
    "reads_second_base",
]

FLOATS: Final = (Element.F16, Element.BF16, Element.F32, Element.F64)
"""Elements that may be predicted, and predicted from."""

SPREAD_OF_ONE: Final = {Element.F16: 67, Element.BF16: 179, Element.F32: 179}
"""The spread whose unit is 1, for elements with classes: the exponent's bias, and the bits of a binary64."""

_NONE, _NUMERIC, _ADAPTIVE = range(3)
_SCALE, _SECOND, _LOW_RANK, _CLASSES = 1, 2, 4, 8
# Below this the adaptive coder is tried, below the other the one with tables is not.
_ADAPTIVE_TO: Final = 32 << 10
_TABLES_FROM: Final = 2 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Prediction:
    """How the target is predicted: ``scale * base + second_scale * second + unit * (left @ right)``.

    Attributes:
        base_element: What the base holds.
        element: What the target holds.
        scale: None for 1.
        second: Its scale, and the bytes from the first span's start to the second's.
        left: The exponent of the low-rank term's unit, and the left factor as a matrix payload.
        spread: Where classes begin to tell; None to take the prediction's exponents.
    """

    base_element: Element
    element: Element
    scale: float | None = None
    second: tuple[float, int] | None = None
    left: tuple[int, bytes] | None = None
    spread: int | None = None

    def payload(self, coding: int, residual: bytes) -> bytes:
        """The parameters, and the residual behind them."""
        out = bytearray([self.base_element | self.element << 4, coding << 4])
        if self.scale is not None:
            out[1] |= _SCALE
            out += struct.pack("<d", self.scale)
        if self.second is not None:
            out[1] |= _SECOND
            out += struct.pack("<d", self.second[0])
            put_signed(out, self.second[1])
        if self.left is not None:
            out[1] |= _LOW_RANK
            put_signed(out, self.left[0])
            put_unsigned(out, len(self.left[1]))
            out += self.left[1]
        if self.spread is not None:
            out[1] |= _CLASSES
            put_unsigned(out, self.spread)
        return bytes(out + residual)

    def predict(
        self, base: memoryview, second: memoryview | None, factors: _core.Factors | None, length: int
    ) -> tuple[bytes, bytes | None]:
        """The predicted elements, and their classes if ``spread`` is given."""
        return _core.predict(self.payload(_NONE, b""), base, second, factors, length)


def reads_second_base(block: Block) -> bool:
    """Whether a block is predicted from two spans."""
    if block.codec is not Codec.PREDICTED:
        return False
    wants = _core.predicted_wants(block.payload, block.length)
    return not isinstance(wants, int) and wants[1] is not None


def cast(data: memoryview, base_element: Element, element: Element) -> bytes:
    """Floats of one kind rounded to another."""
    length = len(data) // base_element.width * element.width
    return Prediction(base_element, element).predict(data, None, None, length)[0]


def _residuals(
    prediction: Prediction, predicted: bytes, classes: bytes | None, target: memoryview, level: int
) -> Iterable[tuple[Prediction, int, bytes]]:
    """Every residual worth a try, with the prediction it belongs to."""
    element = prediction.element
    plain = dataclasses.replace(prediction, spread=None)
    if _core.equal(predicted, target):
        yield plain, _NONE, b""
        return
    if len(target) >= _TABLES_FROM:
        coded = _core.encode_numeric(predicted, target, element, level, classes=classes)
        if coded is not None:
            # The encoder drops classes that tell nothing.
            yield (prediction if coded[0] & 128 else plain), _NUMERIC, coded
    if len(target) < _TABLES_FROM or (level > 0 and len(target) <= _ADAPTIVE_TO):
        coded = _core.encode_adaptive(predicted, target, element)
        if coded is not None:
            yield plain, _ADAPTIVE, coded


def encode_predicted(
    prediction: Prediction,
    base: memoryview,
    base_offset: int,
    target: memoryview,
    level: int,
    *,
    second: memoryview | None = None,
    factors: _core.Factors | None = None,
) -> Block | None:
    """Code ``target`` as the difference to what is predicted; None if that cannot be said.

    ``base`` is the span predicted from, at ``base_offset`` of the base's stream. At level 0, blocks that pay
    for tables are not tried without. The block has been decoded and compared.
    """
    predicted, classes = prediction.predict(base, second, factors, len(target))
    payloads = [
        chosen.payload(coding, residual)
        for chosen, coding, residual in _residuals(prediction, predicted, classes, target, level)
    ]
    if not payloads:
        return None
    payload = min(payloads, key=len)
    out = bytearray(len(target))
    if _core.decode_predicted(payload, base, second, factors, out) != 0 or out != target:
        raise AssertionError("a prediction does not give back the target")
    return Block(Codec.PREDICTED, len(target), payload, (base_offset, len(base)))


def encode_matrix(values: memoryview, element: Element, level: int) -> bytes:
    """Integers as the smallest matrix payload. ``values``: INT16 or INT32 elements."""
    found = [bytes([element]) + bytes(values)]
    if len(values) >= _TABLES_FROM:
        coded = _core.encode_numeric(None, values, element, level)
        if coded is not None:
            found.append(bytes([element | _NUMERIC << 4]) + coded)
    if len(values) <= _ADAPTIVE_TO:
        coded = _core.encode_adaptive(None, values, element)
        if coded is not None:
            found.append(bytes([element | _ADAPTIVE << 4]) + coded)
    return min(found, key=len)


def encode_factors(
    columns: int, components: int, matrix: bytes, *, adds: bool, before: _core.Factors | None
) -> tuple[Block, _core.Factors]:
    """A FACTORS block of ``components`` rows, and the right factor after it."""
    payload = bytearray([adds])
    put_unsigned(payload, columns)
    put_unsigned(payload, components)
    payload += matrix
    factors = _core.decode_factors(bytes(payload), before)
    if isinstance(factors, int):
        raise AssertionError("a right factor cannot be said")
    return Block(Codec.FACTORS, 0, bytes(payload)), factors
