"""From bodies to bytes on the line and back: CRC, COBS, zeros between frames (docs/LINK.md, "Frames")."""

import struct
from collections.abc import Iterator
from typing import Final

from cobs import cobs

from sapwood._core import crc32c

__all__ = ["CRC_SIZE", "Deframer", "check", "frame_size", "seal", "seed_of"]

CRC_SIZE: Final = 4


def seed_of(sender_nonce: int, receiver_nonce: int) -> int:
    """What the CRC of one direction of a session goes on from; 0 is that of a HELLO."""
    return crc32c(struct.pack("<II", sender_nonce, receiver_nonce))


def seal(body: bytes, seed: int) -> bytes:
    """The bytes of a frame on the line, with the zero that ends it."""
    return bytes(cobs.encode(body + crc32c(body, seed).to_bytes(CRC_SIZE, "little"))) + b"\0"


def check(frame: bytes, seed: int) -> bytes | None:
    """The body of a frame that ``Deframer`` gave; None if its CRC is wrong."""
    body = frame[:-CRC_SIZE]
    right = crc32c(body, seed) == int.from_bytes(frame[-CRC_SIZE:], "little")
    return body if right and body else None


def frame_size(count: int) -> int:
    """Most bytes that a body and CRC of ``count`` bytes take on the line, with their zero."""
    return count + count // 254 + 2


class Deframer:
    """Finds frames among bytes; what stands before the first zero is none.

    Args:
        longest: Most bytes of a body and its CRC. Longer frames are dropped, and never held.

    Attributes:
        damaged: Frames dropped until now because they were too long, too short or not COBS.
    """

    def __init__(self, longest: int) -> None:
        self.damaged = 0
        self._most = frame_size(longest) - 1
        self._longest = longest
        self._held = bytearray()
        self._skipping = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Each frame that is whole by now: body and CRC, not yet checked."""
        *ended, rest = data.split(b"\0")
        for part in ended:
            frame = self._frame(part)
            if frame is not None:
                yield frame
        self._hold(rest)

    def _frame(self, part: bytes) -> bytes | None:
        self._hold(part)
        stuffed, skipping = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        if skipping or not stuffed:
            return None
        try:
            frame = bytes(cobs.decode(stuffed))
        except cobs.DecodeError:
            frame = b""
        if CRC_SIZE < len(frame) <= self._longest:
            return frame
        self.damaged += 1
        return None

    def _hold(self, part: bytes) -> None:
        if self._skipping:
            return
        if len(self._held) + len(part) > self._most:
            self._held.clear()
            self._skipping = True
            self.damaged += 1
        else:
            self._held += part
