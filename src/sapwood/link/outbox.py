"""All streams that go out: numbers, priorities, turns (docs/LINK.md, "Streams")."""

from sapwood.link.events import Event, Finished, WantedFrom
from sapwood.link.frames import Data, Done, End, Open, Result, Unreadable, Want
from sapwood.link.outgoing import OutgoingStream

__all__ = ["Outbox"]

_NUMBERS = 32
_OPENING = 3 + 3 + 16 + 8 + 4
"""Bytes of OPEN and its CRC without the name, at most."""


class Outbox:
    """Streams wait, then are open under a number; a finished one is forgotten."""

    def __init__(self) -> None:
        self._waiting: list[OutgoingStream] = []
        self._open: dict[int, OutgoingStream] = {}
        self._most = 0
        self._mtu: int | None = None
        self._turn = 0
        self._last_turn: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to send."""
        return not self._waiting and not self._open

    def add(self, stream: OutgoingStream) -> None:
        """Send this stream too."""
        self._waiting.append(stream)

    def begin(self, most: int, mtu: int) -> None:
        """A new session, with a peer that takes ``most`` streams at once: all are offered again."""
        self.suspend()
        self._most, self._mtu = most, mtu

    def refuse_unfit(self) -> list[Event]:
        """End the streams that this peer can never take."""
        refused: list[Event] = []
        if self._mtu is None:
            return refused
        for stream in tuple(self._waiting):
            reason = _unfit(stream, self._most, self._mtu)
            if reason:
                self._waiting.remove(stream)
                refused.append(_finish(stream, Result.REFUSED, reason))
        return refused

    def suspend(self) -> None:
        """The session ended: nothing is open."""
        self._mtu = None
        self._waiting = [*self._open.values(), *self._waiting]
        self._open.clear()
        for stream in self._waiting:
            stream.reopen(0)

    def next_opening(self) -> Open | None:
        """The next stream to be offered, the most urgent first, if the peer takes one more."""
        mtu = self._mtu
        if not self._waiting or mtu is None or len(self._open) >= min(self._most, _NUMBERS):
            return None
        fit = [stream for stream in self._waiting if not _unfit(stream, self._most, mtu)]
        if not fit:
            return None
        stream = min(fit, key=lambda stream: stream.opening.priority)
        self._waiting.remove(stream)
        number = next(number for number in range(_NUMBERS) if number not in self._open)
        self._open[number] = stream
        self._last_turn[number] = 0
        return stream.reopen(number)

    def next(self, size: int) -> Data | End | None:
        """The most urgent that is ready, in a frame of at most ``size`` bytes; equals take turns."""
        ready = [number for number, stream in self._open.items() if stream.is_ready()]
        if not ready:
            return None
        number = min(ready, key=lambda number: (self._open[number].opening.priority, self._last_turn[number]))
        self._turn += 1
        self._last_turn[number] = self._turn
        return self._open[number].next(size)

    def hear(self, message: Want | Done | Unreadable) -> list[Event]:
        """What the peer says about a stream; one that is not open is left out."""
        stream = self._open.get(message.stream)
        if stream is None:
            return []
        if isinstance(message, Want):
            return [WantedFrom(stream, stream.position)] if stream.wanted(message) else []
        del self._open[message.stream]
        if isinstance(message, Unreadable):
            return [_finish(stream, Result.FAILED, "the peer said something that nobody understands")]
        return [_finish(stream, message.result, message.text)]


def _unfit(stream: OutgoingStream, most: int, mtu: int) -> str | None:
    if not most:
        return "the peer takes no streams"
    if len(stream.opening.name.encode()) + _OPENING > mtu:
        return "the name is too long for a frame of this link"
    return None


def _finish(stream: OutgoingStream, result: int, text: str) -> Finished:
    stream.is_done = True
    return Finished(stream, result, text)
