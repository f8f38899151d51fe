"""QUANTISED blocks (SPEC, "Codec 8"). Every operation is rounded to binary32 by itself."""

import math
import struct
from dataclasses import dataclass
from functools import cached_property

from tests.oracle.adaptive import decode_adaptive
from tests.oracle.elements import ELEMENTS, split
from tests.oracle.numeric import decode_numeric
from tests.oracle.predicted import Factors, matrix, round_to
from tests.oracle.reader import Reader, Refused

__all__ = ["FLOATS", "MAX_CODES", "PLANES", "TYPES", "Type", "decode_quantised", "predictions"]

MAX_CODES = 1 << 19
INT8, F16, BF16, F32 = 1, 5, 6, 7
FLOATS = {0: F32, 1: F16, 30: BF16}
PLANES = ("m", "d", "mins", "scales", "codes")
Field = tuple[int, int, int]
Numbers = tuple[int, int, int]


@dataclass(frozen=True)
class Type:
    """A row of the tables: fields are (at, bits, run), numbers (zero, least, most)."""

    name: str
    elements: int
    size: int
    run: int
    d_at: int
    m_at: int | None
    scales: tuple[Field, ...]
    codes: tuple[Field, ...]
    rule: str
    code: Numbers
    scale: Numbers = (0, 0, 0)
    packed_at: int | None = None

    @property
    def has_scales(self) -> bool:
        return bool(self.scales) or self.packed_at is not None


TYPES = {
    2: Type("q4_0", 32, 18, 32, 0, None, (), ((2, 4, 16),), "SIGNED", (8, 0, 15)),
    3: Type("q4_1", 32, 20, 32, 0, 2, (), ((4, 4, 16),), "RANGE", (0, 0, 15)),
    6: Type("q5_0", 32, 22, 32, 0, None, (), ((6, 4, 16), (2, 1, 1)), "SIGNED", (16, 0, 31)),
    7: Type("q5_1", 32, 24, 32, 0, 2, (), ((8, 4, 16), (4, 1, 1)), "RANGE", (0, 0, 31)),
    8: Type("q8_0", 32, 34, 32, 0, None, (), ((2, 8, 32),), "LARGEST", (0, -127, 127)),
    10: Type("q2_k", 256, 84, 16, 80, 82, ((0, 4, 16),), ((16, 2, 32),), "", (0, 0, 3), (0, 0, 15)),
    11: Type(
        "q3_k",
        256,
        110,
        16,
        108,
        None,
        ((96, 4, 8), (104, 2, 4)),
        ((32, 2, 32), (0, 1, 32)),
        "",
        (4, 0, 7),
        (32, 0, 63),
    ),
    12: Type("q4_k", 256, 144, 32, 0, 2, (), ((16, 4, 32),), "", (0, 0, 15), (0, 0, 63), 4),
    13: Type("q5_k", 256, 176, 32, 0, 2, (), ((48, 4, 32), (16, 1, 32)), "", (0, 0, 31), (0, 0, 63), 4),
    14: Type(
        "q6_k",
        256,
        210,
        16,
        208,
        None,
        ((192, 8, 16),),
        ((0, 4, 64), (128, 2, 32)),
        "",
        (32, 0, 63),
        (0, -128, 127),
    ),
}


