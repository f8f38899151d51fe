"""Weighted sums of tensors."""

from collections.abc import Sequence

from sapwood.repo.merge.chunks import Array, computed, flat, narrow, wide, wide_type

__all__ = ["weighted_sum"]


def weighted_sum(sides: Sequence[Array], weights: Sequence[float]) -> Array:
    """Sum(w_i x_i) in the order of the sides, each step rounded once; sides of weight 0 are left out.

    Args:
        sides: Float tensors of one type and shape.
        weights: One a side, not all 0; each is rounded to the type of the computation.
    """
    first = sides[0]
    number = wide_type(first.dtype).type
    terms = [(flat(side), number(weight)) for side, weight in zip(sides, weights, strict=True) if weight]

    def chunk(part: slice) -> Array:
        (elements, weight), *others = terms
        total = wide(elements[part]) * weight
        for elements, weight in others:
            total += wide(elements[part]) * weight
        return narrow(total, first.dtype)

    return computed(first, chunk)
