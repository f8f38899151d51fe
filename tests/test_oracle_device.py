"""DEVICE blocks by both decoders: all that the format allows, and what is damaged."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.element import Element
from tests.oracle.any_device import ELEMENTS_OF_DEVICES, any_device
from tests.oracle.device import decode_device
from tests.oracle.reader import Refused
from tests.test_oracle import damaged

seeds = st.integers(0, 1 << 32)


def core(payload: bytes, base: bytes, length: int) -> bytes | None:
    out = bytearray(length)
    return bytes(out) if _core.decode_device(payload, base, out) == 0 else None


def oracle(payload: bytes, base: bytes, length: int) -> bytes | None:
    try:
        return decode_device(payload, base, length)
    except Refused:
        return None


@given(seeds)
def test_both_decode_all_that_the_format_allows(seed: int) -> None:
    payload, base, target = any_device(seed)
    assert oracle(payload, base, len(target)) == target
    assert core(payload, base, len(target)) == target


@pytest.mark.parametrize("element", ELEMENTS_OF_DEVICES)
def test_both_decode_every_element(element: Element) -> None:
    for seed in range(6):
        payload, base, target = any_device(seed, element)
        assert oracle(payload, base, len(target)) == target
        assert core(payload, base, len(target)) == target


@given(seeds)
def test_both_refuse_the_same_damaged_blocks(seed: int) -> None:
    rng = random.Random(seed)
    payload, base, target = any_device(seed)
    for _ in range(8):
        bad = damaged(rng, payload)
        assert core(bad, base, len(target)) == oracle(bad, base, len(target))
    # A base cut short, and a block that is said to be of another length.
    short = base[: rng.randrange(len(base))]
    assert core(payload, short, len(target)) == oracle(payload, short, len(target))
    length = rng.choice([1, len(target) - 1 or 2, len(target) + 1, 2 * len(target)])
    assert core(payload, base, length) == oracle(payload, base, length)


@given(st.integers(0, 2), st.binary(max_size=200), st.sampled_from([1, 8, 100, 600]), seeds)
def test_both_say_the_same_to_any_bytes(head: int, tail: bytes, length: int, seed: int) -> None:
    base = random.Random(seed).randbytes(8 * length)
    for payload in (bytes([head]) + tail, bytes([head]) + tail[:8], bytes([head]) + tail.rstrip(b"\0")):
        assert core(payload, base, length) == oracle(payload, base, length)
