"""One tensor merged: what stands against it, and what comes out."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from sapwood.errors import MergeConflict, WrongCall
from sapwood.repo.merge.chunks import Array, flat, is_float, parts
from sapwood.repo.merge.linear import weighted_sum
from sapwood.repo.merge.slerp import NoArc, slerp
from sapwood.repo.merge.strategy import (
    Average,
    Dare,
    Fail,
    GreedySoup,
    Ours,
    Slerp,
    Strategy,
    TaskArithmetic,
    Theirs,
    Ties,
    Weighted,
)
from sapwood.repo.merge.task_vectors import added, dropped, elected, merged, trimmed, whole
from sapwood.repo.merge.three_way import settle

__all__ = ["Shaped", "check_sides", "merge_tensors", "obstacle", "same_tensor"]


class Shaped(Protocol):
    """What must be known of a tensor before it is read; an array will do."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its type, as NumPy knows it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""


def same_tensor(one: Array, other: Array) -> bool:
    """Whether two tensors have the same type, shape and bits: NaN equals itself, and 0 is not -0."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    ours, theirs = flat(one), flat(other)
    return all(ours[part].tobytes() == theirs[part].tobytes() for part in parts(one.size))


def obstacle(strategy: Strategy, base: Shaped | None, sides: Sequence[Shaped | None]) -> str | None:
    """Why the strategy cannot merge a tensor that the three-way rule leaves open; None if nothing is known.

    Told from types and shapes alone, before anything is read. None stands for a tensor that is not there.

    Raises:
        WrongCall: The strategy does not fit so many sides.
    """
    check_sides(strategy, len(sides))
    if isinstance(strategy, Ours | Theirs):
        return None
    present = [side for side in sides if side is not None]
    if len(present) < len(sides):
        return "deleted on one side, changed on the other"
    forms = {(side.dtype.name, side.shape) for side in present}
    if isinstance(strategy, TaskArithmetic | Ties | Dare):
        if base is None:
            return "added on both sides, and this strategy works on differences from a base"
        forms.add((base.dtype.name, base.shape))
    if len(forms) > 1:
        described = " and ".join(sorted(f"{kind}{list(shape)}" for kind, shape in forms))
        return f"types or shapes differ: {described}"
    if isinstance(strategy, Fail):
        return "changed on both sides"
    if not is_float(present[0].dtype):
        return f"changed on both sides, and {present[0].dtype.name} elements have no mean"
    return None


def merge_tensors(
    strategy: Strategy,
    base: Array | None,
    sides: Sequence[Array | None],
    *,
    name: str,
    same: Callable[[Array, Array], bool] = same_tensor,
) -> Array | None:
    """One tensor of the merged model; None if it is not in it.

    The three-way rule first (`sapwood.repo.merge.three_way.settle`), then the strategy. What is taken from
    one side is that side's array itself. Memory: the result, and some chunks of 64 Ki elements.

    Args:
        strategy: What to do where both sides changed the tensor.
        base: The tensor in the common base; None if it is not there.
        sides: Ours, theirs, and others if the strategy takes any number; None where the tensor is not there.
        name: The tensor's name, for errors and for the masks of DARE.
        same: Whether two tensors are equal; a store can tell by their digests.

    Returns:
        A tensor of the sides' type and shape, computed in binary32 (binary64 for binary64) and rounded once.

    Raises:
        MergeConflict: The strategy cannot merge these.
        WrongCall: The strategy does not fit so many sides, or it is a soup (see `sapwood.repo.merge.models`).

    >>> base, ours, theirs = (np.array(v, "f4") for v in ([1, 1, 1], [2, 1, 1], [1, 1, 3]))
    >>> merge_tensors(TaskArithmetic(), base, [ours, theirs], name="w").tolist()
    [2.0, 1.0, 3.0]
    """
    check_sides(strategy, len(sides))
    taken = settle(base, sides, same)
    if taken is not None:
        return sides[taken]
    against = obstacle(strategy, base, sides)
    if against is not None:
        raise _conflict(name, against)
    if isinstance(strategy, Ours | Theirs):
        return sides[0 if isinstance(strategy, Ours) else -1]
    try:
        return _mixed(strategy, base, [side for side in sides if side is not None], name)
    except NoArc as reason:
        raise _conflict(name, str(reason)) from None


def _mixed(strategy: Strategy, base: Array | None, sides: list[Array], name: str) -> Array:
    match strategy:
        case Average():
            return weighted_sum(sides, [1 / len(sides)] * len(sides))
        case Weighted(weights):
            return weighted_sum(sides, [weight / sum(weights) for weight in weights])
        case Slerp(t):
            ours, theirs = sides
            return slerp(ours, theirs, t)
    if base is None:
        raise AssertionError("obstacle() lets no such strategy without a base through")
    weights = getattr(strategy, "weights", ()) or (1.0,) * len(sides)
    match strategy:
        case TaskArithmetic(scale=scale):
            return merged(base, [whole(base, side) for side in sides], weights, scale, added)
        case Ties(density=density, scale=scale):
            return merged(base, [trimmed(base, side, density) for side in sides], weights, scale, elected)
        case Dare(density=density, scale=scale, seed=seed, elect=elect):
            sparse = [
                dropped(base, side, density, seed=seed, number=number, name=name)
                for number, side in enumerate(sides)
            ]
            return merged(base, sparse, weights, scale, elected if elect else added)
    raise AssertionError(f"{strategy} is no strategy of arithmetic")


def _conflict(name: str, reason: str) -> MergeConflict:
    return MergeConflict(
        f"tensor {name!r}: {reason}", advice="Take one side's tensor, or merge by another strategy."
    )


def check_sides(strategy: Strategy, count: int) -> None:
    """Refuse a strategy that does not fit so many sides.

    Raises:
        WrongCall: It does not, or it is a soup, which is of whole models.
    """
    if isinstance(strategy, GreedySoup):
        raise WrongCall("a soup is of whole models, not of a tensor", advice="Use MergedModel.")
    weights = getattr(strategy, "weights", ())
    if weights and len(weights) != count:
        raise WrongCall("a merge wants one weight for each side", expected=count, found=len(weights))
    if isinstance(strategy, Slerp) and count != 2:
        raise WrongCall("SLERP merges two sides", found=count)
