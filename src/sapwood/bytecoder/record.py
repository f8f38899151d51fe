"""Finds out whether bytes are records of one length, as instruments write them."""

from typing import Final

import numpy as np

from sapwood._core import MAX_RECORD

__all__ = ["record_length"]

_SAMPLE: Final = 1 << 16
_LEAST: Final = 1024
# Text repeats at any distance by chance about so often.
_LEAST_SHARE: Final = 0.25
_LEAST_BINARY: Final = 0.15


def record_length(content: bytes, least: int = _LEAST) -> int:
    """Bytes of a record, 0 for text: the distance at which a byte most often equals the one before it.

    Fewer than ``least`` bytes, or four records, tell nothing.
    """
    sample = np.frombuffer(content, dtype=np.uint8)[:_SAMPLE]
    if len(sample) < least:
        return 0
    binary = ((sample < 9) | ((sample > 13) & (sample < 32)) | (sample > 126)).mean()
    if binary < _LEAST_BINARY:
        return 0
    shares = np.array(
        [(sample[step:] == sample[:-step]).mean() for step in range(1, min(MAX_RECORD, len(sample) // 4) + 1)]
    )
    # The shortest that is nearly the best: multiples of a record repeat as well.
    best = int(np.argmax(shares >= shares.max() * 0.95)) + 1
    usual = float(np.median(shares))
    return best if shares[best - 1] > max(_LEAST_SHARE, 1.5 * usual) and best > 1 else 0
