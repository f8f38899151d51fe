"""Puts numbered frames in order and acknowledges them (docs/LINK.md, "Reliable frames"). Times in seconds."""

from typing import Final

from sapwood.link.frames import Ack, Message, Numbered, Unreadable

__all__ = ["ReliableReceiver"]

_MODULUS: Final = 1 << 16
_DELAY: Final = 0.01
"""How long an acknowledgement may wait for others."""


class ReliableReceiver:
    """The frames that come from one peer, in one session.

    Args:
        window: Frames that are kept ahead of a missing one, and the missing one.

    Attributes:
        repeated: Frames that came before, each time counted.
    """

    def __init__(self, window: int) -> None:
        self.repeated = 0
        self._window = window
        # Small windows get an answer for each frame, wide ones for an eighth of them at once.
        self._together = max(1, window // 8)
        self._next = 0
        self._early: dict[int, Message | Unreadable] = {}
        self._cause = _MODULUS - 1
        self._unanswered = 0
        self._due: float | None = None

    def take(self, frame: Numbered, now: float) -> list[Message | Unreadable]:
        """What can be handled now, in order."""
        ready: list[Message | Unreadable] = []
        ahead = (frame.sequence - self._next) % _MODULUS
        if ahead == 0:
            ready.append(frame.message)
            self._next = (self._next + 1) % _MODULUS
            while self._next in self._early:
                ready.append(self._early.pop(self._next))
                self._next = (self._next + 1) % _MODULUS
        elif ahead < self._window and frame.sequence not in self._early:
            self._early[frame.sequence] = frame.message
        else:
            self.repeated += 1
        self._cause = frame.sequence
        self._unanswered += 1
        at_once = bool(self._early) or ahead != 0 or self._unanswered >= self._together
        self._answer(now if at_once else now + _DELAY)
        return ready

    def answer_ping(self, now: float) -> None:
        """An ACK is wanted at once, whatever came."""
        self._cause = (self._next - 1) % _MODULUS
        self._answer(now)

    @property
    def deadline(self) -> float | None:
        """When an ACK is to be sent."""
        return self._due

    def ack(self) -> Ack:
        """The ACK that is due."""
        self._due = None
        self._unanswered = 0
        bits = 0
        for sequence in self._early:
            bits |= 1 << ((sequence - self._next - 1) % _MODULUS)
        return Ack(self._next, self._cause, bits)

    def _answer(self, when: float) -> None:
        self._due = when if self._due is None else min(self._due, when)
