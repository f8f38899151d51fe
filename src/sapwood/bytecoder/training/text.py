"""Chooses the text of a model: those pieces of a corpus that hold most of what its sources share.

As dictionaries of other coders are chosen (COVER: Liao, Petri, Moffat, Wirth, "Effective construction of
relative Lempel-Ziv dictionaries", 2016), but with pieces as long as sentences, and each string weighed by
the sources that have it.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sapwood.bytecoder.training.corpus import Sample

__all__ = ["choose_text"]

_PIECE: Final = 512
_STRING: Final = 6
_BITS: Final = 22
# A licence or a turn of English is in files of many kinds, and counts half there.
_ELSEWHERE: Final = 0.5
# Of the text, what all kinds have alike.
_SHARED: Final = 0.15
# A kind's pieces lose so much of their worth by the power of their rank, when it comes to what stands last.
_TURNS: Final = 0.1
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)

_Strings = npt.NDArray[np.uint32]
_Numbers = npt.NDArray[np.float64]


class _Ranked(NamedTuple):
    """A piece among those of its kind, whether it is of the kind's share, and what it is worth a byte."""

    shared: bool
    value: float
    rank: int
    piece: bytes


def choose_text(samples: Sequence[Sample], size: int) -> bytes:
    """At most ``size`` bytes; the pieces that tell most come last, and the best of every kind among them.

    A part of the text is shared by all kinds alike; the rest goes to the pieces that are worth most, of
    whichever kind: code has more to learn than records. What comes last counts most, as the tables of
    contexts hold no more than the end of the text.
    """
    kinds: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        kinds[sample.kind].append(sample)
    by_kind = {kind: _sources_with(group) for kind, group in kinds.items()}
    everywhere = np.log2(np.maximum(sum(by_kind.values()), 1))
    ranked: list[_Ranked] = []
    for kind, group in kinds.items():
        worth = np.log2(np.maximum(by_kind[kind], 1)) + _ELSEWHERE * everywhere
        pieces = [piece for sample in group for piece in _pieces(sample.content)]
        share = int(size * _SHARED / len(kinds))
        for rank, (value, piece) in enumerate(_best(pieces, worth, size)):
            ranked.append(_Ranked(share >= len(piece), value, rank, piece))
            share -= len(piece)
    chosen = []
    for each in sorted(ranked, key=lambda each: (each.shared, each.value), reverse=True):
        if len(each.piece) <= size:
            chosen.append(each)
            size -= len(each.piece)
    return b"".join(
        each.piece for each in sorted(chosen, key=lambda each: each.value / (each.rank + 1) ** _TURNS)
    )


def _sources_with(samples: Iterable[Sample]) -> _Numbers:
    """By string: how many sources have it."""
    sources: dict[str, list[_Strings]] = defaultdict(list)
    for sample in samples:
        sources[sample.source].append(_strings(sample.content))
    count = np.zeros(1 << _BITS)
    for found in sources.values():
        count[np.unique(np.concatenate(found))] += 1
    return count


def _best(pieces: Sequence[bytes], worth: _Numbers, size: int) -> Iterator[tuple[float, bytes]]:
    """The best pieces first, up to ``size`` bytes, with what they are worth a byte.

    Greedily: each by the strings that it has and those before it lack.
    """
    strings = [np.unique(_strings(piece)) for piece in pieces]
    # What a piece is worth only falls as others are taken: the best one that is as good when looked at
    # again is taken.
    best = [(-_worth(worth, strings[i], pieces[i]), i) for i in range(len(pieces))]
    heapq.heapify(best)
    while best:
        _, i = heapq.heappop(best)
        now = -_worth(worth, strings[i], pieces[i])
        if best and now > best[0][0]:
            heapq.heappush(best, (now, i))
        elif len(pieces[i]) <= size:
            yield -now, pieces[i]
            size -= len(pieces[i])
            worth[strings[i]] = 0


def _worth(worth: _Numbers, strings: _Strings, piece: bytes) -> float:
    return float(worth[strings].sum()) / len(piece)


def _pieces(content: bytes) -> Iterable[bytes]:
    return (content[at : at + _PIECE] for at in range(0, len(content), _PIECE))


def _strings(content: bytes) -> _Strings:
    """A hash of each string of ``_STRING`` bytes."""
    data = np.frombuffer(content, np.uint8).astype(np.uint64)
    count = max(0, len(data) - _STRING + 1)
    hashes = np.zeros(count, np.uint64)
    for i in range(_STRING):
        hashes = hashes * _MULTIPLIER + data[i : i + count] + np.uint64(1)
    return (hashes >> np.uint64(64 - _BITS)).astype(np.uint32)
