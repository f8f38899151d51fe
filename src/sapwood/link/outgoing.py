"""A stream that goes out: opened, wanted, sent, ended, done (docs/LINK.md, "Streams")."""

from typing import Final

from sapwood.link.frames import Data, End, Open, Want

__all__ = ["OutgoingStream"]

_BUFFER: Final = 1 << 17
_SMALLEST_HEAD: Final = 1 + 2 + 4
"""Kind, sequence and CRC."""
_OFFSET: Final = 8


class OutgoingStream:
    """Holds what was written and not yet sent.

    Args:
        opening: How the stream is offered; its number is drawn anew in each session.

    Attributes:
        opening: As it was offered.
        position: Where the next byte to be sent stands.
        is_done: Whether the peer has ended it.
    """

    def __init__(self, opening: Open) -> None:
        self.opening = opening
        self.position = 0
        self.is_done = False
        self._held = bytearray()
        self._stop: int | None = None
        self._digest: bytes | None = None
        self._has_end = False
        self._end_sent = False

    @property
    def room(self) -> int:
        """How many bytes may be written now; 0 until the peer wants some."""
        if self._stop is None or self._has_end:
            return 0
        return max(0, _BUFFER - len(self._held))

    @property
    def is_wanted(self) -> bool:
        """Whether the peer has accepted it in this session."""
        return self._stop is not None

    def write(self, content: bytes) -> None:
        """Go on with these bytes: from the offset last wanted, without a hole."""
        if not self.is_wanted or self._has_end:
            raise ValueError("nothing can be written now")
        self._held += content

    def end(self, digest: bytes) -> None:
        """No more follows. ``digest``: SHA-256 of the whole stream."""
        self._has_end, self._digest = True, digest

    def break_off(self) -> None:
        """The rest cannot be had."""
        self._held.clear()
        self._has_end, self._digest = True, None

    def reopen(self, number: int) -> Open:
        """Begin in a new session, under this number."""
        self.opening = self.opening._replace(stream=number)
        self._stop = None
        self._forget()
        return self.opening

    def wanted(self, want: Want) -> bool:
        """Take a WANT; whether the user must write from ``position`` on."""
        if self._stop is not None and want.start == self._stop:
            self._stop = want.stop
            return False
        self._stop = want.stop
        self.position = want.start
        self._forget()
        return True

    def is_ready(self) -> bool:
        """Whether ``next`` has something."""
        if self._has_end and self._digest is None:
            return not self._end_sent
        if self._stop is None:
            return False
        if self._held:
            return self.position < self._stop
        return self._has_end and not self._end_sent

    def next(self, size: int) -> Data | End:
        """What is to be sent next, in a frame whose body and CRC have at most ``size`` bytes."""
        number = self.opening.stream
        if not self._held:
            self._end_sent = True
            return End(number) if self._digest is None else End(number, self.position, self._digest)
        most = max(1, size - _SMALLEST_HEAD - _offset_size(self.position))
        count = min(most, len(self._held), (self._stop or 0) - self.position)
        content = bytes(self._held[:count])
        del self._held[:count]
        data = Data(number, self.position, content)
        self.position += count
        return data

    def _forget(self) -> None:
        self._end_sent = False
        if self._has_end and self._digest is None:
            return  # It broke off for good.
        self._held.clear()
        self._digest = None
        self._has_end = False


def _offset_size(offset: int) -> int:
    return min(_OFFSET, max(1, -(-offset.bit_length() // 7)))
