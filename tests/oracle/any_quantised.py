"""Random blocks of quantised weights of every type, and targets near to them."""

import random
import struct

from sapwood import _core
from tests.oracle.elements import join
from tests.oracle.predicted import round_to
from tests.oracle.quantised import FLOATS, TYPES, Type

__all__ = ["NAMES", "SOURCES", "any_pair", "any_term", "varint", "with_tables"]

SOURCES = (*TYPES, *FLOATS)
NAMES = {0: "f32", 1: "f16", 30: "bf16"} | {number: kind.name for number, kind in TYPES.items()}


def _half(rng: random.Random, wild: bool) -> bytes:
    if wild and rng.random() < 0.2:
        return rng.randbytes(2)
    return struct.pack("<e", rng.choice([1, 1, 1, -1]) * rng.uniform(0.5, 1) * 2 ** -rng.randrange(5, 9))


def _blocks(rng: random.Random, kind: Type, count: int, wild: bool) -> bytes:
    out = bytearray()
    for _ in range(count):
        block = bytearray(rng.randbytes(kind.size))
        for at in (kind.d_at, kind.m_at):
            if at is not None:
                block[at : at + 2] = _half(rng, wild)
        out += block
    return bytes(out)


def _near(rng: random.Random, kind: Type, data: bytes) -> bytes:
    """Other scales here and there, and other codes."""
    out = bytearray(data)
    share = rng.choice([0.0, 0.05, 0.5])
    for start in range(0, len(out), kind.size):
        for at in (kind.d_at, kind.m_at):
            if at is not None and rng.random() < share:
                half = int.from_bytes(out[start + at : start + at + 2], "little")
                half = (half + rng.randrange(-9, 10)) % 65536
                out[start + at : start + at + 2] = half.to_bytes(2, "little")
        for i in range(start, start + kind.size):
            if rng.random() < share / 4:
                out[i] ^= 1 << rng.randrange(8)
    return bytes(out)


def any_pair(seed: int, target: int, source: int, most: int = 3) -> tuple[bytes, bytes]:
    """Base and target of those types, of at most ``most`` times 256 elements."""
    rng = random.Random(seed)
    wild = rng.random() < 0.3
    kind = TYPES[target]
    old = TYPES.get(source)
    step = max(kind.elements, 1 if old is None else old.elements)
    count = rng.randrange(1, most * 256 // step + 1) * step
    if old is None:
        bits = 32 if source == 0 else 16
        scale = rng.choice([0.05, 1e-6, 3.0])
        values = [round_to(rng.gauss(0, scale), FLOATS[source]) for _ in range(count)]
        if wild:
            values = [rng.getrandbits(bits) if rng.random() < 0.02 else v for v in values]
        return join(values, bits), _blocks(rng, kind, count // kind.elements, wild)
    base = _blocks(rng, old, count // old.elements, wild)
    if old is kind:
        return base, _near(rng, kind, base)
    return base, _blocks(rng, kind, count // kind.elements, wild)


def any_term(seed: int, target: int, source: int, length: int) -> tuple[bytes, bytes]:
    """A FACTORS payload that goes with a target of so many bytes, and what a head says of its term."""
    rng = random.Random(seed)
    kind = TYPES[target]
    count = length // kind.size * kind.elements
    step = max(kind.elements, TYPES[source].elements if source in TYPES else 1)
    widths = [width for width in range(step, count + 1, step) if count % width == 0]
    columns, rank, most = rng.choice(widths), rng.randrange(1, 4), rng.choice([1, 9, 1200])

    def integers(size: int) -> bytes:
        return bytes([2]) + join([rng.randrange(-most, most + 1) % 65536 for _ in range(size)], 16)

    left = integers(rank * (count // columns))
    exponent = rng.choice([-126, -13, -11, -3, 127])
    zigzag = 2 * exponent if exponent >= 0 else -2 * exponent - 1
    right = bytes([0]) + varint(columns) + varint(rank) + integers(rank * columns)
    return right, varint(zigzag) + varint(len(left)) + left


def varint(value: int) -> bytes:
    """An unsigned integer below 2^14."""
    return bytes([value]) if value < 128 else bytes([value % 128 + 128, value // 128])


def with_tables(target: int, source: int, base: bytes, wanted: bytes, origin: int | None) -> bytes:
    """A payload with NUMERIC planes, however small, and classes where they can be given."""
    payload = bytearray([target, source, 1 if origin is None else 5, 10])
    if origin is not None:
        payload += varint(origin)
    planes = _core.quantised_planes(bytes(payload), base, None, wanted)
    for i, (element, predicted, plane, folded) in enumerate(planes):
        if folded is not None:
            coded = _core.encode_numeric(folded[0], folded[1], element, 1, classes=folded[2])
        if folded is None or coded is None or coded[0] < 128:
            coded = _core.encode_numeric(predicted, plane, element, 1)
        payload.append(3 if coded is None else 1)
        part = plane if coded is None else coded
        payload += (varint(len(part)) if i + 1 < len(planes) else b"") + part
    return bytes(payload)
