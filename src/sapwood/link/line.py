"""A pair of file descriptors that carry a link's bytes, without ever blocking."""

import os
from collections.abc import Callable
from typing import Final

from sapwood.link.escape import Unescaper, escape

__all__ = ["Line"]

_PIECE: Final = 1 << 16


class Line:
    """A serial port, a terminal, a socket, two pipes: anything with file descriptors.

    Args:
        reading: Where bytes come from; it is made non-blocking.
        writing: Where they go to; the same one or another.
        close: Called once, when the line is given up.
        escaped: Whether the line takes 0x11 and 0x13 for itself.

    Attributes:
        reading: As given, to wait for.
        writing: As given, to wait for.
    """

    def __init__(
        self, reading: int, writing: int, close: Callable[[], None], *, escaped: bool = False
    ) -> None:
        self.reading, self.writing = reading, writing
        self._close = close
        self._waiting = bytearray()
        self._unescaper = Unescaper() if escaped else None
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)

    @property
    def waiting(self) -> int:
        """Bytes that the line has not taken yet."""
        return len(self._waiting)

    def read(self) -> bytes | None:
        """What has come, maybe nothing; None if the line is gone."""
        try:
            data = os.read(self.reading, _PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            # A terminal whose other end was closed, a device that was unplugged, a connection that was reset.
            return None
        if not data:
            return None
        return self._unescaper.feed(data) if self._unescaper else data

    def write(self, data: bytes) -> bool:
        """Send this behind what waits; whether the line is still there."""
        self._waiting += escape(data) if self._unescaper else data
        if not self._waiting:
            return True
        try:
            count = os.write(self.writing, self._waiting)
        except BlockingIOError:
            return True
        except OSError:
            return False
        del self._waiting[:count]
        return True

    def close(self) -> None:
        """Give it up."""
        self._close()
