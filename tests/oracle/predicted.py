"""PREDICTED and FACTORS blocks (SPEC, "Codec 6" and "Codec 7"). A Python float is a binary64."""

import math
import struct

from tests.oracle.adaptive import decode_adaptive
from tests.oracle.elements import ELEMENTS, join, split
from tests.oracle.numeric import decode_numeric
from tests.oracle.reader import Reader, Refused

__all__ = [
    "MAX_COLUMNS",
    "MAX_FACTOR",
    "MAX_RANK",
    "Factors",
    "classify",
    "decode_predicted",
    "matrix",
    "round_to",
]

MAX_RANK, MAX_COLUMNS, MAX_FACTOR = 128, 1 << 20, 1 << 21
INT16, INT32, F16, BF16, F32, F64 = 2, 3, 5, 6, 7, 8
# Mantissa bits, and bias of the exponent.
_FLOATS = {F16: (10, 15), BF16: (7, 127), F32: (23, 127), F64: (52, 1023)}


def _check(good: bool, what: str) -> None:
    if not good:
        raise Refused(what)


def matrix(payload: bytes, count: int) -> list[int]:
    """The integers of a matrix payload."""
    reader = Reader(payload)
    head = reader.byte()
    element, coding = head & 15, head >> 4
    _check(element in (INT16, INT32) and coding <= 2, "a factor of unknown kind")
    bits = ELEMENTS[element].bits
    size = count * bits // 8
    _check(0 < size <= 1 << 20, "a factor is empty or too large")
    body = reader.take(reader.left())
    _check(len(body) > 0, "a factor is missing")
    if coding:
        _check(body[0] & 31 == element, "a factor of another element than it says")
        body = (decode_numeric if coding == 1 else decode_adaptive)(body, None, size)
    _check(len(body) == size, "a factor of another size")
    half = 1 << bits - 1
    return [(value ^ half) - half for value in split(body, bits)]


class Factors:
    """The right factor of a chunk: rows of integers, one row a component."""

    def __init__(self) -> None:
        """No component yet."""
        self.columns = 0
        self.rows: list[list[int]] = []
        self.blocks = 0

    def read(self, payload: bytes) -> None:
        """Take in a FACTORS block."""
        reader = Reader(payload)
        flags, columns, added = reader.byte(), reader.unsigned(), reader.unsigned()
        _check(flags <= 1 and 0 < columns <= MAX_COLUMNS and added > 0, "a factor's shape")
        if flags == 0:
            self.rows = []
        else:
            _check(bool(self.rows) and columns == self.columns, "components of another length are added")
        self.columns = columns
        rank = len(self.rows) + added
        _check(rank <= MAX_RANK and rank * columns <= MAX_FACTOR, "the right factor is too large")
        values = matrix(reader.take(reader.left()), added * columns)
        self.rows += [values[i * columns : (i + 1) * columns] for i in range(added)]


def _value(bits: int, element: int) -> float:
    mantissa_bits, bias = _FLOATS[element]
    negative = bits >> ELEMENTS[element].bits - 1
    field = ELEMENTS[element].class_mask & bits >> mantissa_bits
    mantissa = bits & (1 << mantissa_bits) - 1
    if field == ELEMENTS[element].class_mask:
        value = math.nan if mantissa else math.inf
    elif field == 0:
        value = math.ldexp(mantissa, 1 - bias - mantissa_bits)
    else:
        value = math.ldexp(mantissa + (1 << mantissa_bits), field - bias - mantissa_bits)
    return -value if negative else value


