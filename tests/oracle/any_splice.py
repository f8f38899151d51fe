"""Splices of every sort: runs that replace, insert, come back or go far; literals like the base or not."""

import random

from sapwood.codec.splice import Splice

__all__ = ["any_splice"]


def _base(rng: random.Random) -> bytes:
    """Records of like fields, text, and noise."""
    parts = []
    for _ in range(rng.randrange(1, 6)):
        record = rng.randbytes(rng.randrange(4, 24))
        count = rng.randrange(1, 40)
        parts += [record[:-4] + (1000 * i).to_bytes(4, "little") for i in range(count)]
        parts.append(b"layer.%d.weight" % rng.randrange(99) * rng.randrange(4))
        parts.append(rng.randbytes(rng.randrange(100)))
    return b"".join(parts)


def any_splice(seed: int) -> tuple[bytes, Splice, bytes]:
    """The base, a splice over it, and what it makes."""
    rng = random.Random(seed)
    base = _base(rng)
    splice, out = Splice(), bytearray()
    end = 0
    last = b""
    for _ in range(rng.randrange(1, 24)):
        size = rng.choice((0, 0, 0, 1, 2, 4, 4, 16))
        foreseen = base[end : end + size].ljust(size, b"\0")
        how = rng.randrange(4)
        if how == 0:
            literal = bytes((b + 3) % 256 for b in foreseen)
        elif how == 1:
            literal = rng.randbytes(size)
        else:
            literal = (last or b"conv.bias")[:size]
        last = literal
        start = rng.choice((end + size, end, end + 7, rng.randrange(len(base))))
        length = min(rng.choice((1, 3, 9, 30, 200)), len(base) - start)
        splice.literal(literal)
        out += literal
        if length > 0:
            splice.copy(start, length)
            out += base[start : start + length]
            end = start + length
    tail = rng.randbytes(rng.randrange(3)) + b"the end"
    splice.literal(tail)
    return base, splice, bytes(out + tail)
