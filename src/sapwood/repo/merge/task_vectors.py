"""What is done with differences from a common base: task arithmetic, TIES and DARE.

Each works element by element in three steps: make each side's difference sparse, combine the differences, add
what comes out to the base. An element whose combined difference is 0 keeps the bits it has in the base. Where
a side equals the base its difference is 0, even between infinities; a difference that is NaN makes its
element NaN.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sapwood.repo.merge.chunks import Array, Wide, computed, flat, narrow, parts, wide, wide_type
from sapwood.repo.merge.dare import mask, mask_key
from sapwood.repo.merge.rank import kth_largest

__all__ = ["Combine", "Sparse", "added", "dropped", "elected", "merged", "trimmed", "whole"]

Sparse = Callable[[slice], Wide]
"""A side's difference from the base, by chunks, with some elements made 0."""

Combine = Callable[[Sequence[Wide], Sequence[float]], Wide]
"""Chunks of differences, one a side, and the sides' weights, to one chunk."""


def merged(
    base: Array, differences: Sequence[Sparse], weights: Sequence[float], scale: float, combine: Combine
) -> Array:
    """The base with the combined differences on it: x + scale combine(d_i, w_i)."""
    elements = flat(base)
    factor = wide_type(base.dtype).type(scale)

    def chunk(part: slice) -> Array:
        combined = combine([difference(part) for difference in differences], weights)
        out = elements[part].copy()
        np.copyto(out, narrow(wide(out) + factor * combined, base.dtype), where=combined != 0)
        return out

    return computed(base, chunk)


def whole(base: Array, side: Array) -> Sparse:
    """A side's whole difference, x_i - x."""
    before, after = flat(base), flat(side)

    def difference(part: slice) -> Wide:
        old, new = wide(before[part]), wide(after[part])
        return np.where(new == old, old.dtype.type(0), new - old)

    return difference


def trimmed(base: Array, side: Array, density: float) -> Sparse:
    """The difference without its smaller elements; at least one stays, if the tensor has any."""
    difference = whole(base, side)

    def magnitudes() -> Iterator[Wide]:
        with np.errstate(all="ignore"):
            for part in parts(base.size):
                yield np.abs(difference(part))

    kept = max(1, int(density * base.size))
    least = kth_largest(kept, wide_type(base.dtype), magnitudes) if base.size else 0.0
    return _where(difference, lambda values, _: ~(np.abs(values) < least))


def dropped(base: Array, side: Array, density: float, *, seed: int, number: int, name: str) -> Sparse:
    """The difference of side ``number``: elements dropped at random, the others divided by ``density``."""
    key = mask_key(seed, number, name)
    sparse = _where(whole(base, side), lambda _, part: mask(key, density, part))

    def difference(part: slice) -> Wide:
        values = sparse(part)
        rescaled: Wide = values / values.dtype.type(density)
        return rescaled

    return difference


def added(differences: Sequence[Wide], weights: Sequence[float]) -> Wide:
    """Sum(w_i d_i), in the order of the sides."""
    total, *others = _votes(differences, weights)
    for vote in others:
        total = total + vote
    return total


def elected(differences: Sequence[Wide], weights: Sequence[float]) -> Wide:
    """The weighted mean of the differences that have the sign of sum(w_i d_i); 0 where that sum is 0."""
    number = differences[0].dtype.type
    sign = np.sign(added(differences, weights))
    total = np.zeros_like(differences[0])
    voters = np.zeros_like(differences[0])
    for vote, weight in zip(_votes(differences, weights), weights, strict=True):
        agrees = (np.sign(vote) == sign) & (vote != 0)
        total += np.where(agrees, vote, number(0))
        voters += np.where(agrees, number(weight), number(0))
    mean = np.divide(total, voters, out=np.zeros_like(total), where=voters != 0)
    mean[np.isnan(sign)] = np.nan
    return mean


def _votes(differences: Sequence[Wide], weights: Sequence[float]) -> list[Wide]:
    return [values * values.dtype.type(weight) for values, weight in zip(differences, weights, strict=True)]


def _where(difference: Sparse, stays: Callable[[Wide, slice], npt.NDArray[Any]]) -> Sparse:
    def sparse(part: slice) -> Wide:
        values = difference(part)
        return np.where(stays(values, part), values, values.dtype.type(0))

    return sparse