def _bits(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


def round_to(value: float, element: int) -> int:
    """The nearest element, ties to the even one."""
    mantissa_bits, bias = _FLOATS[element]
    infinite = ELEMENTS[element].class_mask << mantissa_bits
    if math.isnan(value):
        return infinite | 1 << mantissa_bits - 1
    sign = _bits(value) >> 63 << ELEMENTS[element].bits - 1
    if math.isinf(value):
        return sign | infinite
    # In units of the least subnormal element, as a fraction: numerator over a power of two.
    numerator, denominator = abs(value).as_integer_ratio()
    least = bias - 1 + mantissa_bits
    numerator <<= least
    # Leave the leading mantissa_bits + 1 digits, or all above the least unit if there are fewer.
    drop = max(numerator.bit_length() - denominator.bit_length() - mantissa_bits - 1, 0)
    while (numerator // denominator) >> drop >= 2 << mantissa_bits:
        drop += 1
    denominator <<= drop
    kept, rest = divmod(numerator, denominator)
    kept += 2 * rest > denominator or (2 * rest == denominator and kept % 2 == 1)
    # A mantissa that overflows makes the exponent one larger by itself.
    found = kept + (drop << mantissa_bits)
    return sign | min(found, infinite)


def classify(value: float, element: int, spread: int) -> int:
    """How near a prediction lies to where its rounding changes (SPEC, "Classes of a prediction")."""
    mantissa_bits, bias = _FLOATS[element]
    magnitude = _bits(value) & (1 << 63) - 1
    field = (magnitude >> 52) - 1023 + bias
    if not 1 <= field < 2 * bias:
        return 15
    half = 1 << 51 - mantissa_bits
    low = magnitude % (2 * half)
    above = low >= half
    k = min(max(spread - field, 0), 63)
    step, x = half >> k, abs(low - half) >> k
    if step < 4:
        return 14 if step >= 2 else 15
    if x >= 15:
        return 13 if x >= 23 else 12
    return 2 * sum(x >= edge for edge in (1, 3, 5, 7, 11)) + above


def _double(reader: Reader) -> float:
    value: float = struct.unpack("<d", reader.take(8))[0]
    _check(math.isfinite(value), "a scale is not finite")
    return value


class _Parameters:
    def __init__(self, payload: bytes) -> None:
        reader = Reader(payload)
        head, flags = reader.byte(), reader.byte()
        self.old, self.new = head & 15, head >> 4
        _check(self.old in _FLOATS and self.new in _FLOATS and flags < 64, "a header field is out of range")
        self.scale = _double(reader) if flags & 1 else None
        self.second = (_double(reader), reader.signed()) if flags & 2 else None
        self.exponent, self.left = 0, b""
        self.has_factors = bool(flags & 4)
        if self.has_factors:
            self.exponent = reader.signed()
            self.left = reader.take(reader.unsigned())
            _check(-1022 <= self.exponent <= 1023, "an exponent is out of range")
        self.spread = reader.unsigned() if flags & 8 else None
        self.coding = flags >> 4
        self.rest = reader.take(reader.left())
        self._check_residual()

    def _check_residual(self) -> None:
        given = self.spread is not None
        in_range = self.coding <= 2 and (self.spread is None or self.spread <= 2047)
        _check(in_range, "a header field is out of range")
        if self.coding == 0:
            _check(not self.rest and not given, "bytes are left over")
            return
        _check(len(self.rest) > 0, "the residual is missing")
        _check(self.rest[0] & 31 == self.new | 16, "the residual is not a difference of the element")
        _check(not given or (self.coding == 1 and self.new != F64), "classes where none are used")
        _check(self.coding == 2 or bool(self.rest[0] & 128) == given, "classes are given or not")


def _sums(p: _Parameters, count: int, factors: Factors) -> list[int]:
    rank, columns = len(factors.rows), factors.columns
    _check(rank > 0 and count % columns == 0, "no right factor, or one of another width")
    rows = count // columns
    left = matrix(p.left, rows * rank)
    largest = max(abs(value) for row in factors.rows for value in row)
    _check(rank * largest * max(map(abs, left)) <= 1 << 53, "sums may be too large")
    return [
        sum(left[k * rows + i] * factors.rows[k][j] for k in range(rank))
        for i in range(rows)
        for j in range(columns)
    ]


def decode_predicted(
    payload: bytes, base: bytes, span: tuple[int, int], length: int, factors: Factors
) -> bytes:
    """The ``length`` bytes a PREDICTED payload makes.

    Raises:
        Refused: It is none, or wants other spans or factors than there are.
    """
    p = _Parameters(payload)
    bits, old_width = ELEMENTS[p.new].bits, ELEMENTS[p.old].bits // 8
    _check(0 < length <= 1 << 20 and 8 * length % bits == 0, "not a whole number of elements")
    count = 8 * length // bits
    start, size = span
    _check(size == count * old_width, "a span of another length")
    values = [_value(b, p.old) for b in split(base[start : start + size], 8 * old_width)]
    if p.scale is not None:
        values = [p.scale * v for v in values]
    if p.second is not None:
        weight, move = p.second
        _check(start + move >= 0 and start + move + size <= len(base), "the second span is out of range")
        others = split(base[start + move : start + move + size], 8 * old_width)
        values = [v + weight * _value(b, p.old) for v, b in zip(values, others, strict=True)]
    if p.has_factors:
        unit = math.ldexp(1.0, p.exponent)
        values = [v + float(s) * unit for v, s in zip(values, _sums(p, count, factors), strict=True)]
    prediction = join([round_to(v, p.new) for v in values], bits)
    if p.coding == 0:
        return prediction
    if p.coding == 2:
        return decode_adaptive(p.rest, prediction, length)
    classes = None if p.spread is None else [classify(v, p.new, p.spread) for v in values]
    return decode_numeric(p.rest, prediction, length, classes)
