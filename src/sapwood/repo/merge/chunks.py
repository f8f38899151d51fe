"""Arithmetic on tensors a chunk at a time: widen, compute, round once.

Floats of 32 bits and less are computed with in binary32, binary64 in binary64. Only single IEEE operations in
a fixed order are used, so that every machine gets the same bits. A finite result beyond what the tensor's
type can hold becomes its greatest finite value; infinities and NaN stay what they are where the type has them
(float8 types without an infinity make NaN of it).
"""

from collections.abc import Callable
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from sapwood.patch.array_types import FLOATS

__all__ = ["Array", "Wide", "computed", "flat", "is_float", "narrow", "parts", "wide", "wide_type"]

Array = npt.NDArray[Any]
Wide = npt.NDArray[np.float32] | npt.NDArray[np.float64]

# Elements: some arrays of this size stay in the second-level cache. A multiple of 8, as the masks of DARE
# ask.
CHUNK: Final = 1 << 16

# f8_e8m0 holds the scales of a quantisation, no weights.
_MERGED: Final = frozenset(kind.name for name, kind in FLOATS.items() if name != "f8_e8m0")


def is_float(kind: np.dtype[Any]) -> bool:
    """Whether tensors of this type can be computed with: floats of 8 to 64 bits."""
    return kind.name in _MERGED


def wide_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """The type in which sums over tensors of this type are computed."""
    return np.dtype(np.float64 if kind.itemsize == 8 else np.float32)


def flat(tensor: Array) -> Array:
    """The elements in row-major order; without a copy if they already lie so."""
    return np.reshape(tensor, -1)


def parts(size: int) -> list[slice]:
    """The chunks of so many elements, in order."""
    return [slice(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK)]


def wide(elements: Array) -> Wide:
    """The same values, exactly, in the type to compute in."""
    return elements.astype(wide_type(elements.dtype), copy=False)


def narrow(values: Wide, kind: np.dtype[Any]) -> Array:
    """Values rounded to the tensor's type, to nearest even."""
    if kind == values.dtype:
        return values
    limit = float(ml_dtypes.finfo(kind).max)  # type: ignore[no-untyped-call]  # it has no types
    beyond = np.isfinite(values) & (np.abs(values) > limit)
    if beyond.any():
        values = np.where(beyond, np.copysign(values.dtype.type(limit), values), values)
    return values.astype(kind)


def computed(like: Array, chunk: Callable[[slice], Array]) -> Array:
    """A tensor of this shape and type, made of what ``chunk`` gives for each part of its elements."""
    out = np.empty(like.size, like.dtype)
    with np.errstate(all="ignore"):  # what becomes of infinities and NaN is said above
        for part in parts(like.size):
            out[part] = chunk(part)
    return out.reshape(like.shape)
