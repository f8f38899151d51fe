"""Random bases and targets that differ here and there."""

import random

from sapwood.codec.element import Element

__all__ = ["any_scattered"]


def any_scattered(seed: int, element: Element) -> tuple[bytes, bytes]:
    """A base of whole elements, and a target in which up to one in 24 of them is another one."""
    rng = random.Random(f"{seed} {element.name}")
    width = element.width
    count = rng.choice([100, 300, 1000, 5000])
    # Some classes rare, so that gaps differ much from class to class.
    common = [rng.randbytes(width) for _ in range(rng.choice([1, 3, 20]))]
    elements = [rng.choice(common) if rng.random() < 0.7 else rng.randbytes(width) for _ in range(count)]
    base = b"".join(elements)
    target = bytearray(base)
    for at in rng.sample(range(count), max(1, count // rng.choice([24, 30, 64]))):
        if rng.random() < 0.8:
            target[at * width] ^= rng.choice([1, 1, 1, 2, 3])
        else:
            target[at * width : (at + 1) * width] = rng.randbytes(width)
    if target == base:
        target[0] ^= 1
    return base, bytes(target)
