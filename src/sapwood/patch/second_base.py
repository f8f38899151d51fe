"""A second base: where each tensor lies in it, and how much of both bases a target is."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from sapwood.codec.element import Element
from sapwood.codec.predicted import FLOATS
from sapwood.codec.quantised import QuantisedPair
from sapwood.formats.model import Model
from sapwood.patch.float_values import half_ulps, is_usual, values_of
from sapwood.patch.match_tensors import BaseTensors
from sapwood.patch.plan import Piece
from sapwood.patch.relation import Relation

__all__ = ["find_shares", "with_seconds"]

_SAMPLE: Final = 2048
_FEWEST: Final = 64
# A share this near to a multiple of 1/64 is one: averages, and models merged by hand.
_NICE: Final = 0.02


def with_seconds(pieces: Iterable[Piece], also: Model, base_size: int) -> Iterator[Piece]:
    """The pieces, those with a counterpart in ``also`` with its place behind ``base_size`` bytes of base."""
    tensors = BaseTensors(also)
    for piece in pieces:
        yield _with_second(piece, tensors, base_size)


def _with_second(piece: Piece, tensors: BaseTensors, base_size: int) -> Piece:
    held = piece.relation
    if piece.base is None or piece.element not in FLOATS or isinstance(held, QuantisedPair):
        return piece
    relation = Relation(piece.element) if held is None else held
    place = tensors.by_name("", piece.name, relation.base_element.width)
    if place is None or place.element is not relation.base_element:
        return piece
    if place.length != relation.bytes_of_base(piece.length, piece.element):
        return piece
    move = base_size + place.offset - piece.base
    return dataclasses.replace(piece, relation=dataclasses.replace(relation, second_move=move))


def find_shares(
    base: memoryview, second: memoryview, target: memoryview, elements: tuple[Element, Element]
) -> tuple[float, ...]:
    """How far the target lies on the line from ``second`` to ``base`` and beyond; mostly one or two guesses.

    1 is the base, 0 the second one: momentum gives more than 1, an average one half.
    """
    base_element, element = elements
    step = max(len(target) // element.width // _SAMPLE, 1)
    with np.errstate(all="ignore"):
        old, other = values_of(base, base_element, step), values_of(second, base_element, step)
        new = values_of(target, element, step)
        along, moved = old - other, new - old
        good = is_usual(new, element) & np.isfinite(along) & np.isfinite(moved) & (along != 0)
        if np.count_nonzero(good) < _FEWEST:
            return ()
        reach = half_ulps(new, element)[good]
        along, moved = along[good] / reach, moved[good] / reach
        # Exact sums: the patch does not depend on the order of a machine's additions.
        square = math.fsum((along * along).tolist())
        share = 1 + math.fsum((moved * along).tolist()) / square if 0 < square < math.inf else 1.0
    if not math.isfinite(share) or share == 1:
        return ()
    nice = round(share * 64) / 64
    return (nice, share) if 0 < abs(nice - share) <= _NICE and nice != 1 else (share,)
