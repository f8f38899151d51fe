"""Where a tensor is sampled: runs whose numbers have the least hashes.

Which runs these are depends on nothing but how many the tensor has. Of a tensor that grew at its end, or is
sampled more thinly, the same ones are taken as far as both have them; and no place is safe from them.
"""

import functools
import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.kinship import limits

__all__ = ["allot", "mixed", "positions"]

# Of the least hashes below a power of two, at least half of the numbers are below any count above its half.
_LISTED: Final = 4 * limits.MAX_TENSOR_RUNS
# A tensor of more runs is sampled by stretches of 2, 4, 8... runs: hashing each number would take seconds.
_MOST_BITS: Final = 22


def mixed(numbers: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """A hash of each 64-bit number: the finaliser of MurmurHash3, which maps them one to one."""
    found = numbers.astype(np.uint64)
    found ^= found >> np.uint64(33)
    found *= np.uint64(0xFF51AFD7ED558CCD)
    found ^= found >> np.uint64(33)
    found *= np.uint64(0xC4CEB9FE1A85EC53)
    found ^= found >> np.uint64(33)
    return found


@functools.cache
def _least(bits: int) -> npt.NDArray[np.uint64]:
    """The numbers below 2**bits with the least hashes, in that order: that of each number plus 1."""
    numbers = np.arange(1 << bits, dtype=np.uint64)
    hashes = mixed(numbers + np.uint64(1))
    if len(numbers) > _LISTED:
        numbers = np.argpartition(hashes, _LISTED)[:_LISTED].astype(np.uint64)
    return numbers[np.argsort(hashes[numbers])]


@functools.lru_cache(maxsize=4096)
def positions(total: int, runs: int) -> npt.NDArray[np.uint64]:
    """The ``runs`` runs to sample of a tensor that has ``total``; fewer where it has fewer."""
    shift = max(0, (total - 1).bit_length() - _MOST_BITS)
    stretches = total >> shift
    listed = _least((stretches - 1).bit_length())
    chosen = listed[listed < stretches][:runs]
    inside = mixed(chosen) & np.uint64((1 << shift) - 1)
    found: npt.NDArray[np.uint64] = (chosen << np.uint64(shift)) | inside
    found.flags.writeable = False
    return found


def allot(totals: list[int]) -> list[int]:
    """How many runs each tensor is sampled by, given how many it has: more for a larger one, but by the root.

    Integers only, so that every machine comes to the same numbers.
    """
    weights = [math.isqrt(total << 16) for total in totals]
    whole = sum(weights)
    return [
        min(total, limits.MAX_TENSOR_RUNS, max(limits.LEAST_RUNS, limits.RUNS * weight // whole))
        for total, weight in zip(totals, weights, strict=True)
    ]
