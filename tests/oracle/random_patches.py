"""Random patches through both decoders: ``python -m tests.oracle.random_patches [COUNT [FIRST SEED]]``."""

import random
import sys

import sapwood
from tests.oracle.container import decode_patch

__all__ = ["compare", "random_pair"]

LEVELS = ["fast", "default", "max"]


def _content(rng: random.Random) -> bytes:
    """Text, noise, weights or a repetition; often small, sometimes empty."""
    size = rng.choice([0, 1, 7, 100, 1000, 5000, 20000])
    match rng.randrange(4):
        case 0:
            return b" ".join(rng.choices([b"layer", b"weight", b"bias", b"norm", b"0", b"1"], k=size // 5))[
                :size
            ]
        case 1:
            return rng.randbytes(size)
        case 2:
            width = rng.choice([2, 4])
            exponent = rng.randrange(1 << 7) << (8 * width - 8)
            values = (exponent + rng.getrandbits(8 * width - 9) for _ in range(size // width))
            return b"".join(v.to_bytes(width, "little") for v in values)
        case _:
            return (rng.randbytes(rng.randrange(1, 40)) * size)[:size]


def _edited(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice([0, 1, 3, 10])):
        at = rng.randrange(len(out) + 1)
        length = rng.choice([1, 8, 300])
        match rng.randrange(5):
            case 0:
                out[at:at] = rng.randbytes(length)
            case 1:
                del out[at : at + length]
            case 2:
                source = rng.randrange(len(out) + 1)
                out[at:at] = out[source : source + length]
            case 3:
                # A table whose entries all moved alike.
                for i in range(at, min(at + 8 * length, len(out)), 8):
                    out[i] = (out[i] + 3) & 255
            case _:
                # Small steps all over, as training makes them.
                for i in range(at & ~1, len(out) - 1, 2):
                    if rng.random() < 0.3:
                        out[i] = (out[i] + rng.choice([1, 1, 2, 255])) & 255
    return bytes(out)


def random_pair(rng: random.Random) -> tuple[bytes | None, bytes]:
    """A base, or none, and a target."""
    base = _content(rng)
    match rng.randrange(6):
        case 0:
            return None, base
        case 1:
            return base, _content(rng)
        case _:
            return base, _edited(rng, base)


def compare(seed: int) -> int:
    """One patch by both decoders; returns its size.

    Raises:
        AssertionError: A decoder does not give the target.
    """
    rng = random.Random(seed)
    base, target = random_pair(rng)
    patch = sapwood.diff(base, target, level=rng.choice(LEVELS)).to_bytes()
    if decode_patch(patch, base or b"") != target:
        raise AssertionError(f"the oracle's target differs, seed {seed}")
    if sapwood.apply(base, patch) != target:
        raise AssertionError(f"the C decoder's target differs, seed {seed}")
    return len(patch)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    total = sum(compare(seed) for seed in range(first, first + count))
    sys.stdout.write(f"{count} patches of {total} bytes: both decoders agree\n")
