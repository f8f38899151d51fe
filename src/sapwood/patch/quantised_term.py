"""The low-rank part of what a training changed in a quantised matrix: it foretells where codes go.

An update of all weights is no product of low rank, but a few components often hold a fifth of its square.
How many pay is foreseen from their singular values and not tried: a component saves what it takes from the
square of the rest, and costs its numbers.
"""

import math
from typing import Final

import numpy as np

from sapwood import _core
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.quantised import QuantisedPair, encode_quantised
from sapwood.codec.term import Term, encode_right

__all__ = ["find_quantised_term"]

_LEAST_SIDE: Final = 64
# Elements that are looked at for the right factor, and components looked for.
_MOST_FITTED: Final = 1 << 20
_MOST_RANK: Final = {Level.DEFAULT: 16, Level.MAX: 32}
_BEYOND: Final = 8
# Bits that a number of a factor takes, rounded as coarsely as pays.
_BITS: Final = 2.6
# Where fewer rows moved, as in an embedding, components say less than they cost.
_MOVED: Final = 0.5
# Bytes of the target coded to compare, and what share of a block the term must leave at most.
_SAMPLE: Final = 128 << 10
_GAIN: Final = 0.995


def _moved(base: memoryview, target: memoryview, rows: int) -> float:
    """The share of rows that changed at all."""
    old, new = (np.frombuffer(data, np.uint8).reshape(rows, -1) for data in (base, target))
    return float(np.count_nonzero((old != new).any(axis=1))) / rows


def _rank(values: list[float], energy: float, rows: int, columns: int) -> int:
    """How many components pay; ``energy`` is the sum of all singular values' squares."""
    rest = energy
    saved, best, rank = 0.0, 0.0, 0
    for k, value in enumerate(values, 1):
        left = rest - value * value
        if left <= 0:
            break
        saved += rows * columns / 2 * math.log2(rest / left) - (rows + columns) * _BITS
        rest = left
        if saved > best:
            best, rank = saved, k
    return rank


def _exponent(values: list[float], energy: float, rows: int, columns: int) -> int:
    """Where half a bit more of every number costs what it saves of the residual."""
    rest = energy - math.fsum(value * value for value in values)
    error = rest / (rows * columns) * len(values) * (1 / rows + 1 / columns)
    tilt = math.sqrt(columns / rows)
    spread = math.fsum(values) * (1 / (tilt * columns) + tilt / rows) / 12
    return min(max(math.frexp(error / spread)[1], -126), 127)


def _found(
    pair: QuantisedPair, base: memoryview, target: memoryview, columns: int, level: Level
) -> Term | None:
    old, new = pair.values(base), pair.values(target)
    rows = len(new) // (4 * columns)
    step = -(-rows * columns // _MOST_FITTED)
    fit = _core.LowRank(old, Element.F32, new, Element.F32, columns, step, even=True)
    fitted = -(-rows // step)
    most = min(_MOST_RANK[level], fitted // 2, columns // 2)
    energy = fit.energy() * rows / fitted
    if energy <= 0:
        return None
    values = [value * math.sqrt(rows / fitted) for value in fit.find(min(most + _BEYOND, columns, fitted))]
    rank = _rank(values[:most], energy, rows, columns)
    if rank == 0:
        return None
    fit.take(rank)
    fit.improve(1.0, 1)
    exponent = _exponent(values[:rank], energy, rows, columns)
    right = fit.round(exponent, rows, 1.0)
    blocks, factors = encode_right(right, columns, level)
    return Term(columns, exponent, right, blocks, factors)


def find_quantised_term(
    pair: QuantisedPair, base: memoryview, target: memoryview, columns: int, level: Level
) -> QuantisedPair:
    """The pair, with the term of a matrix where that pays.

    ``base`` and ``target`` hold as many elements of the pair's types, in rows of ``columns``.
    """
    if level not in _MOST_RANK or pair.crosses or columns % pair.target.block_elements:
        return pair
    rows, rest = divmod(len(target), pair.target.nbytes(columns))
    if rest or min(rows, columns) < _LEAST_SIDE or columns > _core.MAX_CODES:
        return pair
    if _moved(base, target, rows) < _MOVED:
        return pair
    term = _found(pair, base, target, columns, level)
    if term is None:
        return pair
    with_term = QuantisedPair(pair.target, pair.base, term)
    row = pair.target.nbytes(columns)
    some = min(max(_SAMPLE // row, 1), with_term.most_bytes() // row, rows)
    at = (rows - some) // 2 * row
    samples = base[at : at + some * row], target[at : at + some * row]
    plain, foretold = (
        len(encode_quantised(way, samples[0], 0, samples[1], Level.FAST).payload) for way in (pair, with_term)
    )
    said = sum(len(block.payload) for block in term.blocks)
    return with_term if (foretold + said * some / rows) < _GAIN * plain else pair
