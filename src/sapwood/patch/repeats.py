"""Tensors that are elsewhere as they are: in the base under another name, or earlier in the target itself.

Tied weights saved under two names, layers repeated or moved by a merge, an average that is the model still;
in one file or across the files of a folder. They are found by a few bytes of each, then compared. What is
copied from the target is kept for it (SPEC, "Manifest", KEPT).
"""

import bisect
import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sapwood import _core
from sapwood.codec.element import Element, element_of
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import ByteStream, file_starts
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.plan import Piece

__all__ = ["with_repeats"]

# What costs less than a receiver's trouble to keep it.
_SMALLEST: Final = 4 << 10
_SAMPLE: Final = 64
# Tensors that look alike in the sample and differ; nearly never is there a second.
_MOST_ALIKE: Final = 4


class _Tensor(NamedTuple):
    start: int
    length: int
    element: Element
    kind: str


class _Place(NamedTuple):
    """Where bytes are: in the base's stream or the target's."""

    start: int
    in_base: bool


def _tensors(model: Model) -> Iterator[_Tensor]:
    for file, start in zip(model.files, file_starts(model.files), strict=True):
        for span, tensor in file.layout.tensors():
            if span.length >= _SMALLEST:
                element = element_of(tensor.dtype)
                yield _Tensor(start + span.offset, span.length, element, tensor.dtype.name)


class _Known:
    """Tensors by their length and a sample."""

    def __init__(self, base: ByteStream, target: ByteStream) -> None:
        self._streams = {True: base, False: target}
        self._places: dict[tuple[int, bytes], list[_Place]] = defaultdict(list)

    def _alike(self, place: _Place, length: int) -> list[_Place]:
        stream = self._streams[place.in_base]
        ends = (place.start, place.start + length // 2, place.start + length - _SAMPLE)
        return self._places[length, b"".join(bytes(stream.read(at, _SAMPLE)) for at in ends)]

    def _read(self, place: _Place, length: int) -> memoryview:
        return self._streams[place.in_base].read(place.start, length)

    def add(self, tensor: _Tensor, *, in_base: bool) -> None:
        """One more, unless there are many that look like it."""
        place = _Place(tensor.start, in_base)
        alike = self._alike(place, tensor.length)
        count = sum(other.in_base is in_base for other in alike)
        if count < _MOST_ALIKE and not self._is_constant(tensor, place):
            alike.append(place)

    def _is_constant(self, tensor: _Tensor, place: _Place) -> bool:
        """Whether all elements are one: such a tensor costs next to nothing wherever it stands."""
        data = self._read(place, tensor.length)
        return _core.equal(data[tensor.element.width :], data[: -tensor.element.width])

    def find(self, tensor: _Tensor, place_in_base: int) -> _Place | None:
        """The first that is the same as one of the target, other than the one it is compared with already."""
        here, looked_at = _Place(tensor.start, False), _Place(place_in_base, True)
        alike = self._alike(here, tensor.length)
        data = self._read(here, tensor.length)
        if looked_at in alike:
            # Most tensors hardly change: only for an earlier one in the target is it worth to look closer.
            alike = [place for place in alike if not place.in_base]
            if alike and _core.equal(self._read(looked_at, tensor.length), data):
                return None
        return next((place for place in alike if _core.equal(self._read(place, tensor.length), data)), None)


class _Plan:
    """Pieces in target order, by the tensors that they make up."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._starts = [piece.start for piece in pieces]

    def of(self, start: int, length: int) -> Sequence[Piece]:
        """The pieces of a tensor."""
        first, last = (bisect.bisect_left(self._starts, at) for at in (start, start + length))
        return self._pieces[first:last]

    def with_others(self, others: dict[int, list[Piece]]) -> list[Piece]:
        """All pieces, some tensors' replaced by others, which are named by where they start."""
        result: list[Piece] = []
        reached = 0
        for start, instead in sorted(others.items()):
            result += self._pieces[reached : bisect.bisect_left(self._starts, start)]
            result += instead
            reached = bisect.bisect_left(self._starts, instead[-1].start + instead[-1].length)
        return [*result, *self._pieces[reached:]]


def with_repeats(
    pieces: Sequence[Piece], models: tuple[Model, Model], base: ByteStream, target: ByteStream
) -> tuple[list[Piece], KeptSpans]:
    """The pieces, those of repeated tensors as copies; and what has to be kept, at offsets behind ``base``.

    ``models``: base and target. What the base holds is copied from there: that keeps nothing.
    """
    known = _Known(base, target)
    for tensor in _tensors(models[0]):
        known.add(tensor, in_base=True)
    plan = _Plan(pieces)
    copied: list[tuple[_Tensor, _Place]] = []
    others: dict[int, list[Piece]] = {}
    for tensor in _tensors(models[1]):
        own = plan.of(tensor.start, tensor.length)
        place = known.find(tensor, -1 if own[0].base is None else own[0].base)
        if place is None:
            known.add(tensor, in_base=False)
            continue
        copied.append((tensor, place))
        first = plan.of(place.start, tensor.length)
        if not place.in_base and first[0].base is None and own[0].base is not None:
            # Of an average and its model the later one may be the one that the base knows by name.
            move = place.start - tensor.start
            others.setdefault(place.start, [dataclasses.replace(p, start=p.start + move) for p in own])
    lengths = {place.start: tensor.length for tensor, place in copied if not place.in_base}
    kept = KeptSpans(sorted(lengths.items()))
    for tensor, place in copied:
        at = place.start if place.in_base else base.size + kept.before(place.start)
        others[tensor.start] = [Piece(tensor.start, tensor.length, at, tensor.element, tensor.kind)]
    return plan.with_others(others), kept
