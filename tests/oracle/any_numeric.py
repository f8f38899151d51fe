"""Random NUMERIC blocks that use all the format allows: far more than any encoder worth its name would."""

import random

from tests.oracle.elements import ELEMENTS, Element, split
from tests.oracle.numeric import MODEL_COUNT, MODELS, bucket_range
from tests.oracle.range_coder import MODEL_START
from tests.oracle.range_encoder import RangeEncoder

__all__ = ["any_given", "any_numeric"]


def _buckets(rng: random.Random, element: Element, by_magnitude: bool, extra_bits: int) -> list[int]:
    most = 1 << 16
    if by_magnitude:
        # Numbers rise with the raw bits: the last one with no more than the element and a symbol may have.
        most = next(k for k in range(1 << 11) if _raw_bits(k, extra_bits) > min(56, element.bits))
    wanted = rng.choice([0, 1, 2, 7, 40, 200])
    return sorted(rng.sample(range(most), min(wanted, most)))


def _raw_bits(bucket: int, extra_bits: int) -> int:
    try:
        return bucket_range(bucket, extra_bits)[1]
    except ValueError:
        return 64


def _frequencies(rng: random.Random, symbols: int, table_bits: int) -> tuple[int, list[int], list[int]]:
    """The symbol with the rest, all frequencies, and the bit lengths sent."""
    largest = rng.randrange(symbols)
    total = 1 << table_bits
    frequencies = [0] * symbols
    lengths = [table_bits] * symbols
    for i in range(symbols):
        if i == largest:
            continue
        length = rng.choice([0, 0, 1, 2, 3, 5, 8, table_bits])
        digits = min(length - 1, 3)
        value = (1 << digits | rng.getrandbits(digits)) << (length - 1 - digits) if length else 0
        if sum(frequencies) + value < total:
            frequencies[i], lengths[i] = value, length
        else:
            lengths[i] = 0
    frequencies[largest] = total - sum(frequencies)
    return largest, frequencies, lengths


def _put_tables(e: RangeEncoder, models: list[int], tables: list[tuple[int, list[int], list[int]]]) -> None:
    last: list[int] | None = None
    for largest, frequencies, lengths in tables:
        e.tree(models, MODELS["largest"], 8, largest)
        before = 0
        for i, length in enumerate(lengths):
            if i == largest:
                continue
            e.tree(models, MODELS["frequency"] + 16 * (16 + last[i] if last else before), 4, length)
            digits = min(max(length - 1, 0), 3)
            e.direct(frequencies[i] >> max(length - 1 - digits, 0) & ((1 << digits) - 1), digits)
            before = length
        last = lengths


