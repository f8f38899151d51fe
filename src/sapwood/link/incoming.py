"""A stream that comes in: offered, wanted, received, checked (docs/LINK.md, "Streams")."""

import hashlib
from typing import Final, Protocol

from sapwood.link.frames import Data, Done, End, Open, Result, Want

__all__ = ["Hasher", "IncomingStream"]

_CREDIT: Final = 1 << 18
"""Bytes that may be on the way or wait to be taken; the sender's window is at most half of it."""


class Hasher(Protocol):
    """What ``hashlib.sha256()`` makes."""

    def update(self, data: bytes, /) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """Of all that was taken."""


class IncomingStream:
    """What the peer sends, in order, with the digest taken on the way.

    Args:
        opening: How the peer offered it.

    Attributes:
        offset: Where the next byte to come stands.
        is_open: False once it was done, refused or lost with its session.
    """

    def __init__(self, opening: Open) -> None:
        self.opening = opening
        self.offset = 0
        self.is_open = True
        self._credit = _CREDIT
        self._taken = 0
        self._asked: int | None = None
        self._start: int | None = None
        self._hasher: Hasher = hashlib.sha256()
        self._done: Done | None = None

    def accept(self, start: int = 0, hasher: Hasher | None = None, credit: int = _CREDIT) -> None:
        """Want the stream.

        Args:
            start: Where to begin: what stands before is here from an earlier session.
            hasher: SHA-256 of what is here; needed if ``start`` is not 0.
            credit: Bytes that may come before ``taken`` is called.
        """
        if (start and hasher is None) or self._start is not None:
            raise ValueError("a resumed stream needs the digest of what is here; a stream is accepted once")
        self._hasher = hasher or hashlib.sha256()
        self._credit = credit
        self._start = self.offset = self._taken = start

    def refuse(self, text: str, result: int = Result.REFUSED) -> None:
        """Tell the peer that the stream will not be taken, or not any further."""
        self._done = Done(self.opening.stream, result, text)
        self.is_open = False

    def taken(self, count: int) -> None:
        """So many bytes of what was received need no room any more."""
        self._taken += count

    def done(self) -> None:
        """All is safe: tell the peer so. Also the answer to an offer of what is here already."""
        self.refuse("", Result.WHOLE)

    def exceeds_credit(self, data: Data) -> bool:
        """Whether the peer sends what it was not asked for."""
        return data.offset + len(data.content) > (self._asked or 0)

    def receive(self, data: Data) -> bytes | None:
        """Those of the bytes that are the next ones, if any are."""
        known = self.offset - data.offset
        if self._asked is None or not 0 <= known < len(data.content):
            return None
        content = data.content[known:]
        self.offset += len(content)
        self._hasher.update(content)
        return content

    def ended(self, end: End) -> Result:
        """Whether all is here, and right. If not, the peer is told."""
        if end.digest is None:
            self.refuse("", Result.BROKE_OFF)
            return Result.BROKE_OFF
        expected = self.opening.length
        if (
            end.length == self.offset
            and expected in {None, end.length}
            and self._hasher.digest() == end.digest
        ):
            return Result.WHOLE
        self.refuse("the stream has another digest or length than its bytes", Result.WRONG_DIGEST)
        return Result.WRONG_DIGEST

    def next(self, text_size: int) -> Want | Done | None:
        """What is to be said to the peer about it now; a text has at most ``text_size`` bytes."""
        if self._done is not None:
            done, self._done = self._done, None
            return done._replace(text=done.text.encode()[:text_size].decode(errors="ignore"))
        if not self.is_open or self._start is None:
            return None
        stop = self._taken + self._credit
        if self._asked is None:
            self._asked = stop
            return Want(self.opening.stream, self._start, stop)
        # Credit goes out in eighths, so that the sender never waits and few frames are spent on it.
        if stop - self._asked >= self._credit // 8:
            start, self._asked = self._asked, stop
            return Want(self.opening.stream, start, stop)
        return None
