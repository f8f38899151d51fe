"""The random masks of DARE, the same on every machine.

Element number n (row-major, from 0) of side i's difference stays if u(n) < round(density * 2**32), where u is
the stream of 32-bit numbers from Philox-4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1,
2, 3"). Its key is the first 16 bytes, little-endian, of the BLAKE3 digest of

    "sapwood dare mask 1" NUL, seed (8 bytes, little-endian), i (4 bytes, little-endian), the tensor's name
    (UTF-8)

so that no two tensors or sides share a mask. Its counter starts at 1, and each counter gives four 64-bit
words, of which the lower half comes first: u(n) is half n mod 2 of word (n div 2) mod 4 of counter 1 + n div
8.
"""

from typing import Final

import blake3
import numpy as np
import numpy.typing as npt

__all__ = ["mask", "mask_key"]

_DOMAIN: Final = b"sapwood dare mask 1\0"
_PER_COUNTER: Final = 8


def mask_key(seed: int, side: int, name: str) -> int:
    """The 128-bit key of one side's mask of one tensor."""
    # A name from a damaged file may hold what UTF-8 cannot.
    told = name.encode("utf-8", "surrogatepass")
    message = _DOMAIN + seed.to_bytes(8, "little") + side.to_bytes(4, "little") + told
    return int.from_bytes(blake3.blake3(message).digest(16), "little")


def mask(key: int, density: float, part: slice) -> npt.NDArray[np.bool_]:
    """Which of these elements stay; ``part`` starts at a multiple of 8."""
    count = part.stop - part.start
    counters = -(-count // _PER_COUNTER)
    # NumPy counts up before it draws.
    words = np.random.Philox(key=key, counter=part.start // _PER_COUNTER).random_raw(counters * 4)
    numbers = words.astype("<u8", copy=False).view("<u4")[:count]
    stays: npt.NDArray[np.bool_] = numbers < np.uint64(round(density * 2**32))
    return stays
