"""NUMERIC blocks (SPEC, "Codec 4: NUMERIC")."""

import dataclasses

from tests.oracle.elements import ELEMENTS, Element, join, moved, split
from tests.oracle.range_coder import MODEL_START, RangeDecoder
from tests.oracle.reader import Reader, Refused

__all__ = ["MODELS", "MODEL_COUNT", "bucket_range", "decode_numeric"]

MODELS = {
    "scalar": 0,
    "bucket": 128,
    "exact": 256,
    "same": 384,
    "table": 385,
    "largest": 449,
    "frequency": 705,
    "scale": 1217,
}
MODEL_COUNT = 1729
_LOW = 1 << 16


@dataclasses.dataclass
class _Header:
    element: Element
    has_base: bool
    has_classes: bool
    given_classes: bool
    zero_level: bool
    group: int
    lanes: int
    table_bits: int
    scales: int
    extra_bits: int


@dataclasses.dataclass
class _Side:
    shift: int
    class_top: int
    symbols: list[tuple[int, int]]  # offset, raw bits
    table_of: dict[tuple[int, int], int]
    tables: list[list[int]]  # frequencies
    levels: list[int]


def _check(good: bool, what: str) -> None:
    if not good:
        raise Refused(what)


def _read_header(head: bytes) -> _Header:
    _check(head[2] < 32 and head[0] & 15 in ELEMENTS, "a header field is out of range")
    header = _Header(
        element=ELEMENTS[head[0] & 15],
        has_base=bool(head[0] & 16),
        has_classes=bool(head[0] & 32),
        given_classes=bool(head[0] & 128),
        zero_level=bool(head[0] & 64),
        group=32 << (head[1] & 7),
        lanes=1 << (head[1] >> 3 & 7),
        table_bits=10 + (head[1] >> 6),
        scales=1 + (head[2] & 7),
        extra_bits=head[2] >> 3,
    )
    _check(header.lanes <= 32 and header.table_bits <= 12, "a header field is out of range")
    _check(header.has_base or not header.has_classes, "classes without a base")
    _check(header.has_classes or not header.given_classes, "classes given, but none used")
    return header


def bucket_range(bucket: int, extra_bits: int) -> tuple[int, int]:
    """A bucket of differences: its least value and its count of raw bits."""
    if bucket == 0:
        return 0, 0
    k, negative = (bucket - 1) // 2, (bucket - 1) % 2
    exact = (2 << extra_bits) - 1
    low, bits = k + 1, 0
    if k >= exact:
        bits = ((k - exact) >> extra_bits) + 1
        _check(bits <= 56, "a symbol has too many raw bits")
        low = ((1 << extra_bits) | (k - exact) & ((1 << extra_bits) - 1)) << bits
    return (-(low + (1 << bits) - 1) if negative else low), bits


