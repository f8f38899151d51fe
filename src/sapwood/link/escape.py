"""Keeps 0x11 and 0x13 to the line where they are its flow control (docs/LINK.md, "Lines with XON/XOFF")."""

import re
from typing import Final

__all__ = ["Unescaper", "escape"]

_ESCAPE: Final = 0x7D
_FLIP: Final = 0x20
_TAKEN: Final = re.compile(rb"[\x11\x13\x7d]")
_PAIR: Final = re.compile(rb"\x7d[^\x00]", re.DOTALL)
"""An escape that noise put before a zero takes nothing: the zero ends the frame."""
_BARE: Final = bytes([0x11, 0x13])


def escape(data: bytes) -> bytes:
    """Without a 0x11 or 0x13; no zero is added or lost."""
    return _TAKEN.sub(lambda found: bytes([_ESCAPE, found[0][0] ^ _FLIP]), data)


class Unescaper:
    """Takes back what ``escape`` did, in pieces of any size."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> bytes:
        """The bytes as they were; bare 0x11 and 0x13 are not part of them."""
        data = data.translate(None, _BARE)
        if self._escaped:
            data = bytes([_ESCAPE]) + data
        self._escaped = data.endswith(bytes([_ESCAPE]))
        if self._escaped:
            data = data[:-1]
        return _PAIR.sub(_flip, data)


def _flip(pair: "re.Match[bytes]") -> bytes:
    return bytes([pair[0][1] ^ _FLIP])
