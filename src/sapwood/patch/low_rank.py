"""Whether two matrices differ by a product of low rank, as by a merged adapter, and its factors as integers.

A randomised range finder gives the rank, weighted least squares the factors: an element counts by what its
rounding leaves known of the difference. How finely the factors are rounded, and how many components there
are, is chosen by coding a sample. The core makes the sums in one order, so that every machine finds the same.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.predicted import (
    SPREAD_OF_ONE,
    Prediction,
    encode_predicted,
)
from sapwood.codec.term import Term, encode_right
from sapwood.patch.adapter import Product
from sapwood.patch.float_values import half_ulps, is_usual, values_of

__all__ = ["LowRankTerm", "code_low_rank", "find_low_rank"]

# Smaller matrices hold too few elements for two factors to pay.
_LEAST_SIDE: Final = 64
# More elements than these say hardly more of the right factor.
_MOST_FITTED: Final = 4 << 20
# Bytes of the target that are coded to compare.
_SAMPLE: Final = 256 << 10
# A singular value this much larger than the next one may be the last that is not rounding.
_GAP: Final = 1.3
_MOST_RANK: Final = 64
# Rounds of least squares over all elements, then over those beside their rounding: others count by _INSIDE.
_PLAIN_ROUNDS: Final = 2
_ROUNDS: Final = {Level.FAST: 4, Level.DEFAULT: 16, Level.MAX: 48}
_LEFT_ROUNDS: Final = {Level.FAST: 0, Level.DEFAULT: 1, Level.MAX: 2}
_INSIDE: Final = 0.01
# Every integer up to this is a binary64.
_MOST_SUM: Final = 1 << 53
# Of the usual product of two entries of the factors, the finest unit worth a try.
_FINEST: Final = 2.0**-40
# What the residual takes more of each element, in bits, if rounded factors move products by half an ulp more.
_RESIDUAL_BITS: Final = 2.6
# Units of classes, as powers of two against the usual half ulp.
_FINENESS: Final = (-10, -9, -8, -7, -6, -5, -4)
# A rank that begins this much dearer than the best one is given up.
_HOPELESS: Final = 1.25
# Two factors must save this share of what a difference takes.
_GAIN: Final = 0.97


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class LowRankTerm(Term):
    """A term of a matrix of floats.

    Attributes:
        spread: Where the classes of a prediction begin to tell; None if they do not.
        rounds: Of the fit of a left factor.
    """

    spread: int | None
    rounds: int


@dataclasses.dataclass(frozen=True, slots=True)
class _Pair:
    """Two matrices, row after row."""

    base: memoryview
    base_element: Element
    target: memoryview
    element: Element
    columns: int

    @property
    def rows(self) -> int:
        return len(self.target) // (self.columns * self.element.width)

    def some(self, first: int, count: int) -> "_Pair":
        """Rows ``first`` to ``first + count``."""
        width, base_width = self.columns * self.element.width, self.columns * self.base_element.width
        return dataclasses.replace(
            self,
            base=self.base[first * base_width : (first + count) * base_width],
            target=self.target[first * width : (first + count) * width],
        )


def _left(pair: _Pair, term: LowRankTerm, level: Level) -> bytes | None:
    """The left factor of a pair, as a matrix payload; None if the sums of the product would not be exact."""
    values = _core.low_rank_left(
        pair.base,
        pair.base_element,
        pair.target,
        pair.element,
        term.right,
        pair.columns,
        term.exponent,
        _INSIDE,
        term.rounds,
    )
    return term.left(values, _MOST_SUM, level)


def _coded(pair: _Pair, offset: int, term: LowRankTerm, left: bytes | None, level: Level) -> Block | None:
    if left is None:
        return None
    prediction = Prediction(pair.base_element, pair.element, left=(term.exponent, left), spread=term.spread)
    return encode_predicted(prediction, pair.base, offset, pair.target, level, factors=term.factors)


def _spreads(pair: _Pair) -> Iterator[int | None]:
    yield None
    if pair.element not in SPREAD_OF_ONE:
        return
    values = values_of(pair.target, pair.element)
    usual = half_ulps(values[is_usual(values, pair.element)], pair.element)
    if len(usual):
        middle = math.frexp(float(np.median(usual)))[1] + SPREAD_OF_ONE[pair.element]
        yield from (max(middle + step, 0) for step in _FINENESS)


def _ranks(values: list[float], hint: int) -> list[int]:
    """Ranks worth a try: where a singular value stands out from the next one."""
    gaps = [k for k in range(1, len(values)) if values[k - 1] > _GAP * values[k] and 2 * k >= hint]
    return gaps[-2:]


@dataclasses.dataclass(slots=True)
class _Search:
    """Looks for the cheapest term by coding some rows in the middle of the pair."""

    pair: _Pair
    sample: _Pair
    level: Level
    spreads: list[int | None]
    tried: dict[tuple[int, int], tuple[float, LowRankTerm]] = dataclasses.field(default_factory=dict)

    def cost(self, fit: _core.LowRank, rank: int, exponent: int) -> float:
        """Bytes that the whole matrix would take; infinite if it cannot be said so."""
        if (rank, exponent) not in self.tried:
            found = self._try(fit, exponent)
            if found is None:
                return math.inf
            self.tried[rank, exponent] = found
        return self.tried[rank, exponent][0]

    def _try(self, fit: _core.LowRank, exponent: int) -> tuple[float, LowRankTerm] | None:
        right = fit.round(exponent, self.pair.rows, _INSIDE)
        blocks, factors = encode_right(right, self.pair.columns, Level.FAST)
        rounds = _LEFT_ROUNDS[self.level]
        term = LowRankTerm(self.pair.columns, exponent, right, blocks, factors, None, rounds)
        left = _left(self.sample, term, Level.FAST)
        ways = [dataclasses.replace(term, spread=spread) for spread in self.spreads]
        coded = [
            (len(block.payload), way)
            for way in ways
            if (block := _coded(self.sample, 0, way, left, Level.FAST)) is not None
        ]
        if not coded:
            return None
        size, best = min(coded, key=lambda found: found[0])
        # Which is best hardly depends on the roundings of the factors.
        self.spreads = [best.spread]
        return size * self.pair.rows / self.sample.rows + sum(len(b.payload) for b in blocks), best

    def descend(self, fit: _core.LowRank, rank: int, exponent: int) -> None:
        """Try finer and coarser roundings from ``exponent`` on for as long as they save bytes."""
        known = min((cost for cost, _ in self.tried.values()), default=math.inf)
        best = self.cost(fit, rank, exponent)
        if best > _HOPELESS * known:
            return
        for step in (-1, 1):
            at = exponent + step
            while (cost := self.cost(fit, rank, at)) < best:
                best, at = cost, at + step
            if at != exponent + step:
                return


def _first_exponent(pair: _Pair, entry: float, rank: int) -> int:
    """Where to begin: where a bit more of every number costs what it saves of the residual.

    ``entry``: the usual product of two entries of the factors.
    """
    values = values_of(pair.target, pair.element)
    usual = half_ulps(values[is_usual(values, pair.element)], pair.element)
    reach = float(np.median(usual)) if len(usual) else 1.0
    numbers = 1 / pair.rows + 1 / pair.columns
    error = reach * rank * numbers / _RESIDUAL_BITS
    # Both factors' roundings, a twelfth of their units' squares, one said more finely than the other.
    tilt = math.sqrt(pair.columns / pair.rows)
    unit = 12 * error * error / (rank * entry * (tilt + 1 / tilt)) if entry > 0 else 0.0
    # No finer than binary32 sums can tell.
    return min(max(math.frexp(max(unit, entry * _FINEST))[1], -1000), 1000)


def _begin(pair: _Pair, step: int) -> _core.LowRank:
    return _core.LowRank(pair.base, pair.base_element, pair.target, pair.element, pair.columns, step)


def _try_found(search: _Search, hint: int, step: int) -> None:
    """Terms of the ranks that the singular values speak for."""
    pair = search.pair
    fitted = -(-pair.rows // step)
    fit = _begin(pair, step)
    values = fit.find(min(2 * hint + 8, _MOST_RANK, fitted // 2, pair.columns // 2))
    for rank in reversed(_ranks(values, hint)):
        fit.take(rank)
        fit.improve(1.0, _PLAIN_ROUNDS)
        fit.improve(_INSIDE, _ROUNDS[search.level])
        entry = values[0] / math.sqrt(fitted * pair.columns * rank)
        search.descend(fit, rank, _first_exponent(pair, entry, rank))


def _try_known(search: _Search, known: Product, step: int) -> None:
    """Terms near the product that an adapter says."""
    pair = search.pair
    product = known.scaled(pair.base, pair.target, (pair.base_element, pair.element))
    fit = _begin(pair, step)
    fit.begin(product.left[::step].T.tobytes(), product.right.tobytes())
    some = product.rows(np.arange(0, pair.rows, max(pair.rows // 8, 1)))
    entry = math.sqrt(math.fsum((some * some).ravel()) / some.size / product.rank)
    if math.isfinite(entry):
        search.descend(fit, product.rank, _first_exponent(pair, entry, product.rank))


def find_low_rank(
    base: memoryview,
    target: memoryview,
    elements: tuple[Element, Element],
    columns: int,
    level: Level,
    *,
    known: Product | None = None,
) -> LowRankTerm | None:
    """The low-rank term that makes the difference of two matrices cheaper to say; mostly None.

    ``base`` and ``target`` hold as many whole rows of ``columns`` elements, each of its own of ``elements``.
    With ``known``, a product of the same shape, it is looked for near that first.
    """
    base_element, element = elements
    pair = _Pair(base, base_element, target, element, columns)
    if min(pair.rows, columns) < _LEAST_SIDE or columns * max(element.width, base_element.width) > MAX_BLOCK:
        return None
    hint = _core.low_rank_hint(base, base_element, target, element, columns)
    if hint == 0 and known is None:
        return None
    some = min(max(_SAMPLE // (columns * element.width), 1), pair.rows)
    sample = pair.some((pair.rows - some) // 2, some)
    search = _Search(pair, sample, level, list(_spreads(sample)))
    step = -(-pair.rows * columns // _MOST_FITTED)
    if known is not None and known.rank <= _core.MAX_RANK:
        _try_known(search, known, step)
        found = _worth(search)
        if found is not None or hint == 0:
            return found
    _try_found(search, hint, step)
    return _worth(search)


def _worth(search: _Search) -> LowRankTerm | None:
    """The cheapest term tried, in final form, if it is clearly better than a plain difference."""
    if not search.tried:
        return None
    cost, term = min(search.tried.values(), key=lambda found: found[0])
    pair = search.sample
    plain = encode_predicted(
        Prediction(pair.base_element, pair.element), pair.base, 0, pair.target, Level.FAST
    )
    known = len(pair.target) if plain is None else len(plain.payload)
    if cost >= _GAIN * known * search.pair.rows / pair.rows:
        return None
    blocks, factors = encode_right(term.right, term.columns, search.level)
    return dataclasses.replace(term, blocks=blocks, factors=factors)


def code_low_rank(
    base: memoryview,
    base_offset: int,
    target: memoryview,
    elements: tuple[Element, Element],
    level: Level,
    *,
    term: LowRankTerm,
) -> Block | None:
    """Some rows of a matrix with the term of the whole; ``elements``: the base's and the target's."""
    pair = _Pair(base, elements[0], target, elements[1], term.columns)
    return _coded(pair, base_offset, term, _left(pair, term, level), level)