def f32(value: float) -> float:
    """Rounded to binary32. Sums, products and quotients of two binary32 numbers come out right."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def value_of(bits: int, element: int) -> float:
    """A float element as a number."""
    kind = {F16: "<e", BF16: "<f", F32: "<f"}[element]
    raw = (bits << 16 if element == BF16 else bits).to_bytes(2 if element == F16 else 4, "little")
    value: float = struct.unpack(kind, raw)[0]
    return value


def _half(plane: bytes, i: int) -> float:
    return value_of(int.from_bytes(plane[2 * i : 2 * i + 2], "little"), F16)


def _place(block: bytes, fields: tuple[Field, ...], count: int) -> list[int]:
    """The numbers in fields of a block."""
    found = [0] * count
    shift = 0
    for at, bits, run in fields:
        f = 8 // bits
        for i in range(count):
            byte = block[at + i // (run * f) * run + i % run]
            found[i] |= (byte >> bits * (i // run % f) & (1 << bits) - 1) << shift
        shift += bits
    return found


def _put(block: bytearray, fields: tuple[Field, ...], numbers: bytes) -> None:
    shift = 0
    for at, bits, run in fields:
        f = 8 // bits
        for i, number in enumerate(numbers):
            digits = number >> shift & (1 << bits) - 1
            block[at + i // (run * f) * run + i % run] |= digits << bits * (i // run % f)
        shift += bits


@dataclass
class Planes:
    """A block's planes, as bytes."""

    m: bytes = b""
    d: bytes = b""
    mins: bytes = b""
    scales: bytes = b""
    codes: bytes = b""


def _unpacked(kind: Type, data: bytes) -> Planes:
    found = Planes()
    for i in range(0, len(data), kind.size):
        block = data[i : i + kind.size]
        runs = kind.elements // kind.run
        found.d += block[kind.d_at : kind.d_at + 2]
        if kind.m_at is not None:
            found.m += block[kind.m_at : kind.m_at + 2]
        if kind.packed_at is not None:
            b = block[kind.packed_at : kind.packed_at + 12]
            found.scales += bytes(x % 64 for x in b[:4])
            found.scales += bytes(b[8 + j] % 16 + (b[j] >> 6) * 16 for j in range(4))
            found.mins += bytes(x % 64 for x in b[4:8])
            found.mins += bytes((b[8 + j] >> 4) + (b[4 + j] >> 6) * 16 for j in range(4))
        elif kind.scales:
            numbers = bytes(_place(block, kind.scales, runs if kind.m_at is None else 2 * runs))
            found.scales += numbers[:runs]
            found.mins += numbers[runs:]
        found.codes += bytes(_place(block, kind.codes, kind.elements))
    return found


