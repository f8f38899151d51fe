"""Tensors that are elsewhere as they are: in the base under another name, or earlier in the target itself.

Tied weights saved under two names, layers repeated or moved by a merge, an average that is the model still;
in one file or across the files of a folder. They are found by a few bytes of each, then compared. What is
copied from the target is kept for it (SPEC, "Manifest", KEPT).
"""

import bisect
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


def with_repeats(
    pieces: Sequence[Piece], models: tuple[Model, Model], base: ByteStream, target: ByteStream
) -> tuple[list[Piece], KeptSpans]:
    """The pieces, those of repeated tensors as copies; and what has to be kept, at offsets behind ``base``.

    ``models``: base and target. What the base holds is copied from there: that keeps nothing.
    """
    known = _Known(base, target)
    for tensor in _tensors(models[0]):
        known.add(tensor, in_base=True)
    starts = [piece.start for piece in pieces]
    copied: list[tuple[_Tensor, _Place]] = []
    for tensor in _tensors(models[1]):
        piece = pieces[bisect.bisect_left(starts, tensor.start)]
        place = known.find(tensor, piece.base if piece.base is not None else -1)
        if place is not None:
            copied.append((tensor, place))
        else:
            known.add(tensor, in_base=False)
    lengths = {place.start: tensor.length for tensor, place in copied if not place.in_base}
    kept = KeptSpans(sorted(lengths.items()))
    result: list[Piece] = []
    reached = 0
    for tensor, place in copied:
        at = place.start if place.in_base else base.size + kept.before(place.start)
        begin, end = (bisect.bisect_left(starts, x) for x in (tensor.start, tensor.start + tensor.length))
        result += pieces[reached:begin]
        result.append(Piece(tensor.start, tensor.length, at, tensor.element, tensor.kind))
        reached = end
    return [*result, *pieces[reached:]], kept
