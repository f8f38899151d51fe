"""Sends numbered frames until each is acknowledged (docs/LINK.md, "Reliable frames"). Times in seconds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sapwood.link.frame_bytes import encode
from sapwood.link.frame_length import FrameLength
from sapwood.link.frames import Ack, Message, Numbered
from sapwood.link.framing import seal
from sapwood.link.round_trip import RoundTrip

__all__ = ["ReliableSender"]

_MODULUS: Final = 1 << 16
_MOST_REPEATS: Final = 16
_MOST_PROBES: Final = 3
_MOST_DOUBTFUL: Final = 64
_MOST_SECONDS: Final = 0.25
_FEW_FRAMES: Final = 3
_MOST_LATER: Final = 3
"""How many sent later must have come before a frame counts as lost, at most: lines may change the order."""


@dataclass
class _Sent:
    framed: bytes
    sent_at: float
    due: float
    """When it leaves the line, as far as is known."""
    order: int
    """Counts all sendings, so that it tells which were later."""
    sendings: int = 1
    losses: int = 0
    lost: bool = False
    twice: bool = False


class ReliableSender:
    """The frames on their way to one peer, in one session.

    Args:
        window: Frames that may be on the way at once.
        seed: What the CRC of each goes on from.
        trip: The line's round trips.
        length: Is told the fate of each frame.
        line_rate: Bytes a second, if known. Then no more is on the way than the line carries in a quarter
            of a second, so that what is urgent has not to wait long.

    Attributes:
        sent_again: Frames sent more than once, each time counted.
    """

    def __init__(
        self, window: int, seed: int, trip: RoundTrip, length: FrameLength, line_rate: float | None
    ) -> None:
        self.sent_again = 0
        self._window = window
        self._seed = seed
        self._trip = trip
        self._length = length
        self._line_rate = line_rate
        self._line_free_at = -math.inf
        # By sequence; dictionaries keep the order in which the frames were first sent.
        self._sent: dict[int, _Sent] = {}
        self._next = 0
        self._order = 0
        self._latest_come = -1
        self._later_needed = 1
        self._probes = 0
        # Frames that came after they were sent again, by sequence: a second ACK tells that both did.
        self._doubtful: dict[int, bool] = {}

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent is acknowledged."""
        return not self._sent

    @property
    def gave_up(self) -> bool:
        """Whether a frame was sent so often that the session is of no use."""
        return any(sent.losses > _MOST_REPEATS for sent in self._sent.values())

    @property
    def is_full(self) -> bool:
        """Whether the peer's window is."""
        first = next(iter(self._sent), self._next)
        return (self._next - first) % _MODULUS >= self._window

    @property
    def _may_probe(self) -> bool:
        """Whether to try again early, a few times from one answer to the next.

        When the window is full, nothing new can be sent: once the line is idle, which is known only where its
        rate is, it costs nothing, and no later frame will show that one was lost.
        """
        return self._line_rate is not None and self.is_full and self._probes < _MOST_PROBES

    def has_room(self, now: float) -> bool:
        """Whether a new frame may be sent now."""
        first = next(iter(self._sent), self._next)
        count = (self._next - first) % _MODULUS
        return count < self._window and (count < _FEW_FRAMES or self._line_free_at < now + _MOST_SECONDS)

    @property
    def has_lost(self) -> bool:
        """Whether ``again`` has something."""
        return any(sent.lost for sent in self._sent.values())

    @property
    def deadline(self) -> float | None:
        """When ``expire`` is due."""
        waiting = [sent.due for sent in self._missing()]
        if not waiting:
            return None
        if self._may_probe:
            return max(min(waiting) + self._trip.probe, self._line_free_at)
        return min(waiting) + self._trip.timeout

    def send(self, message: Message, now: float) -> bytes:
        """The bytes of a new frame; there must be room for it."""
        framed = seal(encode(Numbered(self._next, message)), self._seed)
        self._sent[self._next] = _Sent(framed, now, self._occupy(framed, now), self._order)
        self._order += 1
        self._next = (self._next + 1) % _MODULUS
        return framed

    def again(self, now: float) -> bytes | None:
        """The bytes of the first frame that is to be sent again, if there is one."""
        for sent in self._sent.values():
            if sent.lost:
                # Where a full window holds up an idle line, twice costs nothing and is lost less often.
                twice = sent.losses > 0 and self.is_full and self._is_idle(now)
                framed = sent.framed * 2 if twice else sent.framed
                sent.twice = sent.twice or twice
                sent.lost = False
                sent.sent_at = now
                sent.due = self._occupy(framed, now)
                sent.order = self._order
                sent.sendings += 1
                self._order += 1
                self.sent_again += 1
                return framed
        return None

    def acknowledged(self, ack: Ack, now: float) -> None:
        """Take what an ACK says; one that speaks of frames never sent, or comes late, says nothing."""
        first = next(iter(self._sent), self._next)
        passed = (ack.next - first) % _MODULUS
        if passed > (self._next - first) % _MODULUS:
            return
        if self._doubtful.pop(ack.cause, False):
            # It came once more: what was taken as lost was only late.
            self._length.was_not_lost()
            self._trip.was_too_soon()
        self._measure(ack.cause, now)
        come = [sequence for sequence in self._sent if _has(ack, sequence)]
        cause = self._sent.get(ack.cause)
        for sequence in come:
            sent = self._sent.pop(sequence)
            self._note_come(sent, now)
            self._length.came(len(sent.framed))
            if sent.sendings == 2 and sent.losses == 1 and not sent.twice:
                self._doubtful[sequence] = True
        while len(self._doubtful) > _MOST_DOUBTFUL:
            del self._doubtful[next(iter(self._doubtful))]
        if cause is not None and ack.cause in self._sent:
            # The receiver had no room for a frame that came early.
            self._note_come(cause, now)
            cause.lost = True
        self._probes = 0
        if come:
            self._trip.progressed()
        self._find_lost()

    def expire(self, now: float) -> None:
        """Take what was not acknowledged in time as lost."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return
        # Of several, the first: the answer to this one will tell about the others.
        oldest = min(self._missing(), key=lambda sent: sent.due)
        if self._may_probe:
            self._probes += 1
            oldest.lost = True
        else:
            self._lose(oldest)
            self._trip.back_off()

    def lose_all(self) -> None:
        """The line was down: send everything again."""
        for sent in self._sent.values():
            sent.lost = True

    def _measure(self, cause: int, now: float) -> None:
        sent = self._sent.get(cause)
        if sent is not None and sent.sendings == 1:
            self._trip.measured(max(0.0, now - sent.due))

    def _note_come(self, sent: _Sent, now: float) -> None:
        shortest = self._trip.shortest
        if sent.sendings > 1 and shortest is not None and now - sent.due < shortest:
            # The sending before did come, later than others sent after it: this line changes the order.
            self._later_needed = min(self._later_needed + 1, _MOST_LATER)
        else:
            self._latest_come = max(self._latest_come, sent.order)

    def _find_lost(self) -> None:
        for sent in self._missing():
            if sent.order + self._later_needed <= self._latest_come:
                self._lose(sent)

    def _missing(self) -> Iterator[_Sent]:
        return (sent for sent in self._sent.values() if not sent.lost)

    def _lose(self, sent: _Sent) -> None:
        sent.lost = True
        sent.losses += 1
        self._length.lost(len(sent.framed))

    def _is_idle(self, now: float) -> bool:
        return self._line_rate is not None and self._line_free_at <= now

    def _occupy(self, framed: bytes, now: float) -> float:
        """When a frame will have left the line that is sent now."""
        if not self._line_rate:
            return now
        self._line_free_at = max(self._line_free_at, now) + len(framed) / self._line_rate
        return self._line_free_at


def _has(ack: Ack, sequence: int) -> bool:
    """Whether the ACK says that a frame on its way has come."""
    ahead = (sequence - ack.next) % _MODULUS
    if ahead >= _MODULUS // 2:
        return True
    return 0 < ahead <= 32 and bool(ack.bits >> (ahead - 1) & 1)
