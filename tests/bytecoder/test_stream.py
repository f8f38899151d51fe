"""The learned byte coder: round trips, pieces, threads, golden sizes, and streams that lie."""

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.bytecoder import Compressor, Decompressor, Level, decode, decode_stream, encode, encode_stream
from sapwood.bytecoder.container import BLOCK_HEAD_SIZE, END_SIZE, HEADER_SIZE
from sapwood.bytecoder.record import record_length
from sapwood.errors import (
    BadData,
    CorruptStream,
    DigestMismatch,
    LimitExceeded,
    UnsupportedStream,
    WrongByteModel,
)

SOURCE = (Path(__file__).parents[2] / "src" / "sapwood" / "errors.py").read_bytes()[:6000]
_NOISE = random.Random(3)
RECORDS = b"".join(
    struct.pack("<IhhB3x", 1000 + 20 * i, _NOISE.randrange(-300, -290), _NOISE.randrange(3), 200)
    for i in range(400)
)
LEVELS = pytest.mark.parametrize("level", list(Level))


@LEVELS
@pytest.mark.parametrize(
    "content", [b"", b"x", bytes(5000), SOURCE, RECORDS, random.Random(1).randbytes(3000)], ids=len
)
def test_what_is_encoded_is_decoded(level: Level, content: bytes) -> None:
    stream = encode(content, level)
    assert decode(stream) == content
    assert len(stream) <= len(content) + HEADER_SIZE + 2 * BLOCK_HEAD_SIZE + END_SIZE


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"abcabc", b"\0" * 90, b'{"k": 1}']), max_size=20))
def test_any_bytes_in_any_pieces(pieces: list[bytes]) -> None:
    compressor = Compressor(Level.LIVE)
    stream = b"".join(map(compressor.compress, pieces)) + compressor.flush()
    decompressor = Decompressor()
    out = b""
    for at in range(0, len(stream), 7):
        assert not decompressor.eof
        out += decompressor.decompress(stream[at : at + 7])
    assert decompressor.eof
    assert out == b"".join(pieces)


@LEVELS
def test_every_path_writes_the_same_payload(level: Level) -> None:
    wanted = _core.ByteModel(level).encode(SOURCE)
    for path in ("portable", "ssse3", "avx2", "neon"):
        try:
            model = _core.ByteModel(level, path=path)
        except ValueError:
            continue
        assert model.encode(SOURCE) == wanted


# Of each level: bytes, and CRC-32. They follow from the format; a change of them is a change of it.
GOLDEN = {Level.LIVE: (1607, 4005641012), Level.DEFAULT: (1586, 3553960037), Level.MAX: (1528, 2951238890)}


def golden_content() -> bytes:
    """Text-like lines that follow from no library's random numbers."""
    state, lines = 1, []
    for i in range(600):
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        lines.append(
            f"{i:05} sensor-{state % 7} value={state % 1000 / 10} {'ok' if state % 50 else 'fault'}\n"
        )
    return "".join(lines).encode()


@LEVELS
def test_the_bytes_of_a_level_stay(level: Level) -> None:
    payload = _core.ByteModel(level).encode(golden_content())
    assert (len(payload), zlib.crc32(payload)) == GOLDEN[level]


def test_decoding_goes_no_further_than_asked() -> None:
    stream = encode(SOURCE, Level.LIVE)
    decompressor = Decompressor()
    assert decompressor.decompress(stream, 10) == SOURCE[:10]
    assert not decompressor.needs_input
    assert decompressor.decompress(b"", 10) == SOURCE[10:20]
    assert decompressor.decompress(b"") == SOURCE[20:]
    assert decompressor.eof
    with pytest.raises(EOFError):
        decompressor.decompress(b"more")


def test_what_follows_the_end_is_kept() -> None:
    decompressor = Decompressor()
    assert decompressor.decompress(encode(b"one", Level.LIVE) + b"two") == b"one"
    assert decompressor.unused_data == b"two"


@pytest.mark.parametrize("threads", [1, 3])
def test_blocks_on_threads_give_one_stream(threads: int) -> None:
    content = SOURCE * 400  # three blocks
    out, back = io.BytesIO(), io.BytesIO()
    read, written = encode_stream(io.BytesIO(content), out, Level.LIVE, length=len(content), threads=threads)
    assert (read, written) == (len(content), len(out.getvalue()))
    assert out.getvalue() == encode(content, Level.LIVE)
    assert decode_stream(io.BytesIO(out.getvalue()), back, threads=threads) == (written, read)
    assert back.getvalue() == content


def test_records_are_found() -> None:
    assert record_length(RECORDS) == 12
    assert record_length(SOURCE) == 0
    assert record_length(random.Random(2).randbytes(4000)) == 0
    assert len(encode(RECORDS, Level.LIVE)) < 0.6 * len(zlib.compress(RECORDS, 9))


def test_a_content_beyond_the_limit_is_not_decoded() -> None:
    stream = encode(bytes(100_000), Level.LIVE)
    assert len(stream) < 300
    with pytest.raises(LimitExceeded):
        decode(stream, max_size=99_999)
    with pytest.raises(LimitExceeded):
        decode_stream(io.BytesIO(stream), io.BytesIO(), max_size=99_999)


def test_every_change_of_a_byte_is_found() -> None:
    content = SOURCE[:300]
    stream = encode(content, Level.LIVE)
    for at in range(len(stream)):
        damaged = bytearray(stream)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(BadData):
            decode(bytes(damaged))


def test_every_shorter_stream_is_refused() -> None:
    stream = encode(SOURCE[:300], Level.LIVE)
    for size in range(len(stream)):
        with pytest.raises(CorruptStream):
            decode(stream[:size])
    with pytest.raises(CorruptStream):
        decode(stream + b"x")


@given(st.binary(max_size=200))
def test_no_bytes_crash_a_decoder(data: bytes) -> None:
    header = encode(b"", Level.LIVE)[:HEADER_SIZE]
    for stream in (data, header[:40] + data, Compressor(Level.LIVE).compress(b"") + data):
        with pytest.raises(BadData):
            decode(stream)


def _with_header(stream: bytes, at: int, value: bytes) -> bytes:
    body = stream[:at] + value + stream[at + len(value) : HEADER_SIZE - 4]
    return body + _core.crc32c(body).to_bytes(4, "little") + stream[HEADER_SIZE:]


def test_a_newer_version_and_another_model_are_refused_by_name() -> None:
    stream = encode(SOURCE, Level.LIVE)
    assert decode(_with_header(stream, 0, b"")) == SOURCE
    with pytest.raises(UnsupportedStream, match="newer"):
        decode(_with_header(stream, 8, b"\2"))
    with pytest.raises(WrongByteModel, match="07" * 16):
        decode(_with_header(stream, 16, b"\7" * 16))
    with pytest.raises(CorruptStream):
        decode(_with_header(stream, 12, b"\xff\xff\xff\xff"))


def test_a_wrong_whole_is_found_at_the_end() -> None:
    stream = bytearray(encode(SOURCE, Level.LIVE))
    stream[-1] ^= 1
    decompressor = Decompressor()
    with pytest.raises(DigestMismatch):
        decompressor.decompress(bytes(stream))