def _read_symbols(d: RangeDecoder, models: list[int], h: _Header, field_bits: int) -> list[tuple[int, int]]:
    buckets = d.integer(models, MODELS["scalar"])
    exacts = d.integer(models, MODELS["scalar"])
    _check(1 <= buckets + exacts <= 256 and exacts <= 64, "too many symbols")
    by_magnitude = h.has_base or (not h.element.is_float and h.element.bits > 8)
    symbols = []
    bucket = 0
    for i in range(buckets):
        bucket += d.integer(models, MODELS["bucket"]) + (1 if i > 0 else 0)
        _check(bucket < 1 << 16, "a bucket is out of range")
        symbol = bucket_range(bucket, h.extra_bits) if by_magnitude else (bucket << field_bits, field_bits)
        symbols.append(symbol)
        _check(symbol[1] <= h.element.bits, "a symbol has too many raw bits")
    value = 0
    for i in range(exacts):
        step = d.integer(models, MODELS["exact"])
        value = (-(step + 1) // 2 if step & 1 else step // 2) if i == 0 else value + step + 1
        symbols.append((value, 0))
    return symbols


def _read_table_map(d: RangeDecoder, models: list[int], h: _Header) -> tuple[int, dict[tuple[int, int], int]]:
    count = d.integer(models, MODELS["scalar"]) + 1
    _check(count <= 64, "too many tables")
    table_of = {}
    table = 0
    for level in range(int(h.zero_level), h.scales):
        for k in range(16 if h.has_classes else 1):
            if not d.bit(models, MODELS["same"]):
                table = d.tree(models, MODELS["table"], 6)
            _check(table < count, "no such table")
            table_of[level, k] = table
    return count, table_of


def _read_tables(d: RangeDecoder, models: list[int], h: _Header, count: int, symbols: int) -> list[list[int]]:
    tables: list[list[int]] = []
    lengths = [0] * symbols
    for _ in range(count):
        largest = d.tree(models, MODELS["largest"], 8)
        _check(largest < symbols, "no such symbol")
        frequencies = [0] * symbols
        before = 0
        for i in range(symbols):
            if i == largest:
                continue
            context = 16 + lengths[i] if tables else before
            length = d.tree(models, MODELS["frequency"] + 16 * context, 4)
            _check(length <= h.table_bits, "a frequency is too large")
            if length > 0:
                digits = min(length - 1, 3)
                frequencies[i] = (1 << digits | d.direct(digits)) << (length - 1 - digits)
            before = lengths[i] = length
        frequencies[largest] = (1 << h.table_bits) - sum(frequencies)
        _check(frequencies[largest] > 0, "frequencies leave nothing for the largest")
        lengths[largest] = h.table_bits
        tables.append(frequencies)
    return tables


def _read_levels(d: RangeDecoder, models: list[int], h: _Header, groups: int) -> list[int]:
    if h.scales == 1:
        return [0] * groups
    levels: list[int] = []
    previous = before = 0
    for _ in range(groups):
        level = d.tree(models, MODELS["scale"] + 64 * before + 8 * previous, 3)
        _check(level < h.scales, "no such scale level")
        _check(d.missing <= 4, "the side information ends too early")
        levels.append(level)
        before, previous = previous, level
    return levels


def _read_side(data: bytes, h: _Header, groups: int) -> _Side:
    d = RangeDecoder(data)
    models = [MODEL_START] * MODEL_COUNT
    shift = d.integer(models, MODELS["scalar"])
    field_bits = 0 if h.has_base else d.integer(models, MODELS["scalar"])
    class_top = d.integer(models, MODELS["scalar"]) if h.has_classes and not h.given_classes else 0
    _check(shift < h.element.bits and class_top <= h.element.class_mask, "a scalar is out of range")
    _check(field_bits <= 56 and field_bits + shift <= h.element.bits, "a scalar is out of range")
    symbols = _read_symbols(d, models, h, field_bits)
    count, table_of = _read_table_map(d, models, h)
    tables = _read_tables(d, models, h, count, len(symbols))
    levels = _read_levels(d, models, h, groups)
    _check(d.ended(), "the side information has another size than it says")
    return _Side(shift, class_top, symbols, table_of, tables, levels)


class _Symbols:
    """Interleaved rANS: lane after lane gives a symbol."""

    def __init__(self, words: bytes, h: _Header, tables: list[list[int]]) -> None:
        self.words = Reader(words)
        self.bits = h.table_bits
        self.states = [int.from_bytes(self.words.take(4), "little") for _ in range(h.lanes)]
        _check(all(x >= _LOW for x in self.states), "a state is too small")
        self.lane = 0
        # Per slot: symbol, frequency, distance from the symbol's first slot.
        self.slots = [[(s, f, k) for s, f in enumerate(table) for k in range(f)] for table in tables]

    def next(self, table: int) -> int:
        x = self.states[self.lane]
        symbol, frequency, distance = self.slots[table][x & ((1 << self.bits) - 1)]
        x = frequency * (x >> self.bits) + distance
        if x < _LOW:
            x = x << 16 | int.from_bytes(self.words.take(2), "little")
        self.states[self.lane] = x
        self.lane = (self.lane + 1) % len(self.states)
        return symbol

    def ended(self) -> bool:
        return all(x == _LOW for x in self.states) and self.words.left() == 0


class _RawBits:
    """Bits from the lowest of the first byte on."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> int:
        first, self.at = self.at, self.at + count
        _check(self.at <= 8 * len(self.data), "raw bits end too early")
        window = int.from_bytes(self.data[first // 8 : (self.at + 7) // 8], "little")
        return window >> first % 8 & ((1 << count) - 1)

    def ended(self) -> bool:
        return (self.at + 7) // 8 == len(self.data)


def decode_numeric(
    payload: bytes, base: bytes | None, length: int, classes: list[int] | None = None
) -> bytes:
    """The ``length`` bytes a NUMERIC payload makes, against ``base`` if its header says so.

    ``classes`` are those that a predictor gives.

    Raises:
        Refused: The payload is not a NUMERIC block, or needs a base it is not given.
    """
    reader = Reader(payload)
    h = _read_header(reader.take(3))
    bits = h.element.bits
    _check(0 < length <= 1 << 20 and 8 * length % bits == 0, "not a whole number of elements")
    count = 8 * length // bits
    side_size = reader.unsigned(4)
    words_size = reader.unsigned(4)
    _check(words_size % 2 == 0, "half a word")
    side = _read_side(reader.take(side_size), h, -(-count // h.group))
    symbols = _Symbols(reader.take(words_size), h, side.tables)
    raw = _RawBits(reader.take(reader.left()))
    _check(not h.has_base or (base is not None and len(base) >= length), "the base is too short")
    _check(not h.given_classes or classes is not None, "classes are missing")
    bases = split(base[:length], bits) if h.has_base and base is not None else [0] * count
    out = []
    for i, old in enumerate(bases):
        level = side.levels[i // h.group]
        if h.zero_level and level == 0:
            out.append(old)
            continue
        k = 0
        if h.given_classes and classes is not None:
            k = classes[i]
        elif h.has_classes:
            field = old >> h.element.class_shift & h.element.class_mask
            k = min(max(side.class_top - field, 0), 15)
        offset, raw_bits = side.symbols[symbols.next(side.table_of[level, k])]
        value = (offset + raw.take(raw_bits)) << side.shift
        out.append(moved(old, value, h.element) if h.has_base else value % (1 << bits))
    _check(symbols.ended(), "symbols do not end as they must")
    _check(raw.ended(), "raw bits are left over")
    return join(out, bits)