def _words(symbols: list[tuple[int, int]], lanes: int, table_bits: int) -> bytes:
    """rANS words of (first slot, frequency) pairs, made from the last to the first."""
    states = [1 << 16] * lanes
    words: list[bytes] = []
    for i in reversed(range(len(symbols))):
        first, frequency = symbols[i]
        x = states[i % lanes]
        if x >= frequency << (32 - table_bits):
            words.append((x & 0xFFFF).to_bytes(2, "little"))
            x >>= 16
        states[i % lanes] = (x // frequency << table_bits) + x % frequency + first
    return b"".join(x.to_bytes(4, "little") for x in states) + b"".join(reversed(words))


def any_numeric(seed: int) -> tuple[bytes, bytes | None, int]:
    """A payload, its base, and the length it makes."""
    return _any(seed, False)[:3]


def any_given(seed: int) -> tuple[bytes, bytes | None, int, list[int] | None]:
    """The same, with the class of each element if the payload wants classes given."""
    return _any(seed, True)


def _any(seed: int, may_be_given: bool) -> tuple[bytes, bytes | None, int, list[int] | None]:
    rng = random.Random(seed)
    number = rng.choice(list(ELEMENTS))
    element = ELEMENTS[number]
    has_base = rng.random() < 0.6
    has_classes = has_base and rng.random() < 0.7
    zero_level = rng.random() < 0.4
    group_bits, lane_bits = rng.randrange(5, 13), rng.choice([0, 1, 2, 3, 4, 5, 5])
    table_bits, scales, extra_bits = rng.randrange(10, 13), rng.randrange(1, 9), rng.randrange(4)
    size = rng.choice([1, 3, 31, 32, 33, 500, 4096, 5000]) * max(1, element.bits // 8)
    base = bytes(rng.choices(range(rng.choice([2, 256])), k=size)) if has_base else None
    count = 8 * size // element.bits
    given = rng.choices(range(16), k=count) if may_be_given and has_classes else None
    groups = -(-(8 * size // element.bits) // (1 << group_bits))

    models = [MODEL_START] * MODEL_COUNT
    e = RangeEncoder()
    shift = rng.choice([0, 0, 1, element.bits - 1])
    field_bits = rng.randrange(min(56, element.bits - shift) + 1)
    class_top = rng.randrange(element.class_mask + 1)
    e.integer(models, MODELS["scalar"], shift)
    if not has_base:
        e.integer(models, MODELS["scalar"], field_bits)
    if has_classes and given is None:
        e.integer(models, MODELS["scalar"], class_top)

    by_magnitude = has_base or (not element.is_float and element.bits > 8)
    buckets = _buckets(rng, element, by_magnitude, extra_bits)
    exacts = sorted(rng.sample(range(-3000, 3000), rng.choice([0, 1, 50]) if buckets else 3))
    e.integer(models, MODELS["scalar"], len(buckets))
    e.integer(models, MODELS["scalar"], len(exacts))
    for i, bucket in enumerate(buckets):
        e.integer(models, MODELS["bucket"], bucket - buckets[i - 1] - 1 if i else bucket)
    for i, value in enumerate(exacts):
        zigzag = 2 * value if value >= 0 else -2 * value - 1
        e.integer(models, MODELS["exact"], value - exacts[i - 1] - 1 if i else zigzag)
    raw_bits = [bucket_range(b, extra_bits)[1] if by_magnitude else field_bits for b in buckets]
    raw_bits += [0] * len(exacts)

    tables = [_frequencies(rng, len(raw_bits), table_bits) for _ in range(rng.choice([1, 2, 5, 64]))]
    e.integer(models, MODELS["scalar"], len(tables) - 1)
    table_of = {}
    last = 0
    for level in range(int(zero_level), scales):
        for k in range(16 if has_classes else 1):
            table = rng.choice([last, rng.randrange(len(tables))])
            same = int(table == last and rng.random() < 0.9)
            e.bit(models, MODELS["same"], same)
            if not same:
                e.tree(models, MODELS["table"], 6, table)
            last = table_of[level, k] = table
    _put_tables(e, models, tables)
    levels = [rng.randrange(scales) for _ in range(groups)]
    if scales > 1:
        for i, level in enumerate(levels):
            before, previous = (levels[i - 2] if i > 1 else 0), (levels[i - 1] if i > 0 else 0)
            e.tree(models, MODELS["scale"] + 64 * before + 8 * previous, 3, level)
    side = e.close()

    bases = split(base, element.bits) if base is not None else [0] * (8 * size // element.bits)
    coded = []
    raw = raw_size = 0
    for i, old in enumerate(bases):
        level = levels[i >> group_bits]
        if zero_level and level == 0:
            continue
        field = old >> element.class_shift & element.class_mask
        k = min(max(class_top - field, 0), 15) if has_classes else 0
        k = k if given is None else given[i]
        frequencies = tables[table_of[level, k]][1]
        symbol = rng.choices(range(len(frequencies)), frequencies)[0]
        coded.append((sum(frequencies[:symbol]), frequencies[symbol]))
        raw |= rng.getrandbits(raw_bits[symbol]) << raw_size
        raw_size += raw_bits[symbol]
    words = _words(coded, 1 << lane_bits, table_bits)

    head = bytes(
        [
            number | has_base << 4 | has_classes << 5 | zero_level << 6 | (given is not None) << 7,
            group_bits - 5 | lane_bits << 3 | (table_bits - 10) << 6,
            scales - 1 | extra_bits << 3,
        ]
    )
    payload = head + _varint(len(side)) + _varint(len(words)) + side + words
    return payload + raw.to_bytes((raw_size + 7) // 8, "little"), base, size, given


def _varint(value: int) -> bytes:
    return bytes([value & 127 | 128]) + _varint(value >> 7) if value >= 128 else bytes([value])
