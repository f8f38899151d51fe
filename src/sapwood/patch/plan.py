"""What each part of the target is coded against, before any coding: a row of pieces that covers the target.

Tensors are matched by name and content; glue and opaque files by content. Nothing is compressed here.
"""

import bisect
import dataclasses
import math
from collections.abc import Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.element import Element, element_of
from sapwood.codec.encode import Level
from sapwood.codec.predicted import FLOATS
from sapwood.codec.quantised import QuantisedPair
from sapwood.codec.splice import Splice, encode_splice
from sapwood.formats.dtype import BYTES, Kind
from sapwood.formats.layout import Tensor
from sapwood.formats.model import Model, ModelFile
from sapwood.patch import limits
from sapwood.patch.byte_stream import ByteStream, file_starts
from sapwood.patch.match_tensors import BaseTensors, Place, glue_of, plain_names
from sapwood.patch.quantised_pairs import QuantisedBase
from sapwood.patch.relation import Relation
from sapwood.patch.sampling import guess_element

__all__ = ["Piece", "plan"]

# Glue that differs is searched for in the base's glue, all of it at once.
_MOST_GLUE: Final = 64 << 20
# Tables up to this size are tried as numbers that changed a little: the scales of quantised tensors.
_MOST_NUMBERS: Final = 256 << 10
# Shorter ones are better off in one splice with all their like.
_FEWEST_NUMBERS: Final = 1 << 10
# Runs of an opaque file are looked at this many bytes at a time: its arrays may be of several kinds.
_OPAQUE_STEP: Final = 1 << 20
# Shorter runs of equal bytes are not worth an entry in a splice.
_SHORTEST_RUN: Final = 8
# Shorter parts of an opaque file are tables, not arrays: they go into splices.
_FEWEST_SIMILAR: Final = 4 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """Part of the target.

    Attributes:
        start: Offset in the target's stream.
        length: Bytes, more than 0.
        base: Offset in the base's stream of what it is like; None if nothing is.
        element: How to take its bytes; None for text and tables.
        kind: For reports: the dtype's name, or "glue".
        relation: How its elements follow from other elements at ``base``; None if they are to be compared.
        columns: Elements of a row if it is rows of a matrix, else 0.
        name: The tensor's, if it is one that has a counterpart in the base.
    """

    start: int
    length: int
    base: int | None
    element: Element | None
    kind: str
    relation: Relation | QuantisedPair | None = None
    columns: int = 0
    name: str = ""


def _columns(tensor: Tensor) -> int:
    """Elements of a row of a matrix that a term may change: a convolution has one row an output."""
    if tensor.dtype.kind is Kind.BLOCK and len(tensor.shape) > 1:
        return tensor.shape[-1]
    return math.prod(tensor.shape[1:]) if len(tensor.shape) > 1 and tensor.dtype.kind is Kind.FLOAT else 0


def _float_place(
    tensors: BaseTensors,
    path: str,
    tensor: Tensor,
    data: memoryview,
    *,
    found: Place | None,
    base: ByteStream,
) -> tuple[Place | None, Relation | None]:
    """The tensor that floats come from, if not ``found``: one of other floats; and then how they follow."""
    element = element_of(tensor.dtype)
    if element not in FLOATS or (found is not None and found.element is element):
        return found, None
    if found is not None and _core.equal(base.read(found.offset, found.length), data):
        return found, None
    place = tensors.float_by_name(path, tensor.name)
    if place is None and found is None:
        place = tensors.by_cast(data, element)
    if place is None or place.element is element:
        return found, None
    return place, Relation(place.element)


