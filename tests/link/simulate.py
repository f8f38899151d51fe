"""Two ends of a link on a simulated line in virtual time, with every fault a line can have."""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from sapwood.link.connection import Connection
from sapwood.link.events import Event, Failed, Finished, Offered, Received, SessionEnded, WantedFrom, Whole
from sapwood.link.frames import Open, StreamType
from sapwood.link.incoming import IncomingStream
from sapwood.link.outgoing import OutgoingStream
from sapwood.link.settings import Settings

__all__ = ["End", "Faults", "Line", "World", "identity_of"]


@dataclass(frozen=True)
class Faults:
    """What a line does to bytes. Rates are for each bit, or for each piece of some dozens of bytes."""

    flip: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    truncate: float = 0.0
    burst: float = 0.0
    """A piece, all garbled."""
    stall: float = 0.0
    """A piece before which nothing moves for up to two seconds."""
    cut: float = 0.0
    """A piece from which on nothing comes through for up to ten seconds."""
    lead: int = 0
    """Bytes of noise before the first piece."""


CLEAN = Faults()


class Line:
    """One direction: so many bytes a second, so late, with faults."""

    def __init__(self, rng: random.Random, rate: float, latency: float, faults: Faults) -> None:
        self.rng, self.rate, self.latency, self.faults = rng, rate, latency, faults
        self.free_at = 0.0
        self.dead_until = 0.0
        self.carried = 0
        self.lead = rng.randbytes(faults.lead)

    def carry(self, now: float, data: bytes) -> list[tuple[float, bytes]]:
        """When which bytes arrive."""
        if self.lead:
            data, self.lead = self.lead + data, b""
        arrivals = []
        at = max(now, self.free_at)
        while data:
            count = self.rng.randint(1, 512)
            piece, data = data[:count], data[count:]
            if self.rng.random() < self.faults.stall:
                at += self.rng.uniform(0, 2)
            at += len(piece) / self.rate
            self.carried += len(piece)
            arrivals += self._pass(at, piece)
        self.free_at = at
        return arrivals

    def _pass(self, at: float, piece: bytes) -> list[tuple[float, bytes]]:
        rng, faults = self.rng, self.faults
        if rng.random() < faults.cut:
            self.dead_until = at + rng.uniform(0, 10)
        if at < self.dead_until or rng.random() < faults.drop:
            return []
        if rng.random() < faults.truncate:
            piece = piece[: rng.randrange(len(piece))]
        if rng.random() < faults.burst:
            piece = rng.randbytes(len(piece))
        piece = flipped(rng, piece, faults.flip)
        when = at + self.latency
        if rng.random() < faults.reorder:
            when += rng.uniform(0, 0.05)
        return [(when, piece)] * (2 if rng.random() < faults.duplicate else 1)


