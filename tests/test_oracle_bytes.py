"""Learned bytes by both decoders, and the numbers of docs/SPEC.md by both."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.bytecoder.level import Level
from tests.oracle import byte_coder as oracle
from tests.test_spec import section, tables

_WORDS = (b"the ", b"bytes ", b"of ", b"model", b"12", b"\n", b'{"key": ', b"\xc3\xa9", b"\0\0")


def content(dice: random.Random, size: int) -> bytes:
    """Text, noise, runs, records and repeats, one behind the other."""
    out = bytearray()
    while len(out) < size:
        part = dice.randrange(5)
        if part == 0:
            out += b"".join(dice.choices(_WORDS, k=20))
        elif part == 1:
            out += dice.randbytes(dice.randrange(40))
        elif part == 2:
            out += bytes([dice.randrange(256)]) * dice.randrange(300)
        elif part == 3:
            out += b"".join(bytes([i % 256, 7, 0, dice.randrange(4)]) for i in range(30))
        elif out:
            at = dice.randrange(len(out))
            out += out[at : at + dice.randrange(120)]
    return bytes(out[:size])


@given(st.integers(0, 1 << 32), st.sampled_from(list(Level)), st.sampled_from((0, 0, 2, 4, 28, 255)))
def test_both_decode_what_is_encoded(seed: int, level: Level, record: int) -> None:
    dice = random.Random(seed)
    data = content(dice, dice.randrange(1, 300))
    payload = _core.ByteModel(level, record).encode(data)
    if payload:  # else it would have been longer than the content
        assert oracle.decode(payload, len(data), level, record) == data


@pytest.mark.parametrize("level", Level)
def test_both_decode_long_matches(level: Level) -> None:
    data = content(random.Random(1), 150) * 3 + bytes(700)
    payload = _core.ByteModel(level).encode(data)
    assert oracle.decode(payload, len(data), level) == data


@given(st.binary(max_size=60), st.sampled_from(list(Level)), st.integers(0, 60))
def test_both_make_the_same_of_any_payload(payload: bytes, level: Level, size: int) -> None:
    window = bytearray(size)
    accepted = _core.ByteModel(level, 3).decode(payload, window, size) == 0
    try:
        assert oracle.decode(payload, size, level, 3) == window
    except ValueError:
        assert not accepted
    else:
        assert accepted


def test_the_levels_are_those_of_the_document() -> None:
    rows = [
        (
            tuple(int(k) for k in row[1].split(", ")),
            tuple(int(k) for k in row[2].split(", ")),
            row[3] == "yes",
            int(row[4].removeprefix("2^")),
            int(row[5].removeprefix("2^")),
            int(row[6]),
            int(row[7]),
        )
        for row in tables("Learned byte coder")[0]
    ]
    assert rows == [(o.text, o.record, o.wide, o.slots, o.places, o.found_by, o.sure) for o in oracle.LEVELS]
    inputs = [2 + len(row[0]) + row[2] for row in rows]
    assert [_core.byte_weights(level) for level in Level] == [
        16 * count * (544 + 17 * row[2]) for count, row in zip(inputs, rows, strict=True)
    ]


def test_the_numbers_are_those_of_the_document() -> None:
    text = section("Learned byte coder")
    rates = re.search(r"rate: ([\d, ]+)\.", text)
    assert rates is not None
    assert tuple(map(int, rates[1].split(", "))) == oracle.RATES
    assert f"* {oracle.MULTIPLIER:x} hex" in text
    for value in (oracle.FIRST_WEIGHT, oracle.ERROR_SCALE, oracle.FIRST_SURE, oracle.MOST_SURE):
        assert str(value) in text