def _packed(kind: Type, planes: Planes, count: int) -> bytes:
    out = bytearray()
    runs = kind.elements // kind.run
    for i in range(count // kind.elements):
        block = bytearray(kind.size)
        block[kind.d_at : kind.d_at + 2] = planes.d[2 * i : 2 * i + 2]
        if kind.m_at is not None:
            block[kind.m_at : kind.m_at + 2] = planes.m[2 * i : 2 * i + 2]
        s, n = planes.scales[i * runs : (i + 1) * runs], planes.mins[i * runs : (i + 1) * runs]
        if kind.packed_at is not None:
            for j in range(4):
                block[kind.packed_at + j] = s[j] + 64 * (s[j + 4] >> 4)
                block[kind.packed_at + 4 + j] = n[j] + 64 * (n[j + 4] >> 4)
                block[kind.packed_at + 8 + j] = s[j + 4] % 16 + 16 * (n[j + 4] % 16)
        elif kind.scales:
            _put(block, kind.scales, s + n)
        _put(block, kind.codes, planes.codes[i * kind.elements : (i + 1) * kind.elements])
        out += block
    return bytes(out)


def _number(byte: int, numbers: Numbers) -> int:
    return byte - 256 if numbers[1] < 0 and byte >= 128 else byte


def _line(kind: Type, planes: Planes, run: int) -> tuple[float, float]:
    block = run * kind.run // kind.elements
    d, m = _half(planes.d, block), 0.0 if kind.m_at is None else _half(planes.m, block)
    if not kind.has_scales:
        return d, m
    d = f32(d * (_number(planes.scales[run], kind.scale) - kind.scale[0]))
    return d, (0.0 if kind.m_at is None else -f32(m * planes.mins[run]))


def _values(source: Type | int, data: bytes, planes: Planes) -> list[float]:
    if isinstance(source, int):
        return [value_of(bits, source) for bits in split(data, ELEMENTS[source].bits)]
    found = []
    for i, code in enumerate(planes.codes):
        d, low = _line(source, planes, i // source.run)
        found.append(f32(f32(d * (_number(code, source.code) - source.code[0])) + low))
    return found


def _ruled(kind: Type, values: list[float]) -> tuple[float, float]:
    known = [x for x in values if not math.isnan(x)] or [0.0]
    largest = max(known, key=abs)
    if kind.rule == "LARGEST":
        return f32(abs(largest) / 127), 0.0
    if kind.rule == "SIGNED":
        return f32((largest or 0.0) / -kind.code[0]), 0.0
    return f32(f32(max(known) - min(known)) / kind.code[2]), min(known)


def _nearest(y: float, numbers: Numbers, rule: str) -> int:
    zero, least, most = numbers
    if rule == "LARGEST":
        found = zero + int(math.copysign(math.floor(abs(y) + 0.5), y))
    elif rule:
        found = int(f32(y + (zero + 0.5)))
    else:
        found = zero + round(y)
    return min(max(found, least), most)


def _binary32(value: float) -> int:
    return int.from_bytes(struct.pack("<f", value), "little")


Placed = tuple[int, int, bool]
"""Number, class, and whether it is folded."""


@dataclass
class Predicted:
    """What is predicted of a plane: bytes, classes, and which bytes fold."""

    plane: bytes
    classes: bytes | None = None
    folds: tuple[bool, ...] = ()

    @classmethod
    def of(cls, placed: list[Placed]) -> "Predicted":
        """From places in order."""
        return cls(bytes(p[0] for p in placed), bytes(p[1] for p in placed), tuple(p[2] for p in placed))

    def folded(self, plane: bytes) -> bytes:
        """The plane with the bytes complemented that fold."""
        return bytes(255 - b if folds else b for b, folds in zip(plane, self.folds, strict=True))


@dataclass
class _Block:
    """The parameters, the base taken apart, and the target's planes so far."""

    kind: Type
    source: Type | int
    from_edge: bool
    stays: bool
    origin: int | None
    spread: int
    count: int
    data: bytes
    old: Planes
    new: Planes
    term: list[float] | None = None

    @cached_property
    def values(self) -> list[float]:
        """What the base has for each element, with the low-rank term."""
        found = _values(self.source, self.data, self.old)
        if self.term is None:
            return found
        return [f32(x + part) for x, part in zip(found, self.term, strict=True)]

    def placed(self, y: float, numbers: Numbers, rule: str, scale: float) -> Placed:
        usual = -32768 < y < 32768
        y = y if usual else 0.0
        number = _nearest(y, numbers, rule)
        beside = f32(y - (number - numbers[0]))
        if not usual or abs(beside) > 0.5:
            return number % 256, 15, False
        t = f32(0.5 - abs(beside)) if self.from_edge else abs(beside)
        digits = (int(t * (1 << 20)) >> self.spread).bit_length()
        if self.origin is None:
            return number % 256, min(digits, 14), not beside > 0
        step = (_binary32(scale) % (1 << 31) >> 20) - self.origin
        level = min(max((step + 2) // 4 + 2, 0), 4)
        return number % 256, 5 * min((digits + 1) // 2, 2) + level, not beside > 0

    def predict(self, plane: str) -> Predicted | None:
        """What is predicted of a plane."""
        if plane == "codes":
            return self._codes()
        if self.source is not self.kind and not self.kind.rule:
            return None
        return self._runs(plane) if plane in ("mins", "scales") else Predicted(self._units(plane))

    def _units(self, plane: str) -> bytes:
        kind = self.kind
        found = []
        for i in range(self.count // kind.elements):
            if self.source is not kind or (self.term is not None and kind.rule):
                part = self.values[i * kind.elements : (i + 1) * kind.elements]
                value = _ruled(kind, part)[plane == "m"]
            elif plane == "d" and kind.rule == "RANGE":
                moved = f32(f32(_half(self.old.m, i) - _half(self.new.m, i)) / kind.code[2])
                value = f32(_half(self.old.d, i) + moved)
            else:
                found.append(getattr(self.old, plane)[2 * i : 2 * i + 2])
                continue
            found.append(round_to(value, F16).to_bytes(2, "little"))
        return b"".join(found)

    def _runs(self, plane: str) -> Predicted:
        unit_plane = "m" if plane == "mins" else "d"
        placed = []
        for i, byte in enumerate(getattr(self.old, plane)):
            block = i * self.kind.run // self.kind.elements
            unit, old = (_half(getattr(planes, unit_plane), block) for planes in (self.new, self.old))
            value = f32(old * (_number(byte, self.kind.scale) - self.kind.scale[0]))
            placed.append(self.placed(f32(value / unit) if unit else 0.0, self.kind.scale, "", unit))
        return Predicted.of(placed)

    def _codes(self) -> Predicted:
        kind = self.kind
        placed = []
        for i, x in enumerate(self.values):
            block = i // kind.elements
            d, low = _line(kind, self.new, i // kind.run)
            half = self.new.d[2 * block : 2 * block + 2]
            if self.source is not kind and kind.rule:
                ruled = _ruled(kind, self.values[block * kind.elements : (block + 1) * kind.elements])
                if round_to(ruled[0], F16).to_bytes(2, "little") == half:
                    d = ruled[0]
                if (
                    kind.m_at is not None
                    and round_to(ruled[1], F16).to_bytes(2, "little") == self.new.m[2 * block : 2 * block + 2]
                ):
                    low = ruled[1]
            above = f32(x - low)
            if kind.rule:
                quotient = f32(above * (f32(1 / d) if d else 0.0))
            elif d:
                quotient = f32(above / d)
            else:
                quotient = f32(above * 0.0)
            found = self.placed(quotient, kind.code, kind.rule, d)
            if self.stays and self.source is kind and (half[1] ^ self.old.d[2 * block + 1]) < 128:
                old = _number(self.old.codes[i], kind.code)
                if old <= kind.code[1] or old >= kind.code[2]:
                    found = self.old.codes[i], 15, False
            placed.append(found)
        return Predicted.of(placed)


def _check(good: bool, what: str) -> None:
    if not good:
        raise Refused(what)


def _plane_size(kind: Type, plane: str, count: int) -> int:
    if plane == "codes":
        return count
    if plane in ("m", "d"):
        return 0 if plane == "m" and kind.m_at is None else 2 * count // kind.elements
    return count // kind.run if kind.has_scales and (plane == "scales" or kind.m_at is not None) else 0


def _plane(reader: Reader, block: _Block, plane: str) -> bytes:
    size = _plane_size(block.kind, plane, block.count)
    coding = reader.byte()
    coded = b""
    if coding:
        coded = reader.take(reader.left() if plane == "codes" else reader.unsigned())
    _check(coding <= 3, "an unknown coding of a plane")
    known = block.predict(plane)
    if coding == 0:
        if known is None:
            raise Refused("nothing is predicted of a plane")
        return known.plane
    if coding == 3:
        out = coded
    else:
        element = F16 if plane in ("m", "d") else INT8
        _check(len(coded) > 0 and coded[0] & 15 == element, "a plane of another element")
        predicted = None if known is None else known.plane
        if coding == 2:
            out = decode_adaptive(coded, predicted, size)
        elif coded[0] & 128:
            if known is None or known.classes is None:
                raise Refused("classes where there are none")
            out = decode_numeric(coded, known.folded(known.plane), size, list(known.classes))
            out = known.folded(out)
        else:
            out = decode_numeric(coded, predicted, size, None)
    _check(len(out) == size, "a plane of another size")
    numbers = {"codes": block.kind.code, "mins": block.kind.scale, "scales": block.kind.scale}.get(plane)
    if numbers is not None and numbers[1] == 0:
        _check(max(out) <= numbers[2], "a number too large for its field")
    return out


def _term(kind: Type, count: int, exponent: int, left: bytes, factors: Factors) -> list[float]:
    """The low-rank term of every element."""
    right = factors.rows
    _check(bool(right), "a chunk without a right factor")
    _check(
        factors.columns % kind.elements == 0 and count % factors.columns == 0, "part of a row, or of a block"
    )
    rows = count // factors.columns
    values = matrix(left, rows * len(right))
    largest = max(map(abs, values)) * max(abs(value) for row in right for value in row)
    _check(len(right) * largest <= 1 << 24, "sums may not be exact")
    term = []
    for i in range(count):
        row, column = divmod(i, factors.columns)
        whole = sum(values[k * rows + row] * right[k][column] for k in range(len(right)))
        term.append(f32(math.ldexp(whole, exponent)))
    return term


def _opened(reader: Reader, base: bytes, length: int, factors: Factors) -> _Block:
    target, old, flags, spread = reader.take(4)
    origin = reader.unsigned() if flags & 4 else None
    exponent = reader.signed() if flags & 8 else None
    left = b"" if exponent is None else reader.take(reader.unsigned())
    _check(target in TYPES and (old in TYPES or old in FLOATS), "an unknown type")
    _check(
        flags < 16 and -126 <= (exponent or 0) <= 127 and spread <= 16 and (origin or 0) <= 2047,
        "a header field is out of range",
    )
    kind = TYPES[target]
    source: Type | int = TYPES[old] if old in TYPES else FLOATS[old]
    _check(0 < length <= 1 << 20 and length % kind.size == 0, "not a whole number of blocks")
    count = length // kind.size * kind.elements
    step, size = 1, 0
    if isinstance(source, int):
        size = ELEMENTS[source].bits // 8
    else:
        step, size = source.elements, source.size
    _check(count <= MAX_CODES and count % step == 0, "too many elements, or part of a block of the base")
    _check(len(base) == count // step * size and len(base) <= 1 << 20, "a span of another length")
    planes = Planes() if isinstance(source, int) else _unpacked(source, base)
    term = None if exponent is None else _term(kind, count, exponent, left, factors)
    return _Block(
        kind, source, bool(flags & 1), bool(flags & 2), origin, spread, count, base, planes, Planes(), term
    )


def _planes_of(block: _Block) -> list[str]:
    return [plane for plane in PLANES if _plane_size(block.kind, plane, block.count)]


def predictions(
    head: bytes, base: bytes, target: bytes, factors: Factors | None = None
) -> list[tuple[bytes | None, bytes, tuple[bytes, bytes, bytes] | None]]:
    """For each plane of a target what is predicted, the plane itself, and both folded with their classes."""
    block = _opened(Reader(head), base, len(target), factors or Factors())
    whole = _unpacked(block.kind, target)
    found: list[tuple[bytes | None, bytes, tuple[bytes, bytes, bytes] | None]] = []
    for name in _planes_of(block):
        known = block.predict(name)
        plane = getattr(whole, name)
        setattr(block.new, name, plane)
        folded = None
        if known is not None and known.classes is not None:
            folded = known.folded(known.plane), known.folded(plane), known.classes
        found.append((None if known is None else known.plane, plane, folded))
    return found


def decode_quantised(payload: bytes, base: bytes, length: int, factors: Factors | None = None) -> bytes:
    """The ``length`` bytes a QUANTISED payload makes of its span of the base and the chunk's right factor.

    Raises:
        Refused: It is none, or wants another span.
    """
    reader = Reader(payload)
    block = _opened(reader, base, length, factors or Factors())
    for plane in _planes_of(block):
        setattr(block.new, plane, _plane(reader, block, plane))
    _check(reader.left() == 0, "bytes are left over")
    return _packed(block.kind, block.new, block.count)
