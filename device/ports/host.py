"""The host's end of a device's line, for tests and demos: it offers streams and takes what comes."""

import dataclasses
import hashlib
import os
import select
import time
from collections.abc import Callable
from typing import Final

from sapwood.link.connection import Connection
from sapwood.link.events import Event, Finished, Offered, Received, SessionBegan, WantedFrom, Whole
from sapwood.link.frames import Open, StreamType
from sapwood.link.outgoing import OutgoingStream
from sapwood.link.settings import Settings

__all__ = ["Host", "NoAnswer", "Offer"]

_PATIENCE: Final = 120
"""Seconds after which a device that does not do what is waited for is taken for dead."""
_PIECE: Final = 1 << 12


class NoAnswer(Exception):
    """The device does not do what is waited for."""


@dataclasses.dataclass
class Offer:
    """A stream for the device.

    Attributes:
        wanted: The offsets from which the device wanted it, in turn.
        sent: Bytes that were sent, again and again if so wanted.
        session: The number of the session in which it ended.
        result: How it ended, as in docs/LINK.md; None before that.
        text: What the device says about that.
    """

    stream: OutgoingStream
    content: bytes
    wanted: list[int] = dataclasses.field(default_factory=list)
    written: int = 0
    earlier: int = 0
    sent: int = 0
    session: int = 0
    result: int | None = None
    text: str = ""

    def go_on(self, offset: int) -> None:
        """Write from there on."""
        self.earlier = self.sent
        self.wanted.append(offset)
        self.written = offset

    def write(self) -> None:
        """As much as there is room for."""
        if self.wanted:
            self.sent = self.earlier + self.stream.position - self.wanted[-1]
        piece = self.content[self.written : self.written + self.stream.room]
        if self.stream.is_wanted and self.wanted and piece:
            self.stream.write(piece)
            self.written += len(piece)
            if self.written == len(self.content):
                self.stream.end(hashlib.sha256(self.content).digest())


class Host:
    """One end of the link, kept while devices come and go at the other end of the line.

    Args:
        line_rate: Bytes a second that the line carries; None for a pipe.

    Attributes:
        starts: What the device said of itself, at each of its starts.
        sessions: How many there were.
        facts_session: The number of the one in which the device said its facts.
        files: What it sent, by name.
        garble: What the line does to bytes, either way.
    """

    def __init__(self, line_rate: float | None = None) -> None:
        self.starts: list[dict[str, str]] = []
        self.sessions = 0
        self.facts_session = 0
        self.files: dict[str, bytes] = {}
        self.garble: Callable[[bytes], bytes] = lambda data: data
        self._connection = Connection(Settings(keep_alive=0.5, line_rate=line_rate))
        self._offers: list[Offer] = []
        self._coming: dict[int, bytearray] = {}
        self._from_device = self._to_device = -1
        self._waiting = b""

    def connect(self, from_device: int, to_device: int) -> None:
        """A line: descriptors, which are not closed here."""
        os.set_blocking(from_device, False)
        os.set_blocking(to_device, False)
        self._from_device, self._to_device, self._waiting = from_device, to_device, b""

    def offer(self, kind: StreamType, content: bytes, name: str = "") -> Offer:
        """Offer a stream."""
        identity = hashlib.sha256(content).digest()[:16]
        opening = Open(0, kind, 0, 0, identity, len(content), name)
        offer = Offer(self._connection.send(opening), content)
        self._offers.append(offer)
        return offer

    def run_until(self, happened: Callable[[], object], patience: float = _PATIENCE) -> None:
        """Let both ends work until that is so."""
        end = time.monotonic() + patience
        while not happened():
            if time.monotonic() > end:
                raise NoAnswer(f"no answer in {patience} seconds; last facts: {self.starts[-1:]}")
            self.turn()

    def give(self, kind: StreamType, content: bytes, name: str = "") -> Offer:
        """Offer a stream, and wait until the device has ended it."""
        offer = self.offer(kind, content, name)
        self.run_until(lambda: offer.result is not None)
        return offer

    def started_after(self, session: int) -> dict[str, str]:
        """Wait until the device has said in a later session what it has."""
        self.run_until(lambda: self.facts_session > session)
        return self.starts[-1]

    def read_model(self) -> bytes:
        """The model, byte by byte out of the flash."""
        self.files.pop("model", None)
        offer = self.give(StreamType.BYTES, b"model")
        if offer.result != 0:
            raise NoAnswer(f"the device sends no model: {offer.text}")
        self.run_until(lambda: "model" in self.files)
        return self.files["model"]

    def turn(self) -> None:
        """Let time pass, a little."""
        connection, now = self._connection, time.monotonic()
        self._waiting += self.garble(connection.data_to_send(now, _PIECE)) if not self._waiting else b""
        try:
            if self._waiting:
                self._waiting = self._waiting[os.write(self._to_device, self._waiting) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._waiting = b""
        ready, _, _ = select.select([self._from_device], [], [], 0.002)
        try:
            data = os.read(self._from_device, _PIECE) if ready else b""
        except OSError:  # the other end of a terminal is gone
            data = b""
        now = time.monotonic()
        events = connection.receive_bytes(now, self.garble(data)) if data else []
        for event in (*events, *connection.tick(now)):
            self._hear(event)
        for offer in self._offers:
            offer.write()

    def _hear(self, event: Event) -> None:
        match event:
            case WantedFrom(stream, offset):
                self._of(stream).go_on(offset)
            case Finished(stream, result, text):
                offer = self._of(stream)
                offer.result, offer.text, offer.session = result, text, self.sessions
                self._offers.remove(offer)
            case SessionBegan():
                self.sessions += 1
            case Offered(incoming):
                self._coming[id(incoming)] = bytearray()
                incoming.accept()
            case Received(incoming, _, content):
                self._coming[id(incoming)] += content
                incoming.taken(len(content))
            case Whole(incoming):
                content = bytes(self._coming.pop(id(incoming)))
                incoming.done()
                self._take(incoming.opening, content)
            case _:
                pass

    def _of(self, stream: OutgoingStream) -> Offer:
        return next(offer for offer in self._offers if offer.stream is stream)

    def _take(self, opening: Open, content: bytes) -> None:
        if opening.type == StreamType.TELEMETRY:
            lines = content.decode("ascii").splitlines()
            self.starts.append({name: value for name, _, value in (line.partition(" ") for line in lines)})
            self.facts_session = self.sessions
        else:
            self.files[opening.name] = content
