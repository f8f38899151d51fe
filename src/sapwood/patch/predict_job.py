"""Jobs whose elements are predicted from the base before the difference is taken (SPEC, "Codec 6")."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from sapwood.codec.block import Block
from sapwood.codec.element import Element
from sapwood.codec.encode import SAMPLE, Level, encode_span
from sapwood.codec.predicted import FLOATS, SPREAD_OF_ONE, Prediction, encode_predicted
from sapwood.patch.float_values import half_ulps, is_usual, values_of
from sapwood.patch.low_rank import code_low_rank
from sapwood.patch.relation import Relation
from sapwood.patch.scale_search import find_scales
from sapwood.patch.second_base import find_shares

__all__ = ["code_related", "code_scaled"]

# Bytes of a payload that says a cast and nothing more.
_HEADER: Final = 2
# A second base must save this share of a block: who applies the patch has to have it.
_SECOND_GAIN: Final = 0.95
# A block that takes more than this share of its target may be related to nothing.
_POOR: Final = 0.6
# Elements that fewer bytes hold are not searched for a scale.
_FEWEST: Final = 1 << 10
# A scale must leave no more than this share of what a difference takes, on so many bytes.
_GLANCE: Final = 8 << 10
_GAIN: Final = {Level.FAST: 0.9, Level.DEFAULT: 0.98, Level.MAX: 0.98}
_MOST_SCALES: Final = {Level.FAST: 1, Level.DEFAULT: 2, Level.MAX: 2}
_MOST_SPREAD: Final = 2047
# How fine the classes may be against the errors that a prediction leaves, as powers of two.
_FINENESS: Final = (1, -1, -3)


def _middle(data: memoryview, elements: int, width: int) -> memoryview:
    count = len(data) // width
    start = (count - min(elements, count)) // 2
    return data[start * width : (start + min(elements, count)) * width]


def _spreads(
    prediction: Prediction, base: memoryview, target: memoryview, second: memoryview | None
) -> Iterable[int]:
    """Spreads worth a try, by how far beyond their rounding the elements lie from what predicts them."""
    if prediction.element not in SPREAD_OF_ONE:
        return ()
    new = values_of(target, prediction.element)
    good = is_usual(new, prediction.element)
    scale = 1.0 if prediction.scale is None else prediction.scale
    with np.errstate(all="ignore"):
        predicted = scale * values_of(base, prediction.base_element)
        if second is not None and prediction.second is not None:
            predicted += prediction.second[0] * values_of(second, prediction.base_element)
        error = np.abs(new - predicted)
        beyond = (error - half_ulps(new, prediction.element))[good]
    beyond = beyond[(beyond > 0) & (beyond < np.inf)]
    if not len(beyond):
        return ()
    middle = math.frexp(float(np.median(beyond)))[1] + SPREAD_OF_ONE[prediction.element]
    return {min(max(middle + step, 0), _MOST_SPREAD) for step in _FINENESS}


def _size(
    prediction: Prediction, base: memoryview, target: memoryview, second: memoryview | None = None
) -> int:
    """Coded bytes of the target at the fastest level."""
    block = encode_predicted(prediction, base, 0, target, Level.FAST, second=second)
    return len(target) if block is None else len(block.payload)


def _best(
    predictions: Iterable[Prediction], base: memoryview, target: memoryview, second: memoryview | None = None
) -> tuple[int, Prediction]:
    """The prediction that codes a sample best, with the spread that does, and the sample's size coded."""
    found: list[tuple[int, int, Prediction]] = []
    for prediction in predictions:
        spreads = [None, *sorted(_spreads(prediction, base, target, second))]
        tried = [dataclasses.replace(prediction, spread=spread) for spread in spreads]
        found += [(_size(each, base, target, second), i, each) for i, each in enumerate(tried, len(found))]
    size, _, best = min(found, key=lambda item: item[:2])
    return size, best


