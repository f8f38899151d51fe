"""Which tensor of one sketch is which of another's, and which of their runs are of the same place.

By contents where they are known, then by place if all sizes are those of the other model, else by name; and
where the winners do not bear that out, by the winners: each that both have is a vote.
"""

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.kinship import limits
from sapwood.kinship.signature import keys_of
from sapwood.kinship.sketch import NO_WINNER, Sketch

__all__ = ["Alignment", "align"]

Numbers = npt.NDArray[np.int64]

# Chance gives one vote now and then, and two hardly ever.
_LEAST_VOTES: Final = 2
# Strangers agree in one winner of 128; what agrees in fewer than this is looked for elsewhere.
_BORNE_OUT: Final = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class Alignment:
    """What of a ``target`` is what of a ``base``.

    Attributes:
        tensors: For each tensor of the target the number of the base's, or -1.
        runs: Numbers of the target's runs that the base has sampled too.
        base_runs: Those of the base's runs at the same places.
        agreed: For each tensor of the target, groups of those runs whose winner is the same.
        compared: For each tensor of the target, groups of those runs that have a winner in both.
    """

    tensors: Numbers
    runs: Numbers
    base_runs: Numbers
    agreed: Numbers
    compared: Numbers


def align(target: Sketch, base: Sketch) -> Alignment:
    """Align two sketches."""
    first = _by_contents(target, base)
    rest = first < 0
    guess = _by_place(target, base) if _alike(target, base) else _by_name(target, base)
    found = _joined(target, base, np.where(rest, guess, first))
    doubtful = rest & (target.held > 0) & (found.agreed <= _BORNE_OUT * found.compared)
    if not doubtful.any():
        return found
    voted = _by_votes(target, base)
    better = doubtful & (voted >= 0) & (voted != found.tensors)
    if not better.any():
        return found
    return _joined(target, base, np.where(better, voted, found.tensors))


def _alike(target: Sketch, base: Sketch) -> bool:
    return np.array_equal(target.tensors["values"], base.tensors["values"])


def _by_place(target: Sketch, _base: Sketch) -> Numbers:
    return np.arange(len(target.tensors))


def _by_name(target: Sketch, base: Sketch) -> Numbers:
    return _looked_up(target.tensors["name"], base.tensors["name"])


def _by_contents(target: Sketch, base: Sketch) -> Numbers:
    if not target.tensors["contents"].any():
        return np.full(len(target.tensors), -1)
    found = _looked_up(target.tensors["contents"], base.tensors["contents"])
    return np.where(target.tensors["contents"] == 0, -1, found)


def _looked_up(wanted: npt.NDArray[Any], given: npt.NDArray[Any]) -> Numbers:
    """For each that is wanted, where it is given first, or -1."""
    if not len(given):
        return np.full(len(wanted), -1)
    order = np.argsort(given, kind="stable")
    at = np.minimum(np.searchsorted(given, wanted, sorter=order), len(given) - 1)
    return np.where(given[order[at]] == wanted, order[at], -1)


def _joined(target: Sketch, base: Sketch, tensors: Numbers) -> Alignment:
    of, places = target.places
    if np.array_equal(tensors, np.arange(len(base.tensors))) and _same_places(target, base):
        runs = base_runs = np.arange(len(of))
    else:
        base_of, base_places = base.places
        # Both numbers fit: 2048 tensors, and runs below 2**52.
        wanted = tensors[of].astype(np.uint64) << np.uint64(52) | places
        at = _looked_up(wanted, base_of.astype(np.uint64) << np.uint64(52) | base_places)
        runs = np.flatnonzero((tensors[of] >= 0) & (at >= 0))
        base_runs = at[runs]
    ours, theirs = target.runs["winners"][runs], base.runs["winners"][base_runs]
    both = (ours != NO_WINNER) & (theirs != NO_WINNER)
    count = len(target.tensors)
    agreed = np.bincount(of[runs], np.count_nonzero((ours == theirs) & both, axis=1), minlength=count)
    compared = np.bincount(of[runs], np.count_nonzero(both, axis=1), minlength=count)
    return Alignment(tensors, runs, base_runs, agreed.astype(np.int64), compared.astype(np.int64))


def _same_places(target: Sketch, base: Sketch) -> bool:
    return target.places[0] is base.places[0]


def _by_votes(target: Sketch, base: Sketch) -> Numbers:
    """For each tensor of the target the one of the base that has most of its winners, or -1."""
    found = np.full(len(target.tensors), -1)
    ours, our_pairs = keys_of(target)
    theirs, their_pairs = keys_of(base)
    if not len(ours) or not len(theirs):
        return found
    order = np.argsort(theirs)
    theirs = theirs[order]
    start, end = (np.searchsorted(theirs, ours, side) for side in ("left", "right"))
    # What many tensors share tells little, and would cost a vote for each.
    counts = np.where(end - start <= limits.GROUPS, end - start, 0)
    voters = np.repeat(target.places[0][our_pairs // 2], counts)
    within = np.arange(len(voters)) - np.repeat(np.cumsum(counts) - counts, counts)
    votes = base.places[0][their_pairs[order[np.repeat(start, counts) + within]] // 2]
    pairs, many = np.unique(voters * len(base.tensors) + votes, return_counts=True)
    kept = many >= _LEAST_VOTES
    pairs, many = pairs[kept], many[kept]
    last = np.argsort(many, kind="stable")
    # Of assignments to one place the last stands: the pair with most votes.
    found[pairs[last] // len(base.tensors)] = pairs[last] % len(base.tensors)
    return found
