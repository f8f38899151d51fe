"""LEB128 integers of at most eight bytes, as frames have them."""

from typing import Final

__all__ = ["MOST", "get", "put"]

_MOST_BYTES: Final = 8
MOST: Final = (1 << 7 * _MOST_BYTES) - 1
"""The largest number that fits."""


def put(value: int) -> bytes:
    """The bytes of ``value``, 0 to ``MOST``."""
    if not 0 <= value <= MOST:
        raise ValueError(f"{value} does not fit into {_MOST_BYTES} groups of 7 bits")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def get(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends.

    Raises:
        ValueError: The bytes end within it, or it is too long.
    """
    value = 0
    for i, byte in enumerate(data[at : at + _MOST_BYTES]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise ValueError("a number is cut short or too long")
