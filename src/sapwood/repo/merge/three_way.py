"""The rule before every strategy: who alone changed a tensor is right."""

import operator
from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["settle"]

T = TypeVar("T")


def settle(
    base: T | None, sides: Sequence[T | None], same: Callable[[T, T], bool] = operator.eq
) -> int | None:
    """Which side to take as it is; None where sides changed the tensor in different ways.

    Changed on no side: the first. Changed on one, or in the same way on several: that side, the first of
    them. Tensors may be given as themselves or as their digests: all that counts is which are the ``same``.
    None is a tensor that is not there, so that adding and deleting follow the same rule.

    >>> settle("old", ["old", "new"])
    1
    >>> settle(None, ["added", "added"])
    0
    >>> settle("old", [None, "new"]) is None
    True
    """

    def equal(one: T | None, other: T | None) -> bool:
        if one is None or other is None:
            return one is other
        return same(one, other)

    changed = [i for i, side in enumerate(sides) if not equal(side, base)]
    if not changed:
        return 0
    first = changed[0]
    agree = all(equal(sides[first], sides[other]) for other in changed[1:])
    return first if agree else None
