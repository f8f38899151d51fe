"""Modelled splices by both decoders: all that the format allows, and what is damaged."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.encode import Level
from sapwood.codec.splice import (
    MOST_MODELLED,
    MOST_RUNS,
    Splice,
    SpliceKind,
    decode_splice,
    encode_splice,
    encode_splice_as,
)
from sapwood.codec.varint import put_unsigned
from sapwood.errors import BadData, CorruptPatch
from tests.oracle.any_splice import any_splice
from tests.oracle.blocks import decode_block
from tests.oracle.reader import Refused
from tests.test_oracle import damaged

seeds = st.integers(0, 1 << 32)


class Base:
    """A base that counts how it is read."""

    def __init__(self, data: bytes) -> None:
        self.data = memoryview(data)
        self.reads = 0

    def __call__(self, offset: int, length: int) -> memoryview:
        assert 0 <= offset <= offset + length <= len(self.data)
        self.reads += 1
        return self.data[offset : offset + length]


def modelled(splice: Splice, base: bytes) -> Block:
    block = encode_splice_as(SpliceKind.MODELLED, splice, len(base), Base(base))
    assert block is not None
    assert block.payload[0] == SpliceKind.MODELLED
    return block


def pieces(block: Block, base: bytes) -> Iterator[bytes]:
    for piece in decode_splice(block, len(base), Base(base)):
        yield piece if isinstance(piece, bytes) else base[piece[0] : piece[0] + piece[1]]


def core(payload: bytes, base: bytes, length: int) -> bytes | None:
    try:
        return b"".join(pieces(Block(Codec.SPLICE, length, payload), base))
    except BadData:
        return None


def oracle(payload: bytes, base: bytes, length: int) -> bytes | None:
    try:
        return decode_block(Codec.SPLICE, payload, length, base, None)
    except Refused:
        return None


@given(seeds)
def test_every_kind_gives_the_target_back(seed: int) -> None:
    base, splice, target = any_splice(seed)
    for kind in SpliceKind:
        block = encode_splice_as(kind, splice, len(base), Base(base))
        assert block is not None
        assert b"".join(pieces(block, base)) == target


@given(seeds)
def test_both_decode_what_is_encoded(seed: int) -> None:
    base, splice, target = any_splice(seed)
    payload = bytes(modelled(splice, base).payload)
    assert oracle(payload, base, len(target)) == target


@given(seeds)
def test_both_refuse_the_same_damaged_blocks(seed: int) -> None:
    rng = random.Random(seed)
    base, splice, target = any_splice(seed)
    payload = bytes(modelled(splice, base).payload)
    for _ in range(2):
        bad = payload[:1] + damaged(rng, payload[1:])
        assert core(bad, base, len(target)) == oracle(bad, base, len(target))
    short = base[: rng.randrange(len(base))]
    assert core(payload, short, len(target)) == oracle(payload, short, len(target))
    length = rng.choice([1, len(target) - 1 or 2, len(target) + 1, 2 * len(target)])
    assert core(payload, base, length) == oracle(payload, base, length)


@given(
    st.integers(0, 3), st.integers(0, 40), st.binary(max_size=60), st.sampled_from([1, 8, 100, 600]), seeds
)
def test_both_agree_on_any_bytes(runs: int, literals: int, data: bytes, length: int, seed: int) -> None:
    payload = bytearray([SpliceKind.MODELLED])
    put_unsigned(payload, runs)
    put_unsigned(payload, literals)
    base = random.Random(seed).randbytes(200)
    assert core(bytes(payload + data), base, length) == oracle(bytes(payload + data), base, length)


def _long_history() -> tuple[bytes, Splice, bytes]:
    """More copied ends than the history holds: the oldest are written over."""
    base = random.Random(5).randbytes(9000)
    splice, target = Splice(), bytearray()
    for i in range(8300):
        at = i * 31 % (len(base) - 140)
        splice.copy(at, 130)
        target += base[at : at + 130]
    splice.literal(base[:40])
    return base, splice, bytes(target + base[:40])


def test_the_history_goes_round() -> None:
    base, splice, target = _long_history()
    assert b"".join(pieces(modelled(splice, base), base)) == target


@pytest.mark.slow
def test_the_history_goes_round_by_the_oracle() -> None:
    base, splice, target = _long_history()
    assert oracle(bytes(modelled(splice, base).payload), base, len(target)) == target


@given(seeds)
def test_the_smallest_kind_is_taken(seed: int) -> None:
    base, splice, target = any_splice(seed)
    sizes = {}
    for kind in SpliceKind:
        block = encode_splice_as(kind, splice, len(base), Base(base))
        assert block is not None
        sizes[kind] = len(block.payload)
    best = encode_splice(splice, len(base), Base(base), Level.DEFAULT)
    assert len(best.payload) <= min(sizes.values())
    assert b"".join(pieces(best, base)) == target


def test_counts_beyond_the_limits_are_refused_before_anything_is_made() -> None:
    for runs, literals in ((MOST_RUNS + 1, 1), (1 << 62, 1), (1, MOST_MODELLED + 1), (0, 1 << 62)):
        payload = bytearray([SpliceKind.MODELLED])
        put_unsigned(payload, runs)
        put_unsigned(payload, literals)
        with pytest.raises(CorruptPatch):
            list(pieces(Block(Codec.SPLICE, 1 << 40, bytes(payload + bytes(20))), b"base"))


def test_too_much_for_the_model_is_left_to_the_others() -> None:
    splice = Splice()
    splice.literal(bytes(MOST_MODELLED + 1))
    assert encode_splice_as(SpliceKind.MODELLED, splice, 0, Base(b"")) is None
    block = encode_splice(splice, 0, Base(b""), Level.MAX)
    assert block.payload[0] == SpliceKind.ZSTD
    assert b"".join(pieces(block, b"")) == bytes(MOST_MODELLED + 1)


def test_a_base_that_cannot_be_read_is_no_damage() -> None:
    base, splice, target = any_splice(1)
    block = modelled(splice, base)

    def broken(offset: int, length: int) -> memoryview:
        raise OSError(5, "input/output error")

    with pytest.raises(OSError, match="input/output"):
        list(decode_splice(Block(Codec.SPLICE, len(target), block.payload), len(base), broken))
    with pytest.raises(OSError, match="input/output"):
        encode_splice_as(SpliceKind.MODELLED, splice, len(base), broken)


def test_a_base_of_another_size_than_asked_is_refused() -> None:
    base, splice, _ = any_splice(1)
    with pytest.raises(ValueError, match="another length"):
        _core.encode_splice(splice.runs, splice.literals, len(base), lambda _offset, _length: b"")


def test_runs_outside_the_base_are_not_encoded() -> None:
    for run in ((0, 4, 2), (0, 6, 1), (0, 0, 0), (9, 0, 1)):
        with pytest.raises(ValueError, match="run"):
            _core.encode_splice([run], b"abc", 5, Base(b"12345"))
