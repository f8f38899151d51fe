"""64-bit elements that move further than tables can say cost what they cost, and not their block."""

import random
import struct

import pytest

import sapwood
from sapwood import _core
from sapwood.codec.decode import decode_block
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.leaps import encode_spans

COUNT = 1 << 14


def floats(seed: int, *, leaps: list[int]) -> tuple[bytes, bytes]:
    rng = random.Random(seed)
    old = [rng.gauss(0, 0.02) for _ in range(COUNT)]
    new = [value * (1 + rng.randrange(-9, 10) * 2.0**-50) for value in old]
    for at in leaps:
        new[at] = rng.choice([0.0, -old[at], 1e200, -1e-300])
    return struct.pack(f"<{COUNT}d", *old), struct.pack(f"<{COUNT}d", *new)


def integers(seed: int, *, leaps: list[int]) -> tuple[bytes, bytes]:
    rng = random.Random(seed)
    old = [rng.randrange(1 << 20) for _ in range(COUNT)]
    new = [value + rng.randrange(3) for value in old]
    for at in leaps:
        new[at] = old[at] + (1 << 62)
    return struct.pack(f"<{COUNT}q", *old), struct.pack(f"<{COUNT}q", *new)


@pytest.mark.parametrize(("make", "element"), [(floats, Element.F64), (integers, Element.INT64)])
@pytest.mark.parametrize(
    "leaps", [[], [0], [COUNT - 1], [255, 256], [1000, 5000, 5001, 16000], [*range(0, COUNT, 1500)]]
)
def test_a_leap_costs_little(make: object, element: Element, leaps: list[int]) -> None:
    assert callable(make)
    base, target = make(len(leaps), leaps=leaps)
    blocks = encode_spans(memoryview(base), 0, memoryview(target), element, Level.DEFAULT)
    made = b"".join(
        bytes(piece)
        for block in blocks
        for piece in decode_block(block, len(base), lambda at, size: memoryview(base)[at : at + size])
    )
    assert made == target
    size = sum(len(block.payload) for block in blocks)
    plain = make(len(leaps), leaps=[])
    alone = encode_spans(memoryview(plain[0]), 0, memoryview(plain[1]), element, Level.DEFAULT)
    assert size < len(alone[0].payload) + 100 + 300 * len(leaps)


def test_too_many_leaps_are_no_relation() -> None:
    rng = random.Random(3)
    base, target = rng.randbytes(8 * COUNT), rng.randbytes(8 * COUNT)
    assert _core.find_leaps(base, target, Element.INT64, 17) is None
    assert len(encode_spans(memoryview(base), 0, memoryview(target), Element.INT64, Level.DEFAULT)) == 1


def test_leaps_are_what_tables_cannot_say() -> None:
    for move, leaps in (
        (1 << 56, []),
        ((1 << 57) - 1, []),
        (1 << 57, [7]),
        (-(1 << 57), [7]),
        (1 << 63, [7]),
    ):
        base = [1 << 40] * 600
        target = [value + 1 + i % 2 for i, value in enumerate(base)]
        target[7] = base[7] + move
        old, new = (struct.pack("<600Q", *(v % (1 << 64) for v in values)) for values in (base, target))
        assert _core.find_leaps(old, new, Element.INT64, 9) == leaps
        assert (_core.encode_numeric(old, new, Element.INT64, 1) is None) is bool(leaps)


def test_a_whole_model_with_leaps() -> None:
    base, target = floats(8, leaps=[4, 9000])
    head = b'{"w":{"dtype":"F64","shape":[16384],"data_offsets":[0,131072]}}'
    old, new = (len(head).to_bytes(8, "little") + head + data for data in (base, target))
    patch = sapwood.diff(old, new).to_bytes()
    assert sapwood.apply(old, patch) == new
    assert len(patch) < 0.2 * len(new)