def _scaled(plain: Prediction, base: memoryview, target: memoryview) -> tuple[Prediction, ...]:
    scales = find_scales(base, plain.base_element, target, plain.element)
    return tuple(dataclasses.replace(plain, scale=scale) for scale in scales)


def _cast(
    base: memoryview, base_offset: int, target: memoryview, elements: tuple[Element, Element], level: Level
) -> Block | None:
    """Code floats that are others rounded, and perhaps scaled before."""
    plain = Prediction(*elements)
    block = encode_predicted(plain, base, base_offset, target, Level.FAST)
    # An exact cast is that and nothing more.
    if block is not None and len(block.payload) <= _HEADER:
        return block
    count = SAMPLE // plain.element.width
    samples = _middle(base, count, plain.base_element.width), _middle(target, count, plain.element.width)
    _, best = _best((plain, *_scaled(plain, base, target)), *samples)
    return encode_predicted(best, base, base_offset, target, level)


def _between(
    base: memoryview,
    base_offset: int,
    target: memoryview,
    elements: tuple[Element, Element],
    level: Level,
    *,
    second: memoryview,
    move: int,
) -> Block | None:
    """Code floats as a share of the base and the rest of a second one, ``move`` bytes behind it."""
    ways = [
        Prediction(*elements, scale=share, second=(1 - share, move))
        for share in find_shares(base, second, target, elements)
    ]
    if not ways:
        return None
    count = SAMPLE // elements[1].width
    old, other = (_middle(data, count, elements[0].width) for data in (base, second))
    _, best = _best(ways, old, _middle(target, count, elements[1].width), other)
    return encode_predicted(best, base, base_offset, target, level, second=second)


def code_related(
    base: memoryview,
    base_offset: int,
    target: memoryview,
    element: Element,
    level: Level,
    *,
    relation: Relation,
    second: memoryview | None = None,
) -> tuple[Block, tuple[Block, ...]]:
    """Code floats that follow from other floats, and the FACTORS blocks that it takes before.

    ``second``: what lies ``relation.second_move`` bytes behind the base. The block has been decoded and
    compared.
    """
    elements = relation.base_element, element
    found: list[tuple[Block | None, tuple[Block, ...]]] = []
    if relation.term is not None:
        block = code_low_rank(base, base_offset, target, elements, level, term=relation.term)
        found.append((block, relation.term.blocks))
    if relation.base_element is not element:
        found.append((_cast(base, base_offset, target, elements, level), ()))
    else:
        block = encode_span(base, base_offset, target, element, level)
        found.append((block, ()))
        scaled = code_scaled(base, base_offset, target, element, level, cost=len(block.payload))
        found.append((scaled, ()))
    known = [(block, factors) for block, factors in found if block is not None]
    if not known or min(len(block.payload) for block, _ in known) >= _POOR * len(target):
        known.append((encode_span(None, 0, target, element, level), ()))
    best = min(known, key=lambda way: len(way[0].payload))
    if second is not None and relation.second_move is not None:
        move = relation.second_move
        block = _between(base, base_offset, target, elements, level, second=second, move=move)
        if block is not None and len(block.payload) < _SECOND_GAIN * len(best[0].payload):
            return block, ()
    return best


def code_scaled(
    base: memoryview, base_offset: int, target: memoryview, element: Element, level: Level, *, cost: int
) -> Block | None:
    """Code floats as a multiple of the base's if, by a sample, that takes less than ``cost``; mostly None."""
    if element not in FLOATS or len(target) < _FEWEST:
        return None
    plain = Prediction(element, element)
    scaled = _scaled(plain, base, target)[: _MOST_SCALES[level]]
    if not scaled:
        return None
    count = _GLANCE // element.width
    glance = _middle(base, count, element.width), _middle(target, count, element.width)
    if min(_size(each, *glance) for each in scaled) * len(target) >= _GAIN[level] * cost * len(glance[1]):
        return None
    count = SAMPLE // element.width
    _, best = _best(scaled, _middle(base, count, element.width), _middle(target, count, element.width))
    return encode_predicted(best, base, base_offset, target, level)
