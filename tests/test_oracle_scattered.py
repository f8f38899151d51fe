"""SCATTERED blocks: the C core against the oracle, for every element and path, well-formed and damaged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.block import Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level, encode_span
from sapwood.codec.scattered import encode_scattered
from tests.oracle.any_scattered import any_scattered
from tests.oracle.reader import Refused
from tests.oracle.scattered import decode_scattered
from tests.test_oracle import _paths

seeds = st.integers(0, 1 << 32)
elements = st.sampled_from([element for element in Element if element is not Element.INT4])


def by_oracle(payload: bytes, base: bytes, length: int) -> bytes | None:
    try:
        return decode_scattered(payload, base, length)
    except Refused:
        return None


def by_core(payload: bytes, base: bytes, length: int, path: str | None = None) -> bytes | None:
    out = bytearray(length)
    return bytes(out) if _core.decode_scattered(payload, base, out, path) == 0 else None


def coded(base: bytes, target: bytes, element: Element, *, thorough: bool = False) -> bytes:
    payload = encode_scattered(
        memoryview(base), memoryview(target), element, 1, thorough=thorough, always=True
    )
    assert payload is not None
    return payload


@given(seeds, elements, st.booleans())
def test_both_decode_what_the_encoder_makes(seed: int, element: Element, thorough: bool) -> None:
    base, target = any_scattered(seed, element)
    payload = coded(base, target, element, thorough=thorough)
    assert by_oracle(payload, base, len(target)) == target
    for path in _paths():
        assert by_core(payload, base, len(target), path) == target


@given(seeds, elements)
def test_every_path_finds_the_same_changes(seed: int, element: Element) -> None:
    base, target = any_scattered(seed, element)
    found = [_core.find_scattered(base, target, element, always=True, path=path) for path in _paths()]
    assert found[0] is not None
    assert all(other == found[0] for other in found)


@given(seeds, elements, seeds)
def test_both_refuse_the_same_damage(seed: int, element: Element, damage: int) -> None:
    base, target = any_scattered(seed, element)
    rng = random.Random(damage)
    hurt = bytearray(coded(base, target, element, thorough=rng.random() < 0.5))
    for _ in range(rng.choice([1, 1, 3])):
        hurt[min(int(rng.expovariate(0.05)), len(hurt) - 1)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        del hurt[rng.randrange(len(hurt)) :]
    expected = by_oracle(bytes(hurt), base, len(target))
    for path in _paths():
        assert by_core(bytes(hurt), base, len(target), path) == expected


@pytest.mark.parametrize("count", [64, 255, 256, 257, 4095, 4096, 4097, 9001])
def test_every_place_of_a_block_may_change(count: int) -> None:
    base = random.Random(count).randbytes(2 * count)
    for step in (40, 63, 64, 65):
        changed = bytearray(base)
        for at in (*range(0, count, step), count - 1):
            changed[2 * at] ^= 1
        target = bytes(changed)
        payload = coded(base, target, Element.INT16)
        assert by_oracle(payload, base, len(base)) == target
        for path in _paths():
            assert by_core(payload, base, len(base), path) == target


def test_it_is_chosen_for_few_changes_everywhere_and_for_no_others() -> None:
    rng = random.Random(5)
    base = rng.randbytes(1 << 18)

    def codec(places: list[int]) -> Codec:
        target = bytearray(base)
        for at in places:
            target[2 * at] ^= 1
        view = memoryview(bytes(target))
        return encode_span(memoryview(base), 0, view, Element.BF16, Level.DEFAULT).codec

    anywhere = rng.sample(range(1 << 17), 2000)
    assert codec(anywhere) is Codec.SCATTERED
    assert codec(rng.sample(range(1 << 17), 1 << 14)) is Codec.NUMERIC
    # In one row in eight.
    assert codec([at // 64 * 512 + at % 64 for at in rng.sample(range(1 << 14), 2000)]) is Codec.NUMERIC


def test_no_field_of_the_head_is_believed() -> None:
    base, target = any_scattered(1, Element.BF16)
    good = coded(base, target, Element.BF16)
    assert by_core(good, base, len(target)) == target
    size = len(target)
    for payload, length in (
        (b"", size),
        (good[:1], size),
        (bytes([good[0] & 0xF0 | 11]) + good[1:], size),  # INT4
        (bytes([good[0] & 0xF0 | 12]) + good[1:], size),
        (bytes([good[0] | 0x30]) + good[1:], size),
        (bytes([good[0] | 0xC0]) + good[1:], size),
        (bytes([good[0] & 0xF0 | int(Element.F16)]) + good[1:], size),  # parts of another element
        (good, size + 1),
        (good, 2),
        (good + b"\0", size),
    ):
        assert by_core(payload, base, length) is None
        assert by_oracle(payload, base, length) is None
    out = bytearray(size)
    assert _core.decode_scattered(good, None, out) < 0
    assert _core.decode_scattered(good, base[:-1], out) < 0
