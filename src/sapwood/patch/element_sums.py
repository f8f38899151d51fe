"""How the elements of two tensors differ, summed up block by block so that memory stays small.

Sums are in 64-bit floats; elements that are not finite on either side count as changed or not, but have no
part in them.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.formats.dtype import DType
from sapwood.patch.array_types import FLOATS

__all__ = ["BLOCK", "ElementSums", "elements_of", "units"]

BLOCK: Final = 1 << 18
"""Elements looked at together: their 64-bit copies take 2 MB each."""


def units(dtype: DType, length: int) -> int:
    """What is counted as elements in so many bytes: blocks of block types, bytes of sub-byte types."""
    return length // dtype.block_bytes


def elements_of(data: memoryview, dtype: DType, start: int, count: int) -> npt.NDArray[Any]:
    """Elements as floats where they are, else as rows of bytes."""
    unit = dtype.block_bytes
    found = np.frombuffer(data[start * unit : (start + count) * unit], np.uint8)
    return found.view(FLOATS[dtype.name]) if dtype.name in FLOATS else found.reshape(count, unit)


class ElementSums:
    """What is kept of the blocks of a tensor.

    Attributes:
        changed: Elements that differ.
    """

    def __init__(self) -> None:
        self.changed = 0
        self._floats = False
        self._finite = 0
        self._base_squares = 0.0
        self._squares = 0.0
        self._max = 0.0

    def add(self, old: npt.NDArray[Any], new: npt.NDArray[Any]) -> None:
        """One more block. Equal means equal bits, or equal values where the types differ."""
        if old.ndim > 1:
            self.changed += int(np.count_nonzero((old != new).any(axis=1)))
            return
        self._floats = True
        before = old.astype(np.float64)
        if old.dtype == new.dtype:
            bits = f"u{old.dtype.itemsize}"
            self.changed += (differ := int(np.count_nonzero(old.view(bits) != new.view(bits))))
            after = new.astype(np.float64) if differ else before
        else:
            after = new.astype(np.float64)
            self.changed += int(np.count_nonzero(before != after))
        finite = np.isfinite(before) & np.isfinite(after)
        if not finite.all():
            before, after = before[finite], after[finite]
        self._finite += len(before)
        # The largest 64-bit floats overflow when squared; the answer is then inf, and said to be unknown.
        with np.errstate(over="ignore", invalid="ignore"):
            self._base_squares += float(np.dot(before, before))
            if after is not before and len(after):
                difference = after - before
                self._squares += float(np.dot(difference, difference))
                self._max = max(self._max, float(np.abs(difference).max()))

    def relative(self) -> tuple[float | None, float | None, float | None]:
        """``base_rms``, ``rms`` and ``max`` of TensorStats."""
        if not self._floats or not self._finite or not math.isfinite(self._base_squares + self._squares):
            return None, None, None
        base_rms = math.sqrt(self._base_squares / self._finite)
        if base_rms == 0:
            return (0.0, None, None) if self._squares else (0.0, 0.0, 0.0)
        return base_rms, math.sqrt(self._squares / self._finite) / base_rms, self._max / base_rms