def _tensor_pieces(
    file: ModelFile, start: int, tensors: BaseTensors, quantised: QuantisedBase, base_stream: ByteStream
) -> Iterator[Piece]:
    taken = plain_names(file.layout)
    before: int | str | None = file.path
    for span in file.layout.spans:
        at = start + span.offset
        if span.tensor is None:
            yield Piece(at, span.length, None, None, "glue")
            continue
        element = element_of(span.tensor.dtype)
        kind = span.tensor.dtype.name
        data = file.data[span.offset : span.offset + span.length]
        place = tensors.by_name(file.path, span.tensor.name, element.width)
        if place is None or place.length != span.length:
            place = tensors.by_content(data) or place
        if place is None and before is not None:
            place = tensors.by_order(before, span.length, element.width, taken)
        place, relation = _float_place(tensors, file.path, span.tensor, data, found=place, base=base_stream)
        before = None if place is None else place.offset
        if span.tensor.dtype is BYTES and span.length >= _FEWEST_SIMILAR:
            # Of no known type: its elements are found by content, as in an opaque file.
            same = place if place is not None and place.length == span.length else None
            parts = _opaque_part(
                file.data,
                start,
                span.offset,
                span.length,
                base=None if same is None else (base_stream.read(same.offset, same.length), 0),
                base_start=0 if same is None else same.offset,
            )
            yield from (dataclasses.replace(part, kind=kind) for part in parts)
            continue
        if (place is None or place.length != span.length) and (
            other := quantised.other_type(file.path, span.tensor)
        ) is not None:
            yield Piece(at, span.length, other[1], element, kind, other[0])
            continue
        if place is None:
            yield Piece(at, span.length, None, element, kind)
            continue
        # A grown table: the rows both have come first.
        if relation is not None:
            shared = min(place.elements, span.length // element.width) * element.width
        else:
            shared = min(place.length, span.length) // element.width * element.width
        if shared:
            way = relation or quantised.same_type(span.tensor, place.offset)
            yield Piece(at, shared, place.offset, element, kind, way, _columns(span.tensor), span.tensor.name)
        if shared < span.length:
            yield Piece(at + shared, span.length - shared, None, element, kind)


def _crosses(piece: Piece) -> bool:
    return piece.relation is not None and piece.relation.crosses


def _in_step(pieces: list[Piece], i: int, base: ByteStream) -> int | None:
    """Where glue lies in the base if its neighbours on both sides moved alike."""
    piece = pieces[i]
    places = {
        other + piece.start - pieces[j].start
        for j in (i - 1, i + 1)
        if 0 <= j < len(pieces) and (other := pieces[j].base) is not None and not _crosses(pieces[j])
    }
    if len(places) != 1:
        return None
    at = places.pop()
    return at if at >= 0 and at + piece.length <= base.size else None


def _place_glue(piece: Piece, at: int, base: ByteStream, target: ByteStream) -> Piece:
    """Glue whose counterpart in the base is known: a copy, a difference of numbers, or open to a search."""
    old, new = base.read(at, piece.length), target.read(piece.start, piece.length)
    if _core.equal(old, new):
        return dataclasses.replace(piece, base=at)
    if not _FEWEST_NUMBERS <= piece.length <= _MOST_NUMBERS:
        return piece
    splice = Splice()
    done = 0
    for start, length in [*_core.equal_runs(old, new, _SHORTEST_RUN), (piece.length, 0)]:
        splice.literal(new[done:start])
        if length:
            splice.copy(start, length)
        done = start + length
    block = encode_splice(
        splice, len(old), lambda offset, length: old[offset : offset + length], Level.DEFAULT
    )
    best, kind = len(block.payload), None
    for element in (Element.F32, Element.INT8):
        if piece.length % element.width == 0:
            coded = _core.encode_adaptive(old, new, element)
            if coded is not None and len(coded) < best:
                best, kind = len(coded), element
    return piece if kind is None else dataclasses.replace(piece, base=at, element=kind)


class _Gathered:
    """Scattered ranges of a stream joined for a search, and the way back to their offsets."""

    def __init__(self, stream: ByteStream, ranges: list[tuple[int, int]]) -> None:
        self.ranges = ranges
        self.starts = [0]
        for _, length in ranges:
            self.starts.append(self.starts[-1] + length)
        if self.starts[-1] > _MOST_GLUE:
            self.data = b""
        else:
            self.data = b"".join(stream.read(offset, length) for offset, length in ranges)

    def split(self, at: int, length: int) -> Iterator[tuple[int, int]]:
        """The joined range as (offset, length) in the stream."""
        while length:
            i = bisect.bisect_right(self.starts, at) - 1
            offset, size = self.ranges[i]
            inside = at - self.starts[i]
            take = min(length, size - inside)
            yield offset + inside, take
            at += take
            length -= take


def _search_glue(
    pieces: list[Piece], base: ByteStream, base_glue: list[tuple[int, int]], target: ByteStream
) -> list[Piece]:
    """Glue not yet placed is cut into what the base's glue holds and what is new."""
    open_glue = [(p.start, p.length) for p in pieces if p.element is None and p.base is None]
    wanted = _Gathered(target, open_glue)
    known = _Gathered(base, base_glue)
    if not wanted.data or not known.data:
        return pieces
    found: list[tuple[int, int, int]] = []
    for at, base_at, length, equal in _core.find_matches(known.data, wanted.data, limits.MATCH_MEMORY):
        if equal != length:
            new, old = wanted.data[at : at + length], known.data[base_at : base_at + length]
            found += [(at + i, base_at + i, run) for i, run in _core.equal_runs(old, new, _SHORTEST_RUN)]
        else:
            found.append((at, base_at, length))
    placed: list[Piece] = []
    for at, base_at, length in found:
        reached = at
        for base_offset, part in known.split(base_at, length):
            done = 0
            for offset, take in wanted.split(reached, part):
                placed.append(Piece(offset, take, base_offset + done, None, "glue"))
                done += take
            reached += part
    return _overlay(pieces, placed)


def _overlay(pieces: list[Piece], placed: list[Piece]) -> list[Piece]:
    """Replace the parts of unplaced glue that ``placed`` covers; both are in target order."""
    result: list[Piece] = []
    k = 0
    for piece in pieces:
        if piece.element is not None or piece.base is not None:
            result.append(piece)
            continue
        at = piece.start
        end = piece.start + piece.length
        while k < len(placed) and placed[k].start < end:
            new = placed[k]
            if new.start > at:
                result.append(Piece(at, new.start - at, None, None, "glue"))
            result.append(new)
            at = new.start + new.length
            k += 1
        if at < end:
            result.append(Piece(at, end - at, None, None, "glue"))
    return result


def _like(file: ModelFile, base: Model) -> ModelFile | None:
    """The base's file to compare an opaque one with: of the same path, else of like name and nearest size."""
    by_path = {f.path: f for f in base.files}
    if file.path in by_path:
        return by_path[file.path]
    if not base.files:
        return None
    same_suffix = [f for f in base.files if f.path.rpartition(".")[2] == file.path.rpartition(".")[2]]
    return min(same_suffix or base.files, key=lambda f: (abs(len(f.data) - len(file.data)), f.path))


def _opaque_pieces(file: ModelFile, start: int, base: Model) -> Iterator[Piece]:
    like = _like(file, base)
    runs: list[tuple[int, int, int, int]] = []
    base_start = 0
    if like is not None and len(like.data):
        base_start = file_starts(base.files)[base.files.index(like)]
        runs = _core.find_matches(like.data, file.data, limits.MATCH_MEMORY)
    at = 0
    for target_at, base_at, length, equal in runs:
        yield from _opaque_part(file.data, start, at, target_at - at)
        if equal == length:
            yield Piece(start + target_at, length, base_start + base_at, None, "opaque")
        elif like is not None and length < _FEWEST_SIMILAR:
            new, old = file.data[target_at : target_at + length], like.data[base_at : base_at + length]
            done = 0
            for run_at, run in [*_core.equal_runs(old, new, _SHORTEST_RUN), (length, 0)]:
                if run_at > done:
                    yield Piece(start + target_at + done, run_at - done, None, None, "opaque")
                if run:
                    yield Piece(
                        start + target_at + run_at, run, base_start + base_at + run_at, None, "opaque"
                    )
                done = run_at + run
        elif like is not None:
            yield from _opaque_part(
                file.data, start, target_at, length, base=(like.data, base_at), base_start=base_start
            )
        at = target_at + length
    yield from _opaque_part(file.data, start, at, len(file.data) - at)


def _opaque_part(
    data: memoryview,
    start: int,
    at: int,
    length: int,
    *,
    base: tuple[memoryview, int] | None = None,
    base_start: int = 0,
) -> Iterator[Piece]:
    """Part of an opaque file, cut so that elements of the width found are whole."""
    end = at + length
    if 0 < length < _FEWEST_SIMILAR and base is None:
        yield Piece(start + at, length, None, None, "opaque")
        return
    while at < end:
        size = min(_OPAQUE_STEP, end - at)
        old = base[0][base[1] : base[1] + size] if base is not None else None
        element, phase = guess_element(data[at : at + size], old)
        cuts = [phase, (size - phase) // element.width * element.width if element else size - phase]
        cuts.append(size - sum(cuts))
        for cut, kind in zip(cuts, (None, element, None), strict=True):
            if cut:
                old_at = base_start + base[1] if base is not None else None
                yield Piece(start + at, cut, old_at, kind or (Element.INT8 if base else None), "opaque")
                at += cut
                base = (base[0], base[1] + cut) if base is not None else None


def plan(base: Model, target: Model) -> list[Piece]:
    """Pieces that cover the target's stream in order, without hole or overlap."""
    base_stream = ByteStream.of(base)
    target_stream = ByteStream.of(target)
    tensors = BaseTensors(base)
    quantised = QuantisedBase(base)
    pieces: list[Piece] = []
    for file, start in zip(target.files, file_starts(target.files), strict=True):
        if any(span.tensor is not None for span in file.layout.spans):
            pieces += _tensor_pieces(file, start, tensors, quantised, base_stream)
        else:
            pieces += _opaque_pieces(file, start, base)
    for i, piece in enumerate(pieces):
        if (
            piece.element is None
            and piece.base is None
            and (at := _in_step(pieces, i, base_stream)) is not None
        ):
            pieces[i] = _place_glue(piece, at, base_stream, target_stream)
    base_glue = [
        (start + offset, length)
        for file, start in zip(base.files, file_starts(base.files), strict=True)
        for offset, length in glue_of(file.layout.spans)
        if any(span.tensor is not None for span in file.layout.spans)
    ]
    return _search_glue(pieces, base_stream, base_glue, target_stream)
