"""Mutations of bytes: what lengths, counts and coded data like least. A seed makes one mutant."""

import random
from typing import Final

__all__ = ["mutated"]

# Values at which lengths and counts go wrong.
_EDGES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1)


def _once(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data) + 1)
    length = min(dice.choice((1, 1, 2, 4, 8, 32)), len(data) - at)
    match dice.randrange(8):
        case 0 if length:
            data[at] ^= 1 << dice.randrange(8)
        case 1:
            data[at : at + length] = dice.randbytes(length)
        case 2:
            width = dice.choice((1, 2, 4, 8))
            edge = dice.choice(_EDGES) & (256**width - 1)
            data[at : at + width] = edge.to_bytes(width, dice.choice(("little", "little", "big")))
        case 3:
            del data[at : at + length * dice.choice((1, 1, 16))]
        case 4:
            data[at:at] = dice.randbytes(dice.choice((1, 1, 3, 16)))
        case 5 if len(data) > 1:
            start = dice.randrange(len(data))
            piece = data[start : start + dice.choice((1, 4, 16, 64))]
            data[at : at + len(piece)] = piece
        case 6 if length:
            data[at] = (data[at] + dice.choice((-2, -1, 1, 2))) & 255
        case 7 if dice.randrange(4) == 0:
            del data[at:]
        case _:
            data[at:at] = b"\x80" * dice.randrange(12)


def mutated(data: bytes, dice: random.Random) -> bytes:
    """``data`` after one to six small changes."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        _once(changed, dice)
    return bytes(changed)