def flipped(rng: random.Random, piece: bytes, rate: float) -> bytes:
    if not rate:
        return piece
    out = bytearray(piece)
    at = -1
    while (at := at + 1 + int(rng.expovariate(rate))) < 8 * len(out):
        out[at // 8] ^= 1 << at % 8
    return bytes(out)


def identity_of(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:16]


@dataclass
class End:
    """What a user of a connection is: things to send, and what came, kept over restarts as on a disk."""

    settings: Settings
    rng: random.Random
    outgoing: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    """Content and priority by name."""
    kept: dict[bytes, bytearray] = field(default_factory=dict)
    whole: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    """Results by name."""
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    seen: list[Event] = field(default_factory=list)
    sessions_ended: int = 0
    keeps: bool = True
    """Whether what came before a restart is kept."""
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.connection = Connection(self.settings, new_nonce=lambda: self.rng.getrandbits(32))
        self._feeding: dict[str, tuple[OutgoingStream, int]] = {}
        for name, (content, priority) in self.outgoing.items():
            if name not in self.sent:
                self.offer(name, content, priority)

    def restart(self) -> None:
        if not self.keeps:
            self.kept.clear()
        self.start()

    def offer(self, name: str, content: bytes, priority: int = 0) -> None:
        self.outgoing[name] = (content, priority)
        opening = Open(0, StreamType.FILE, 0, priority, identity_of(content), len(content), name)
        self.connection.send(opening)

    def handle(self, events: list[Event]) -> None:
        self.seen += (event for event in events if not isinstance(event, Received))
        for event in events:
            match event:
                case Offered(stream):
                    self._offered(stream)
                case Received(stream, offset, content):
                    kept = self.kept[stream.opening.identity]
                    assert len(kept) == offset
                    kept += content
                    stream.taken(len(content))
                case Whole(stream):
                    self.whole[stream.opening.name] = bytes(self.kept[stream.opening.identity])
                    stream.done()
                case Failed(stream, result, text):
                    self.failures.append((stream.opening.name, result, text))
                    self.kept.pop(stream.opening.identity, None)
                case WantedFrom(out, offset) if out.opening.name in self.outgoing:
                    self._feeding[out.opening.name] = (out, offset)
                case Finished(out, result, _):
                    self._feeding.pop(out.opening.name, None)
                    self.sent[out.opening.name] = result
                case SessionEnded():
                    self._feeding.clear()
                    self.sessions_ended += 1
                case _:
                    pass

    def feed(self) -> None:
        for name, (out, offset) in list(self._feeding.items()):
            content = self.outgoing[name][0]
            count = min(out.room, len(content) - offset)
            if count:
                out.write(content[offset : offset + count])
            if offset + count == len(content):
                out.end(hashlib.sha256(content).digest())
                del self._feeding[name]
            else:
                self._feeding[name] = (out, offset + count)

    def _offered(self, stream: IncomingStream) -> None:
        if self.whole.get(stream.opening.name) is not None:
            stream.done()
            return
        kept = self.kept.setdefault(stream.opening.identity, bytearray())
        stream.accept(len(kept), hashlib.sha256(kept))


class World:
    """Two ends, two lines, one clock."""

    def __init__(
        self,
        seed: int,
        *,
        faults: Faults = CLEAN,
        rate: float = 300_000.0,
        latency: float = 0.001,
        settings: Settings | None = None,
        buffer: float = 0.02,
    ) -> None:
        self.rng = random.Random(seed)
        self.now = 0.0
        settings = settings or Settings()
        self.ends = [End(settings, random.Random(self.rng.random())) for _ in range(2)]
        self.lines = [Line(random.Random(self.rng.random()), rate, latency, faults) for _ in range(2)]
        self._buffer = buffer
        self._arriving: list[tuple[float, int, int, bytes]] = []
        self._count = itertools.count()

    def choose(self, end: int, settings: Settings) -> None:
        """Give one end other settings, before it said anything."""
        self.ends[end].settings = settings
        self.ends[end].start()

    def run(self, until: Callable[[], bool], *, seconds: float = 3600.0) -> bool:
        """Go on until it is so; False if that takes too long."""
        limit = self.now + seconds
        idle = 0
        while not until():
            self._speak()
            before = self.now
            self.now = max(self.now, self._next_time())
            # Nothing may be due again and again without time passing: a driver would spin.
            idle = idle + 1 if self.now == before else 0
            assert idle < 10_000, "the deadline never comes"
            if self.now > limit:
                return False
            while self._arriving and self._arriving[0][0] <= self.now:
                _, _, to, data = heapq.heappop(self._arriving)
                self.ends[to].handle(self.ends[to].connection.receive_bytes(self.now, data))
            for end in self.ends:
                end.handle(end.connection.tick(self.now))
        return True

    def _speak(self) -> None:
        for i, (end, line) in enumerate(zip(self.ends, self.lines, strict=True)):
            while line.free_at - self._buffer <= self.now:
                end.feed()
                data = end.connection.data_to_send(self.now, 256)
                if not data:
                    break
                for when, piece in line.carry(self.now, data):
                    heapq.heappush(self._arriving, (when, next(self._count), 1 - i, piece))

    def _next_time(self) -> float:
        times = [line.free_at - self._buffer for line in self.lines if line.free_at - self._buffer > self.now]
        for end, line in zip(self.ends, self.lines, strict=True):
            can_write = line.free_at - self._buffer <= self.now
            deadline = end.connection.deadline(can_write=can_write)
            if deadline is not None:
                times.append(deadline)
        if self._arriving:
            times.append(self._arriving[0][0])
        return min(times)
