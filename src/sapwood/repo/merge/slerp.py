"""Spherical interpolation of two tensors (Shoemake 1985)."""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from sapwood.repo.merge.chunks import Array, flat, parts
from sapwood.repo.merge.linear import weighted_sum

__all__ = ["NoArc", "slerp"]

# Below this angle the arc and the line differ by less than a binary64 can tell from the cosine.
_LEAST_ANGLE: Final = 1e-6


class NoArc(Exception):
    """No arc leads from one tensor to the other; the message says why."""


def slerp(ours: Array, theirs: Array, t: float) -> Array:
    """The tensor at ``t`` on the arc; see `sapwood.repo.merge.strategy.Slerp` for the formula.

    The angle is computed in binary64, from sums over a fixed tree; the two factors are then rounded to the
    type of the computation. Only they depend on the machine's sine and arc cosine, in the last bit of a
    binary64.

    Raises:
        NoArc: The tensors point in opposite directions, or one holds a NaN or an infinity.
    """
    return weighted_sum([ours, theirs], _factors(_angle(ours, theirs), t))


def _factors(angle: float, t: float) -> tuple[float, float]:
    if angle < _LEAST_ANGLE:
        return 1 - t, t
    return math.sin((1 - t) * angle) / math.sin(angle), math.sin(t * angle) / math.sin(angle)


def _angle(ours: Array, theirs: Array) -> float:
    """In radians; 0 if one has no direction.

    Each tensor is first scaled by the power of two at its largest element, so that no square over- or
    underflows.
    """
    lengths = _exponent(ours), _exponent(theirs)
    scaled = [
        _scaled(flat(tensor), exponent) for tensor, exponent in zip((ours, theirs), lengths, strict=True)
    ]
    ours_squared = theirs_squared = product = 0.0
    for part in parts(ours.size):
        one, other = scaled[0](part), scaled[1](part)
        ours_squared += _tree_sum(one * one)
        theirs_squared += _tree_sum(other * other)
        product += _tree_sum(one * other)
    if ours_squared == 0 or theirs_squared == 0:
        return 0.0
    cosine = product / math.sqrt(ours_squared) / math.sqrt(theirs_squared)
    angle = math.acos(min(1.0, max(-1.0, cosine)))
    if math.pi - angle < _LEAST_ANGLE:
        raise NoArc("the two sides point in opposite directions")
    return angle


def _exponent(tensor: Array) -> int:
    """The power of two just above the largest magnitude."""
    largest = 0.0
    elements = flat(tensor)
    for part in parts(tensor.size):
        values = elements[part].astype(np.float64)
        if not np.isfinite(values).all():
            raise NoArc("a side holds a NaN or an infinity")
        largest = max(largest, float(np.abs(values).max()))
    return math.frexp(largest)[1]


def _scaled(elements: Array, exponent: int) -> Callable[[slice], npt.NDArray[np.float64]]:
    return lambda part: np.ldexp(elements[part].astype(np.float64), -exponent)


def _tree_sum(terms: npt.NDArray[np.float64]) -> float:
    """The sum, halves on halves: an order that no library chooses for us. Overwrites the terms."""
    count = terms.size
    while count > 1:
        half = (count + 1) // 2
        terms[: count - half] += terms[half:count]
        count = half
    return float(terms[0])
