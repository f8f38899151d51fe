"""The k-th largest of many values, found by counting: no sorting, and no copy of them all."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from sapwood.repo.merge.chunks import Wide

__all__ = ["kth_largest"]

_DIGIT: Final = 16
_UNSIGNED: Final = {4: np.uint32, 8: np.uint64}


def kth_largest(rank: int, kind: np.dtype[Any], chunks: Callable[[], Iterator[Wide]]) -> float:
    """The value with ``rank`` - 1 others before it when all are sorted from the largest down.

    A radix selection: the bits of floats without a sign sort as integers do, and each pass over the values
    fixes 16 bits of the answer. NaN counts as larger than all.

    Args:
        rank: From 1 to the number of values.
        kind: float32 or float64.
        chunks: Gives all values, of this kind and none negative, anew at each call.
    """
    unsigned = _UNSIGNED[kind.itemsize]
    answer = 0  # the upper bits, as far as they are known
    for shift in range(kind.itemsize * 8 - _DIGIT, -1, -_DIGIT):
        counts = np.zeros(1 << _DIGIT, np.int64)
        for values in chunks():
            upper = values.view(unsigned) >> unsigned(shift)
            digits = upper ^ unsigned(answer << _DIGIT)
            counts += np.bincount(digits[digits < 1 << _DIGIT].astype(np.intp), minlength=1 << _DIGIT)
        at_least = np.cumsum(counts[::-1])[::-1]  # how many values have this digit or a larger one
        digit = int(np.flatnonzero(at_least >= rank)[-1])
        rank -= int(at_least[digit] - counts[digit])
        answer = answer << _DIGIT | digit
    return float(np.array(answer, unsigned).view(kind))
