"""How long to wait for an acknowledgement (RFC 6298). Times are in seconds."""

from typing import Final

__all__ = ["RoundTrip"]

_FIRST: Final = 1.0
_SHORTEST: Final = 0.02
_HELD_BACK: Final = 0.01
"""How long the peer may hold an ACK back for others; the frame that leads to it did not wait."""
_MOST_SPARE: Final = 0.16
_SHORTEST_PROBE: Final = 0.003
_LONGEST: Final = 2.0


class RoundTrip:
    """Measured round trips, and the time-out that follows.

    Attributes:
        shortest: The shortest round trip seen, or None.
    """

    def __init__(self) -> None:
        self.shortest: float | None = None
        self._mean = 0.0
        self._deviation = 0.0
        self._doublings = 0
        self._spare = _HELD_BACK

    @property
    def timeout(self) -> float:
        """How long to wait now."""
        plain = _FIRST if self.shortest is None else self._mean + self._spare + 4 * self._deviation
        return min(_LONGEST, max(_SHORTEST, plain) * (1 << self._doublings))

    @property
    def probe(self) -> float:
        """How long to wait before a frame is tried again that would not be missed: less than ``timeout``."""
        return min(self.timeout, max(_SHORTEST_PROBE, 2 * self._mean))

    def measured(self, seconds: float) -> None:
        """A frame that was sent once was answered after ``seconds``."""
        if self.shortest is None:
            self.shortest = self._mean = seconds
            self._deviation = seconds / 2
        else:
            self.shortest = min(self.shortest, seconds)
            self._deviation += (abs(self._mean - seconds) - self._deviation) / 4
            self._mean += (seconds - self._mean) / 8

    def was_too_soon(self) -> None:
        """An acknowledgement came after its time-out: machines that are busy answer late now and then."""
        self._spare = min(2 * self._spare, _MOST_SPARE)

    def back_off(self) -> None:
        """Nothing came in time: wait twice as long."""
        self._doublings = min(self._doublings + 1, 8)

    def progressed(self) -> None:
        """Something new was acknowledged: wait as measured again."""
        self._doublings = 0
