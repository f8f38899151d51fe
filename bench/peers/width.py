"""Guessing the element type of a file whose format a peer does not read, from samples of it.

Giving a peer the better guess is generous: the published tools would take such a file as plain bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from bench.peers.peer import Bytes

Choice = TypeVar("Choice")

SAMPLES, SAMPLE_BYTES = 8, 1 << 16


def sample(data: Bytes) -> list[slice]:
    """Up to eight 64 KiB slices spread evenly, starting at multiples of 8 bytes."""
    if len(data) <= SAMPLES * SAMPLE_BYTES:
        return [slice(0, len(data))]
    step = (len(data) - SAMPLE_BYTES) // (SAMPLES - 1) // 8 * 8
    return [slice(i * step, i * step + SAMPLE_BYTES) for i in range(SAMPLES)]


def smallest(choices: Sequence[Choice], cost: Callable[[Choice], int]) -> Choice:
    """The choice with the least cost, the first among equals."""
    return min(choices, key=cost)
