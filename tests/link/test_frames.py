import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.link.frame_bytes import decode, encode
from sapwood.link.frames import (
    VERSION,
    Ack,
    Data,
    Done,
    End,
    Frame,
    Hello,
    Kind,
    MalformedFrame,
    Message,
    Numbered,
    Open,
    OtherVersion,
    Ping,
    Unreadable,
    Want,
)
from sapwood.link.framing import CRC_SIZE, Deframer, check, frame_size, seal, seed_of
from sapwood.link.varint import MOST
from tests.golden.make_link_frames import FILE, cases

U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
VARINT = st.integers(0, MOST)
BYTE = st.integers(0, 255)
STREAM = st.integers(0, 31)
DIGEST = st.binary(min_size=16, max_size=16)

HELLOS = st.builds(
    Hello,
    nonce=st.integers(1, 0xFFFFFFFF),
    peer_nonce=U32,
    mtu=st.integers(64, 4096),
    window=st.integers(1, 32),
    streams=st.integers(0, 32),
    keep_alive=U16,
    answer_wanted=st.booleans(),
    models=st.lists(DIGEST, max_size=2).map(tuple),
)
OPENS = st.builds(
    Open,
    stream=STREAM,
    type=BYTE,
    coding=BYTE,
    priority=BYTE,
    identity=DIGEST,
    length=st.none() | st.integers(0, MOST - 1),
    name=st.text(max_size=20),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    OPENS,
    st.tuples(STREAM, VARINT, VARINT).map(lambda of: Want(of[0], min(of[1:]), max(of[1:]))),
    st.builds(Data, STREAM, VARINT, st.binary(min_size=1, max_size=600)),
    st.builds(End, STREAM, VARINT, st.binary(min_size=32, max_size=32)) | STREAM.map(End),
    st.builds(Done, STREAM, VARINT, st.text(max_size=20)),
)
FRAMES: st.SearchStrategy[Frame] = st.one_of(
    HELLOS, st.builds(Numbered, U16, MESSAGES), st.builds(Ack, U16, U16, U32), st.just(Ping())
)


@given(FRAMES)
def test_a_frame_comes_back(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(st.binary(max_size=80))
def test_any_body_is_a_frame_or_refused(body: bytes) -> None:
    try:
        frame = decode(body)
    except MalformedFrame:
        return
    if isinstance(frame, Numbered):
        assert frame.sequence == int.from_bytes(body[1:3], "little")
        assert frame.message.stream == body[0] >> 3


@given(FRAMES, st.integers(0, 70))
def test_a_frame_cut_short_is_shorter_or_refused(frame: Frame, count: int) -> None:
    body = encode(frame)[:count]
    try:
        read = decode(body)
    except MalformedFrame:
        return
    assert read == frame or len(encode(frame)) > len(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("01 0000", Kind.OPEN),
        ("01 0000 00 00 00 00000000000000000000000000000000 00 ff", Kind.OPEN),
        ("02 0000 05 04", Kind.WANT),
        ("02 0000 05 06 00", Kind.WANT),
        ("02 0000 ffffffffffffffffff01 00", Kind.WANT),
        ("03 0000 00", Kind.DATA),
        ("03 0000 80", Kind.DATA),
        ("04 0000 00", Kind.END),
        ("05 0000", Kind.DONE),
        ("05 0000 01 ff", Kind.DONE),
    ],
)
def test_what_has_a_sequence_can_be_acknowledged_though_it_says_nothing(body: str, kind: Kind) -> None:
    assert decode(bytes.fromhex(body)) == Numbered(0, Unreadable(0, kind))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": 0},
        {"mtu": 63},
        {"mtu": 4097},
        {"window": 0},
        {"window": 33},
        {"streams": 33},
        {"models": (bytes(16),) * 3},
        {"models": (bytes(15),)},
    ],
)
def test_a_hello_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    fine = Hello(1, 0, 256, 8, 1, 100)
    with pytest.raises(MalformedFrame):
        decode(encode(fine._replace(**change)))


def test_a_hello_of_another_version_says_which() -> None:
    body = bytearray(encode(Hello(1, 0, 256, 8, 1, 100)))
    body[3] = VERSION + 1
    with pytest.raises(OtherVersion) as caught:
        decode(bytes(body))
    assert caught.value.version == VERSION + 1


@pytest.mark.parametrize("number", [-1, MOST + 1])
def test_numbers_that_do_not_fit_are_the_callers_mistake(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode(Numbered(0, Want(0, number, number)))
    with pytest.raises(ValueError, match="no such stream"):
        encode(Numbered(0, Want(32, 0, 0)))


def test_golden_frames_are_those_of_the_code() -> None:
    golden = json.loads(FILE.read_text())
    assert golden == json.loads(json.dumps(cases()))
    assert {case["kind"] for case in golden} == set(Kind)


def test_golden_frames_decode_from_the_line() -> None:
    for case in json.loads(FILE.read_text()):
        deframer = Deframer(4096)
        (frame,) = deframer.feed(b"noise\0" + bytes.fromhex(case["framed"]))
        body = check(frame, seed_of(*case["nonces"]) if case["nonces"] else 0)
        assert body is not None
        assert body.hex() == case["body"]
        assert encode(decode(body)) == body


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8), U32, st.data())
def test_frames_come_through_in_any_pieces(bodies: list[bytes], seed: int, data: st.DataObject) -> None:
    line = b"\0" + b"".join(seal(body, seed) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(line)), max_size=5)))
    deframer = Deframer(304)
    came = []
    for start, stop in zip([0, *cuts], [*cuts, len(line)], strict=True):
        came += [check(frame, seed) for frame in deframer.feed(line[start:stop])]
    assert came == bodies
    assert deframer.damaged == 0


@given(st.binary(max_size=3000), st.integers(64, 300))
def test_noise_is_never_held_beyond_the_longest_frame(noise: bytes, longest: int) -> None:
    deframer = Deframer(longest)
    for start in range(0, len(noise), 100):
        for frame in deframer.feed(noise[start : start + 100]):
            assert CRC_SIZE < len(frame) <= longest
        assert len(deframer._held) <= frame_size(longest)


@given(st.binary(min_size=1, max_size=4092))
def test_the_promised_size_holds(body: bytes) -> None:
    framed = seal(body, 7)
    assert len(framed) <= frame_size(len(body) + CRC_SIZE)
    assert framed.index(0) == len(framed) - 1


def test_a_frame_of_the_longest_size_passes_and_one_more_byte_does_not() -> None:
    for body in (bytes([1]) * 60, bytes(60), bytes([1]) * 300):
        limit = len(body) + CRC_SIZE
        assert len(list(Deframer(limit).feed(b"\0" + seal(body, 0)))) == 1
        short = Deframer(limit - 1)
        assert list(short.feed(b"\0" + seal(body, 0))) == []
        assert short.damaged == 1


def test_each_direction_and_each_session_has_a_crc_of_its_own() -> None:
    (frame,) = Deframer(64).feed(b"\0" + seal(b"body", seed_of(1, 2)))
    assert check(frame, seed_of(1, 2)) == b"body"
    assert check(frame, seed_of(2, 1)) is None
    assert check(frame, seed_of(1, 3)) is None


@given(st.binary(min_size=1, max_size=60), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_is_noticed(body: bytes, at: int, bit: int) -> None:
    framed = bytearray(seal(body, 5))
    framed[at % len(framed)] ^= 1 << bit
    for frame in Deframer(64).feed(b"\0" + framed + b"\0"):
        assert check(frame, 5) is None
