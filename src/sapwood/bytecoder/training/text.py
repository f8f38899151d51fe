"""Chooses the text of a model: those pieces of a corpus that hold most of what its sources share.

As dictionaries of other coders are chosen (COVER: Liao, Petri, Moffat, Wirth, "Effective construction of
relative Lempel-Ziv dictionaries", 2016), but with pieces as long as sentences, and each string weighed by
the sources that have it.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Final

import numpy as np
import numpy.typing as npt

from sapwood.bytecoder.training.corpus import Sample

__all__ = ["choose_text"]

_PIECE: Final = 2048
_STRING: Final = 6
_BITS: Final = 22
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)

_Strings = npt.NDArray[np.uint32]


def choose_text(samples: Sequence[Sample], size: int) -> bytes:
    """At most ``size`` bytes, of all kinds alike; the pieces that tell most come last."""
    kinds: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        kinds[sample.kind].append(sample)
    # A kind that has little leaves its room to the others.
    chosen: list[list[bytes]] = []
    room, waiting = size, len(kinds)
    for of_kind in sorted(kinds.values(), key=lambda group: sum(len(sample.content) for sample in group)):
        pieces = _of_kind(of_kind, room // waiting)
        room -= sum(map(len, pieces))
        waiting -= 1
        chosen.append(pieces[::-1])
    # The last one of each kind at the end.
    rounds = list(zip_longest(*(pieces[::-1] for pieces in chosen)))[::-1]
    return b"".join(piece for piece in chain.from_iterable(rounds) if piece is not None)


def _of_kind(samples: Sequence[Sample], size: int) -> list[bytes]:
    """The best pieces first: greedily, each by what it has and those before it lack."""
    sources: dict[str, list[_Strings]] = defaultdict(list)
    for sample in samples:
        sources[sample.source].append(_strings(sample.content))
    known_by = np.zeros(1 << _BITS, np.float32)
    for found in sources.values():
        known_by[np.unique(np.concatenate(found))] += 1
    worth = np.log2(np.maximum(known_by, 1))
    pieces = [piece for sample in samples for piece in _pieces(sample.content)]
    strings = [np.unique(_strings(piece)) for piece in pieces]
    # What a piece is worth only falls as others are taken: one that is still the best when looked at again
    # is the best.
    best = [(-_worth(worth, strings[i], pieces[i]), i) for i in range(len(pieces))]
    heapq.heapify(best)
    out: list[bytes] = []
    while best:
        _, i = heapq.heappop(best)
        now = -_worth(worth, strings[i], pieces[i])
        if best and now > best[0][0]:
            heapq.heappush(best, (now, i))
        elif len(pieces[i]) <= size:
            out.append(pieces[i])
            size -= len(pieces[i])
            worth[strings[i]] = 0
    return out


def _worth(worth: npt.NDArray[np.float32], strings: _Strings, piece: bytes) -> float:
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
