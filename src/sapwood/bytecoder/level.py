"""Levels: how much memory and time a model of bytes takes."""

from enum import IntEnum
from typing import Final

__all__ = ["MOST_BLOCK", "Level"]

# A decoder refuses a stream that wants more room for a block.
MOST_BLOCK: Final = 64 << 20


class Level(IntEnum):
    """The model's size; the number stands in the header of a stream."""

    LIVE = 0
    DEFAULT = 1
    MAX = 2

    @property
    def block_size(self) -> int:
        """Bytes that an encoder puts in a block: matches reach no further back."""
        return (1 << 20, 16 << 20, 32 << 20)[self]
