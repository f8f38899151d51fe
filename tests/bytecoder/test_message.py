"""Messages: round trips, small heads, the model that both ends need, and messages that lie."""

import random
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.bytecoder import Level, MessageCoder, Prior, decode_message, encode, encode_message
from sapwood.bytecoder.message import LONGEST_CODED, MOST_MESSAGE
from sapwood.errors import BadData, CorruptStream, LimitExceeded, UnsupportedStream, WrongCall

SOURCE = (Path(__file__).parents[2] / "src" / "sapwood" / "errors.py").read_bytes()[:6000]
PRIOR = Prior.make(SOURCE[:3000], 2, {})
CODER = MessageCoder(PRIOR)
_NOISE = random.Random(3)
RECORDS = b"".join(
    struct.pack("<IhhB3x", 1000 + 20 * i, _NOISE.randrange(-300, -290), _NOISE.randrange(3), 200)
    for i in range(60)
)
LEVELS = pytest.mark.parametrize("level", list(Level))


@LEVELS
@pytest.mark.parametrize(
    "content", [b"", b"x", SOURCE[2800:3100], bytes(5000), RECORDS, random.Random(1).randbytes(300)], ids=len
)
def test_what_is_encoded_is_decoded(level: Level, content: bytes) -> None:
    for prior in (None, PRIOR):
        for check in (True, False):
            coder = MessageCoder(prior, check=check)
            message = coder.encode(content, level)
            assert coder.decode(message) == content
            assert len(message) <= len(content) + 1 + 4 * check


def test_a_message_does_not_depend_on_those_before() -> None:
    coder = MessageCoder(PRIOR)
    messages = [coder.encode(SOURCE[at : at + 200], Level.LIVE) for at in range(0, 2000, 200)]
    for at in (1800, 0, 600):
        assert coder.encode(SOURCE[at : at + 200], Level.LIVE) == messages[at // 200]
        assert coder.decode(messages[at // 200]) == SOURCE[at : at + 200]


def test_the_head_is_small_and_the_model_tells() -> None:
    content = SOURCE[2900:3156]
    message = encode_message(content, prior=PRIOR)
    assert decode_message(message, prior=PRIOR) == content
    assert len(message) - len(MessageCoder(PRIOR, check=False).encode(content)) == 4
    assert len(message) < 0.75 * len(encode_message(content))
    assert len(message) + 90 < len(encode(content, prior=PRIOR))


def test_records_are_found_in_messages() -> None:
    message = CODER.encode(RECORDS[:240], Level.LIVE)
    assert message[:2] == bytes([Level.LIVE | 4 | 8, 12])
    assert CODER.decode(message) == RECORDS[:240]


def test_another_model_is_found_out() -> None:
    message = CODER.encode(SOURCE[:500])
    for prior in (None, Prior.make(SOURCE[:3000], 3, {})):
        with pytest.raises(CorruptStream):
            decode_message(message, prior=prior)
    # Stored messages name no model either, and are checked all the same.
    with pytest.raises(CorruptStream, match="another model"):
        decode_message(CODER.encode(b"xyz"))


def test_every_change_of_a_byte_is_found() -> None:
    for content in (SOURCE[:300], random.Random(1).randbytes(30)):
        message = CODER.encode(content, Level.LIVE)
        for at in range(len(message)):
            damaged = bytearray(message)
            damaged[at] ^= 1 << at % 8
            try:
                # A message that says that it has no check is not one that was sent.
                assert not damaged[0] & 4
                CODER.decode(bytes(damaged))
            except (BadData, AssertionError):
                continue
            assert at == 0


def test_every_shorter_message_is_refused() -> None:
    message = CODER.encode(SOURCE[:300], Level.LIVE)
    for size in range(len(message)):
        with pytest.raises(CorruptStream):
            CODER.decode(message[:size])


@given(st.binary(max_size=60), st.sampled_from(range(16)))
def test_no_bytes_crash_a_decoder(data: bytes, flags: int) -> None:
    try:
        content = CODER.decode(bytes([flags]) + data, max_size=2000)
    except BadData:
        return
    assert len(content) <= 2000
    assert not flags & 4


def test_limits() -> None:
    message = CODER.encode(bytes(100_000), Level.LIVE)
    assert len(message) < 100
    with pytest.raises(LimitExceeded):
        CODER.decode(message, max_size=99_999)
    with pytest.raises(LimitExceeded):
        CODER.decode(bytes([Level.LIVE]) + b"\xff\xff\xff\xff\x0f" + bytes(10))
    with pytest.raises(WrongCall, match="stream"):
        CODER.encode(bytes(MOST_MESSAGE + 1))
    noise = random.Random(1).randbytes(MOST_MESSAGE)
    assert len(CODER.encode(noise, Level.LIVE)) == LONGEST_CODED


@pytest.mark.parametrize(
    "message", [b"", b"\x00", b"\x08\x00\x01a", b"\x00\x80\x00a", b"\x0b\x01a", b"\x07ab"]
)
def test_heads_that_no_encoder_writes_are_refused(message: bytes) -> None:
    with pytest.raises(CorruptStream):
        CODER.decode(message)


def test_a_newer_form_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedStream):
        CODER.decode(b"\x10\x00")
