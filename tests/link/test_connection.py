"""Two connections over simulated lines, in virtual time."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sapwood.link.connection import Connection
from sapwood.link.events import (
    Event,
    Failed,
    Finished,
    Offered,
    OtherVersionHeard,
    PeerBack,
    PeerLost,
    SessionBegan,
)
from sapwood.link.frame_bytes import encode
from sapwood.link.frames import Ack, Data, Done, End, Frame, Hello, Numbered, Open, Ping, Result, Want
from sapwood.link.framing import seal, seed_of
from sapwood.link.settings import Settings
from tests.link.simulate import Faults, World
from tests.link.test_frames import FRAMES, MESSAGES

FAULTS = st.builds(
    Faults,
    flip=st.sampled_from([0, 1e-6, 1e-5, 1e-4, 1e-3]),
    drop=st.sampled_from([0, 0.01, 0.1]),
    duplicate=st.sampled_from([0, 0.01, 0.3]),
    reorder=st.sampled_from([0, 0.01, 0.3]),
    truncate=st.sampled_from([0, 0.01, 0.1]),
    burst=st.sampled_from([0, 0.01, 0.1]),
    stall=st.sampled_from([0, 0.01]),
    cut=st.sampled_from([0, 0.003]),
    lead=st.sampled_from([0, 1, 1000]),
)
LIMITS = st.builds(
    Settings,
    mtu=st.sampled_from([64, 256, 1024, 4096]),
    window=st.sampled_from([1, 2, 7, 32]),
    streams=st.sampled_from([1, 8]),
    keep_alive=st.sampled_from([0, 0.2, 1.0]),
    line_rate=st.sampled_from([None, 50_000.0]),
)


def content(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def settled(world: World) -> bool:
    return all(set(end.outgoing) <= set(end.sent) for end in world.ends)


def check_exact(world: World) -> None:
    for end, other in (world.ends, world.ends[::-1]):
        for name, result in end.sent.items():
            assert result != Result.WHOLE or other.whole[name] == end.outgoing[name][0]


@pytest.mark.parametrize("size", [0, 1, 255, 100_000])
def test_a_stream_comes_whole(size: int) -> None:
    world = World(1)
    world.ends[0].offer("a", content(2, size))
    assert world.run(lambda: settled(world), seconds=10)
    assert world.ends[0].sent == {"a": 0}
    assert world.ends[1].whole == {"a": content(2, size)}
    assert world.run(lambda: all(end.connection.is_settled for end in world.ends), seconds=1)


def test_both_ways_at_once() -> None:
    world = World(1)
    for i, end in enumerate(world.ends):
        for j in range(5):
            end.offer(f"{i}-{j}", content(10 * i + j, 20_000))
    assert world.run(lambda: settled(world), seconds=10)
    check_exact(world)
    assert {**world.ends[0].sent, **world.ends[1].sent} == {f"{i}-{j}": 0 for i in (0, 1) for j in range(5)}


def test_the_urgent_goes_first_and_equals_take_turns() -> None:
    world = World(1, rate=50_000)
    for i, (name, priority) in enumerate([("slow", 5), ("even", 3), ("odd", 3), ("quick", 0)]):
        world.ends[0].offer(name, content(i, 60_000), priority)
    assert world.run(lambda: settled(world), seconds=60)
    order = list(world.ends[0].sent)
    assert order[0] == "quick"
    assert order[3] == "slow"
    assert set(order[1:3]) == {"even", "odd"}


def test_telemetry_passes_beside_a_patch() -> None:
    world = World(1, rate=11_520, settings=Settings(line_rate=11_520))
    world.ends[0].offer("patch", content(1, 100_000), 5)
    world.run(lambda: world.now > 3, seconds=5)
    world.ends[0].offer("telemetry", content(2, 100), 0)
    start = world.now
    assert world.run(lambda: "telemetry" in world.ends[0].sent, seconds=10)
    assert world.now - start < 1
    assert "patch" not in world.ends[0].sent


def test_a_peer_that_takes_one_stream_gets_one_after_the_other() -> None:
    world = World(1)
    world.choose(1, Settings(streams=1, window=1, mtu=64))
    for j in range(3):
        world.ends[0].offer(str(j), content(j, 3000))
    assert world.run(lambda: settled(world), seconds=20)
    assert list(world.ends[0].sent.values()) == [0, 0, 0]
    check_exact(world)


@pytest.mark.parametrize(
    ("limits", "name", "text"),
    [(Settings(streams=0), "a", "no streams"), (Settings(mtu=64), "a" * 60, "too long for a frame")],
)
def test_what_the_peer_cannot_take_is_told(limits: Settings, name: str, text: str) -> None:
    world = World(1)
    world.choose(1, limits)
    world.ends[0].offer(name, b"x")
    assert world.run(lambda: settled(world), seconds=5)
    (finished,) = (event for event in world.ends[0].seen if isinstance(event, Finished))
    assert finished.result == Result.REFUSED
    assert text in finished.text


def test_what_is_offered_later_and_does_not_fit_is_told_too() -> None:
    world = World(1)
    world.choose(1, Settings(streams=0))
    assert world.run(lambda: world.ends[0].connection.stands, seconds=5)
    world.ends[0].offer("a", b"x")
    assert world.run(lambda: settled(world), seconds=5)
    assert world.ends[0].sent == {"a": Result.REFUSED}
    world.ends[0].offer("b" * 2000, b"y")
    assert world.run(lambda: settled(world), seconds=5)
    assert world.lines[0].carried < 1000


def test_goodput_is_near_what_the_line_carries() -> None:
    world = World(1, rate=11_520, settings=Settings(line_rate=11_520))
    world.ends[0].offer("a", content(1, 100_000))
    assert world.run(lambda: settled(world), seconds=20)
    assert 100_000 / world.now > 0.95 * 11_520
    assert world.ends[0].connection.counts.frames_sent_again == 0


@settings(max_examples=15)
@given(st.integers(0), FAULTS, LIMITS, LIMITS)
def test_any_faults_leave_it_exact(seed: int, faults: Faults, mine: Settings, theirs: Settings) -> None:
    world = World(seed, faults=faults, rate=50_000)
    for i, chosen in enumerate((mine, theirs)):
        world.choose(i, chosen)
        world.ends[i].offer(f"of {i}", content(i, 8_000))
        world.ends[i].offer(f"also of {i}", content(i + 2, 2_000))
    assert world.run(lambda: settled(world), seconds=3600), "it hangs"
    check_exact(world)
    # Failing is allowed where a damaged frame has a right CRC, once in four thousand million.
    assert all(not result for end in world.ends for result in end.sent.values())


@settings(max_examples=12)
@given(st.integers(0), FAULTS, st.booleans())
def test_ends_that_die_again_and_again_go_on(seed: int, faults: Faults, keeps: bool) -> None:
    world = World(seed, faults=faults, rate=50_000)
    rng = random.Random(seed)
    for i, end in enumerate(world.ends):
        end.keeps = keeps
        end.offer(f"of {i}", content(i, 10_000))
    for _ in range(6):
        pause = world.now + rng.uniform(0, 1)
        world.run(lambda pause=pause: settled(world) or world.now >= pause)  # type: ignore[misc]
        rng.choice(world.ends).restart()
    assert world.run(lambda: settled(world), seconds=3600), "it hangs"
    check_exact(world)
    assert all(not result for end in world.ends for result in end.sent.values())


def test_a_restarted_receiver_gets_only_what_it_lacks() -> None:
    world = World(1)
    world.ends[0].offer("a", content(1, 200_000))
    world.run(lambda: sum(map(len, world.ends[1].kept.values())) > 120_000)
    before = world.lines[0].carried
    world.ends[1].restart()
    assert world.run(lambda: settled(world), seconds=10)
    check_exact(world)
    assert world.lines[0].carried - before < 200_000 - 120_000 + 60_000


def test_a_restarted_sender_goes_on_where_it_was() -> None:
    world = World(1)
    world.ends[0].offer("a", content(1, 200_000))
    world.run(lambda: sum(map(len, world.ends[1].kept.values())) > 120_000)
    before = world.lines[0].carried
    world.ends[0].restart()
    assert world.run(lambda: settled(world), seconds=10)
    check_exact(world)
    assert world.lines[0].carried - before < 200_000 - 120_000 + 10_000


def test_other_bytes_under_the_same_identity_are_found_out() -> None:
    world = World(1)
    world.ends[0].offer("a", content(1, 200_000))
    world.run(lambda: sum(map(len, world.ends[1].kept.values())) > 100_000)
    (kept,) = world.ends[1].kept.values()
    kept[50] ^= 1
    world.ends[1].restart()
    assert world.run(lambda: settled(world), seconds=10)
    assert world.ends[0].sent == {"a": Result.WRONG_DIGEST}
    assert world.ends[1].whole == {}


def test_a_silent_line_is_noticed_and_the_session_goes_on_after() -> None:
    world = World(1)
    world.ends[0].offer("a", content(1, 400_000))
    world.run(lambda: sum(map(len, world.ends[1].kept.values())) > 100_000)
    seen = world.ends[0].seen
    for line in world.lines:
        line.dead_until = world.now + 60
    world.run(lambda: any(isinstance(event, PeerLost) for event in seen), seconds=5)
    assert world.run(lambda: settled(world), seconds=65)
    assert any(isinstance(event, PeerBack) for event in seen)
    assert world.ends[0].sessions_ended == 0
    check_exact(world)


def test_a_line_that_echoes_is_told_and_nothing_of_it_taken() -> None:
    end = Connection(Settings(), new_nonce=lambda: 7)
    end.send(Open(0, 0, 0, 0, bytes(16), None, ""))
    events = []
    now = 0.0
    for _ in range(100):
        events += end.receive_bytes(now, end.data_to_send(now))
        now = end.deadline() or now
        events += end.tick(now)
    assert events == []
    assert end.echoes > 3
    assert not end.stands


def two_connected() -> tuple[Connection, Connection]:
    """Two that know each other; the second has the nonce 2."""
    ends = [Connection(Settings(), new_nonce=iter(range(i + 1, 100, 10)).__next__) for i in range(2)]
    for _ in range(3):
        for one, other in (ends, ends[::-1]):
            other.receive_bytes(0.0, one.data_to_send(0.0))
    assert all(end.stands for end in ends)
    return ends[0], ends[1]


@given(st.lists(FRAMES | st.builds(Numbered, st.integers(0, 40), MESSAGES), max_size=40))
def test_no_frame_of_a_mad_peer_harms(frames: list[Frame]) -> None:
    end, _ = two_connected()
    stream = end.send(Open(0, 0, 0, 0, bytes(16), None, "mine"))
    seed = seed_of(2, 1)
    for i, frame in enumerate(frames):
        greets = isinstance(frame, Hello)
        sealed = b"\0" + seal(encode(frame), 0 if greets else seed)
        for event in end.receive_bytes(i / 10, sealed):
            if isinstance(event, Offered):
                event.stream.accept(credit=1000)
        if stream.room:
            stream.write(b"some")
        end.tick(i / 10)
        assert len(end.data_to_send(i / 10)) < 100_000


def said(end: Connection, now: float, *frames: Frame) -> list[Event]:
    events = []
    for frame in frames:
        events += end.receive_bytes(now, b"\0" + seal(encode(frame), seed_of(2, 1)))
    return events


def test_more_than_was_wanted_ends_the_stream() -> None:
    end, _ = two_connected()
    (offered,) = said(end, 0.0, Numbered(0, Open(3, 0, 0, 0, bytes(16), None, "")))
    assert isinstance(offered, Offered)
    offered.stream.accept(credit=10)
    end.data_to_send(0.0)
    (failed,) = said(end, 0.0, Numbered(1, Data(3, 0, bytes(11))))
    assert isinstance(failed, Failed)
    assert failed.result == Result.FAILED


def test_a_wrong_digest_is_never_whole() -> None:
    end, _ = two_connected()
    (offered,) = said(end, 0.0, Numbered(0, Open(3, 0, 0, 0, bytes(16), None, "")))
    assert isinstance(offered, Offered)
    offered.stream.accept()
    end.data_to_send(0.0)
    for length, digest in ((3, bytes(32)), (2, hashlib.sha256(b"abc").digest())):
        *_, failed = said(end, 0.0, Numbered(1, Data(3, 0, b"abc")), Numbered(2, End(3, length, digest)))
        assert isinstance(failed, Failed)
        assert failed.result == Result.WRONG_DIGEST
        end, _ = two_connected()
        (offered,) = said(end, 0.0, Numbered(0, Open(3, 0, 0, 0, bytes(16), None, "")))
        assert isinstance(offered, Offered)
        offered.stream.accept()
        end.data_to_send(0.0)


def test_an_old_hello_costs_a_session_and_no_byte() -> None:
    world = World(1)
    world.ends[0].offer("a", content(1, 300_000))
    world.run(lambda: sum(map(len, world.ends[1].kept.values())) > 100_000)
    old = b"\0" + seal(encode(Hello(999, 0, 256, 8, 8, 100)), 0)
    world.ends[1].handle(world.ends[1].connection.receive_bytes(world.now, old))
    assert world.ends[1].sessions_ended == 1
    assert world.run(lambda: settled(world), seconds=10)
    check_exact(world)
    assert world.ends[0].connection.counts.sessions == 2


def test_a_seek_back_and_ahead_is_followed() -> None:
    end, _ = two_connected()
    stream = end.send(Open(0, 0, 0, 0, bytes(16), 100, ""))
    end.data_to_send(0.0)
    assert said(end, 0.0, Numbered(0, Want(0, 0, 10))) != []
    stream.write(bytes(range(50)))
    end.data_to_send(0.0)
    assert stream.position == 10
    assert said(end, 0.0, Numbered(1, Want(0, 10, 20))) == [], "credit is no seek"
    end.data_to_send(0.0)
    assert stream.position == 20
    (event,) = said(end, 0.0, Numbered(2, Want(0, 5, 8)))
    assert stream.position == 5
    assert event.offset == 5  # type: ignore[union-attr]
    stream.write(bytes(range(5, 100)))
    stream.end(hashlib.sha256(bytes(range(100))).digest())
    end.data_to_send(0.0)
    assert stream.position == 8
    said(end, 0.0, Numbered(3, Want(0, 8, 100)))
    end.data_to_send(0.0)
    assert stream.position == 100
    assert said(end, 0.0, Numbered(4, Done(0, 64 + 3, "no"))) == [Finished(stream, 67, "no")]


def test_a_broken_off_stream_is_told() -> None:
    world = World(1)
    stream = world.ends[0].connection.send(Open(0, 0, 0, 0, bytes(16), None, "a"))
    world.run(lambda: stream.is_wanted, seconds=1)
    stream.write(b"some")
    stream.break_off()
    assert world.run(lambda: bool(world.ends[1].failures), seconds=1)
    assert world.ends[1].failures == [("a", Result.BROKE_OFF, "")]
    assert world.run(lambda: world.ends[0].sent == {"a": Result.BROKE_OFF}, seconds=1)


def test_another_version_is_told() -> None:
    end = Connection(Settings())
    body = bytearray(encode(Hello(5, 0, 256, 1, 1, 0)))
    body[3] = 9
    assert end.receive_bytes(0.0, b"\0" + seal(bytes(body), 0)) == [OtherVersionHeard(9)]


def test_a_silent_peer_gets_signs_of_life() -> None:
    one, other = two_connected()
    other.data_to_send(0.0)
    assert one.data_to_send(0.99) == b""
    ping = one.data_to_send(1.0)
    assert ping == seal(encode(Ping()), seed_of(1, 2))
    assert other.receive_bytes(1.0, ping) == []
    assert other.data_to_send(1.0) == seal(encode(Ack(0, 65535, 0)), seed_of(2, 1))


def test_a_frame_that_never_comes_across_ends_the_session() -> None:
    one, other = two_connected()
    one.send(Open(0, 0, 0, 0, bytes(16), None, "a"))
    now, ended = 0.0, False
    for _ in range(1000):
        one.data_to_send(now)
        # The peer is heard, but takes nothing.
        other.tick(now)
        one.receive_bytes(now, other.data_to_send(now))
        now = min(one.deadline() or now, other.deadline() or now)
        if any(not isinstance(event, SessionBegan) for event in one.tick(now)):
            ended = True
            break
    assert ended
    assert one.counts.frames_sent_again == 16
    assert not one.stands
