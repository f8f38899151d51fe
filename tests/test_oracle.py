"""The C core against the plain-Python oracle: the same bytes out, and the same blocks refused."""

import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.element import Element
from tests.oracle.adaptive import decode_adaptive
from tests.oracle.any_numeric import any_given, any_numeric
from tests.oracle.elements import join
from tests.oracle.numeric import decode_numeric
from tests.oracle.reader import Refused

LENGTHS = [1, 2, 5, 31, 32, 33, 64, 200, 1000, 4096, 4097, 9000]
# How much of a base's elements a target changes, and the largest change.
CHANGES = [(0.01, 1), (0.3, 3), (1.0, 1), (1.0, 900), (0.5, 1 << 40)]

elements = st.sampled_from(Element)
seeds = st.integers(0, 1 << 32)


@functools.cache
def _paths() -> list[str]:
    """The instruction sets this build and processor have."""
    found = []
    for path in ("portable", "avx2", "avx512", "neon"):
        try:
            _core.decode_numeric(b"", None, bytearray(1), path)
        except ValueError:
            continue
        found.append(path)
    return found


def _bits(element: Element) -> int:
    return 4 if element is Element.INT4 else 8 * element.width


def weights(rng: random.Random, element: Element, count: int) -> list[int]:
    """Elements with few exponents and random low bits, as weights have; some rows are all zero."""
    bits = _bits(element)
    top = rng.randrange(1 << min(bits, 5)) << (bits - min(bits, 5))
    # Wide elements that hold narrow ones (f32 cast from bf16, small integers) as well as full ones.
    mask = rng.choice([-1, -1 << bits // 2, (1 << (bits + 1) // 2) - 1])
    out = []
    for i in range(count):
        value = top ^ rng.getrandbits(max(bits - 2, 1)) >> rng.randrange(4)
        out.append(0 if rng.random() < 0.02 or i // 256 % 5 == 4 else value & mask & ((1 << bits) - 1))
    return out


def pair(seed: int, element: Element, length: int, has_base: bool) -> tuple[bytes | None, bytes]:
    """A base, and a target that changes some of it; or a target alone."""
    rng = random.Random(seed)
    bits = _bits(element)
    # Nibbles come in pairs.
    old = weights(rng, element, length + length % 2)
    if not has_base:
        return None, join(old, bits)
    share, most = rng.choice(CHANGES)
    # A zero stays: one step below +0 has the sign bit, and most coders rightly decline such a jump.
    new = [(v + rng.randint(-most, most)) % (1 << bits) if v and rng.random() < share else v for v in old]
    return join(old, bits), join(new, bits)


def core_numeric(payload: bytes, base: bytes | None, length: int, path: str | None = None) -> bytes | None:
    out = bytearray(length)
    return bytes(out) if _core.decode_numeric(payload, base, out, path) == 0 else None


def core_adaptive(payload: bytes, base: bytes | None, length: int) -> bytes | None:
    out = bytearray(length)
    return bytes(out) if _core.decode_adaptive(payload, base, out) == 0 else None


def oracle_adaptive(payload: bytes, base: bytes | None, length: int) -> bytes | None:
    try:
        return decode_adaptive(payload, base, length)
    except Refused:
        return None


def oracle_numeric(payload: bytes, base: bytes | None, length: int) -> bytes | None:
    try:
        return decode_numeric(payload, base, length)
    except Refused:
        return None


@given(elements, st.integers(0, 2), st.sampled_from(LENGTHS), st.booleans(), seeds)
def test_oracle_decodes_what_the_numeric_encoder_makes(
    element: Element, level: int, length: int, has_base: bool, seed: int
) -> None:
    base, target = pair(seed, element, length, has_base)
    payload = _core.encode_numeric(base, target, element, level)
    if payload is None:
        return
    assert oracle_numeric(payload, base, len(target)) == target
    assert core_numeric(payload, base, len(target)) == target


@pytest.mark.parametrize("element", Element)
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("has_base", [False, True])
def test_every_element_and_level_has_blocks(element: Element, level: int, has_base: bool) -> None:
    made = 0
    for seed in range(6):
        base, target = pair(seed, element, 6000, has_base)
        payload = _core.encode_numeric(base, target, element, level)
        if payload is not None:
            made += 1
            assert oracle_numeric(payload, base, len(target)) == target
    assert made > 0


@given(seeds)
def test_both_decode_all_that_the_format_allows(seed: int) -> None:
    payload, base, length = any_numeric(seed)
    target = oracle_numeric(payload, base, length)
    assert target is not None
    for path in _paths():
        assert core_numeric(payload, base, length, path) == target, path


@given(seeds)
def test_both_take_classes_that_are_given(seed: int) -> None:
    payload, base, length, classes = any_given(seed)
    for bad in (payload, damaged(random.Random(seed), payload)):
        try:
            expected = decode_numeric(bad, base, length, classes)
        except Refused:
            assert bad != payload
            expected = None
        for path in _paths():
            out = bytearray(length)
            given = None if classes is None else bytes(classes)
            status = _core.decode_numeric(bad, base, out, path, given)
            assert (bytes(out) if status == 0 else None) == expected, path


@given(elements, st.integers(0, 2), st.sampled_from(LENGTHS), seeds)
def test_oracle_decodes_what_is_encoded_with_classes(
    element: Element, level: int, length: int, seed: int
) -> None:
    base, target = pair(seed, element, length, True)
    classes = random.Random(seed).choices(range(16), k=8 * len(target) // _bits(element))
    payload = _core.encode_numeric(base, target, element, level, None, bytes(classes))
    if payload is None:
        return
    assert decode_numeric(payload, base, len(target), classes) == target
    # Without its classes it is refused.
    assert oracle_numeric(payload, base, len(target)) is None
    assert core_numeric(payload, base, len(target)) is None


def damaged(rng: random.Random, payload: bytes) -> bytes:
    """One of the ways in which bytes go wrong; the header and its neighbours more often."""
    out = bytearray(payload)
    at = rng.randrange(min(len(out), 64) if rng.random() < 0.7 else len(out))
    match rng.randrange(5):
        case 0:
            out[at] ^= 1 << rng.randrange(8)
        case 1:
            out[at] = rng.choice([0, 255, rng.randrange(256)])
        case 2:
            return bytes(out[:at])
        case 3:
            return bytes(out) + bytes(rng.randrange(1, 6))
        case _:
            del out[at]
    return bytes(out)


@given(seeds)
def test_both_refuse_the_same_damaged_numeric_blocks(seed: int) -> None:
    rng = random.Random(seed)
    payload, base, length = any_numeric(seed)
    for _ in range(8):
        bad = damaged(rng, payload)
        expected = oracle_numeric(bad, base, length)
        for path in _paths():
            assert core_numeric(bad, base, length, path) == expected, path


@given(elements, st.sampled_from(LENGTHS[:-3]), st.booleans(), seeds)
def test_oracle_decodes_what_the_adaptive_encoder_makes(
    element: Element, length: int, has_base: bool, seed: int
) -> None:
    base, target = pair(seed, element, length, has_base)
    payload = _core.encode_adaptive(base, target, element)
    if payload is None:
        return
    assert oracle_adaptive(payload, base, len(target)) == target
    assert core_adaptive(payload, base, len(target)) == target


@given(st.integers(0, 31), st.binary(max_size=200), st.sampled_from(LENGTHS[:-4]), seeds)
def test_both_say_the_same_to_any_adaptive_bytes(head: int, tail: bytes, length: int, seed: int) -> None:
    rng = random.Random(seed)
    base = rng.randbytes(8 * length)
    # Random bytes hardly end where they must: the zeros a decoder may add are tried as well.
    for payload in (bytes([head]) + tail, bytes([head]) + tail[:8], bytes([head]) + tail.rstrip(b"\0")):
        expected = oracle_adaptive(payload, base, 8 * length)
        assert core_adaptive(payload, base, 8 * length) == expected


@given(elements, st.sampled_from([5, 33, 200]), st.booleans(), seeds)
def test_both_refuse_the_same_damaged_adaptive_blocks(
    element: Element, length: int, has_base: bool, seed: int
) -> None:
    rng = random.Random(seed)
    base, target = pair(seed, element, length, has_base)
    payload = _core.encode_adaptive(base, target, element)
    if payload is None:
        return
    for _ in range(8):
        bad = damaged(rng, payload)
        assert core_adaptive(bad, base, len(target)) == oracle_adaptive(bad, base, len(target))
