"""Trained models of bytes: the file and what it does, streams that begin with one, and files that lie."""

import io
import random
from pathlib import Path

import pytest
import zstandard
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.bytecoder import (
    Compressor,
    Decompressor,
    Level,
    Prior,
    decode,
    decode_stream,
    encode,
    encode_stream,
    general,
)
from sapwood.bytecoder.prior import MOST_TEXT
from sapwood.errors import BadData, CorruptByteModel, UnsupportedStream, WrongByteModel

SOURCE = (Path(__file__).parents[2] / "src" / "sapwood" / "errors.py").read_bytes()[:6000]
TEXT = SOURCE[:3000]
WEIGHTS = {Level.LIVE: bytes(2 * _core.byte_weights(Level.LIVE))}
PRIOR = Prior.make(TEXT, 2, {})
LEVELS = pytest.mark.parametrize("level", list(Level))
HEADER = 36


def resealed(data: bytes) -> bytes:
    """With checks that are right again, so that what is behind them is tested."""
    header = data[: HEADER - 4]
    body = header + _core.crc32c(header).to_bytes(4, "little") + data[HEADER:-32]
    return body + blake3(body).digest()


def test_a_file_holds_its_parts() -> None:
    prior = Prior(Prior.make(TEXT, 3, WEIGHTS).data)
    assert (prior.text, prior.count, prior.weights) == (TEXT, 3, WEIGHTS)
    assert prior.identity == blake3(prior.data[:-32]).digest()[:16]
    assert prior.identity != PRIOR.identity


@LEVELS
def test_a_stream_begins_with_what_the_model_knows(level: Level) -> None:
    content = SOURCE[2000:4000]
    stream = encode(content, level, prior=PRIOR)
    assert decode(stream, priors=[PRIOR]) == content
    assert len(stream) < 0.75 * len(encode(content, level))


def test_pieces_threads_and_records_have_the_model_too() -> None:
    content = SOURCE * 200 + bytes(range(40, 60)) * 60_000  # text in the first block, records in others
    out, back = io.BytesIO(), io.BytesIO()
    encode_stream(io.BytesIO(content), out, Level.LIVE, prior=PRIOR, threads=2)
    compressor = Compressor(Level.LIVE, prior=PRIOR)
    assert compressor.compress(content) + compressor.flush() == out.getvalue()
    decode_stream(io.BytesIO(out.getvalue()), back, priors=[PRIOR], threads=2)
    assert back.getvalue() == content
    assert Decompressor(priors=[PRIOR]).decompress(out.getvalue()) == content


def test_the_wrong_model_is_refused_by_name() -> None:
    stream = encode(SOURCE, Level.LIVE, prior=PRIOR)
    other = Prior.make(TEXT[1:], 2, {})
    with pytest.raises(WrongByteModel, match=PRIOR.identity.hex()) as refused:
        decode(stream, priors=[other])
    assert other.identity.hex() in str(refused.value)
    with pytest.raises(WrongByteModel):
        decode(stream)


@LEVELS
def test_trained_weights_are_taken(level: Level) -> None:
    weights = random.Random(1).randbytes(2 * _core.byte_weights(level))
    prior = Prior.make(TEXT, 2, {level: weights})
    assert prior.primed(level).weights() == weights
    content = SOURCE[3000:]
    assert decode(encode(content, level, prior=prior), priors=[prior]) == content
    with pytest.raises(ValueError, match="another number of weights"):
        _core.ByteModel(level).take_weights(weights[2:])


def test_a_model_becomes_another_of_its_level_alone() -> None:
    first, second = _core.ByteModel(Level.LIVE), _core.ByteModel(Level.LIVE)
    first.learn(SOURCE)
    second.become(first)
    assert second.encode(SOURCE * 2) == first.encode(SOURCE * 2)
    with pytest.raises(ValueError, match="another level"):
        second.become(_core.ByteModel(Level.DEFAULT))


def test_the_general_model_is_there_and_helps() -> None:
    prior = general()
    assert set(prior.weights) == set(Level)
    assert len(prior.data) < 1_500_000
    content = SOURCE[-1024:]
    stream = encode(content, Level.DEFAULT, prior=prior)
    assert decode(stream) == content
    assert len(stream) < 0.75 * len(encode(content, Level.DEFAULT))


def test_every_change_of_a_byte_of_a_file_is_found() -> None:
    data = Prior.make(TEXT[:400], 2, {}).data
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(CorruptByteModel):
            Prior(bytes(damaged))


def test_every_shorter_or_longer_file_is_refused() -> None:
    data = Prior.make(TEXT[:400], 2, {}).data
    for size in range(len(data)):
        with pytest.raises(CorruptByteModel):
            Prior(data[:size])
    with pytest.raises(CorruptByteModel):
        Prior(data + b"x")


@given(
    st.lists(st.tuples(st.integers(8, HEADER - 5), st.integers(0, 255)), max_size=3),
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=3),
)
def test_a_sealed_lie_is_refused_or_a_model(
    header: list[tuple[int, int]], body: list[tuple[int, int]]
) -> None:
    data = bytearray(Prior.make(TEXT[:400], 2, WEIGHTS).data)
    for at, value in header:
        data[at] = value
    for at, value in body:
        data[HEADER + at % (len(data) - HEADER - 32)] = value
    try:
        prior = Prior(resealed(bytes(data)))
    except BadData:
        return
    assert len(prior.text) <= MOST_TEXT


def test_a_part_that_unpacks_to_more_than_is_said_takes_no_memory() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 26))
    header = bytearray(Prior.make(b"", 0, {}).data[:HEADER])
    header[16:20] = len(bomb).to_bytes(4, "little")
    header[12:16] = MOST_TEXT.to_bytes(4, "little")
    with pytest.raises(CorruptByteModel, match="another size"):
        Prior(resealed(bytes(header) + bomb + bytes(32)))


def test_a_newer_model_is_refused_as_such() -> None:
    data = bytearray(PRIOR.data)
    data[8] = 2
    with pytest.raises(UnsupportedStream, match="newer"):
        Prior(resealed(bytes(data)))
