"""The small text that stands in git for a model file.

    sapwood pointer 1
    recipe <64 hex digits>
    blake3 <64 hex digits>
    size <bytes>
    format <name>

Five lines, each ended by a line feed. Nothing else is a pointer: what differs by a byte is plain content.
"""

import re
from dataclasses import dataclass
from typing import Final

from sapwood.store.kinds import Digest

__all__ = ["MAX_BYTES", "Pointer", "parse_pointer"]

MAX_BYTES: Final = 512
"""No pointer is longer."""

_TEXT: Final = re.compile(
    rb"sapwood pointer 1\nrecipe ([0-9a-f]{64})\nblake3 ([0-9a-f]{64})\n"
    rb"size (0|[1-9][0-9]{0,18})\nformat ([a-z0-9_.-]{1,64})\n"
)


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which file is meant.

    Attributes:
        recipe: The name of its recipe in the store.
        content: BLAKE3 of the file, 32 bytes.
        size: Bytes of the file.
        format: As its layout names it; for readers only.
    """

    recipe: Digest
    content: bytes
    size: int
    format: str

    def text(self) -> bytes:
        """What git keeps."""
        return (
            f"sapwood pointer 1\nrecipe {self.recipe.hex()}\nblake3 {self.content.hex()}\n"
            f"size {self.size}\nformat {self.format}\n"
        ).encode()


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer that these bytes are; None if they are none."""
    found = _TEXT.fullmatch(data) if len(data) <= MAX_BYTES else None
    if found is None:
        return None
    recipe, content, size, name = (part.decode() for part in found.groups())
    return Pointer(bytes.fromhex(recipe), bytes.fromhex(content), int(size), name)
