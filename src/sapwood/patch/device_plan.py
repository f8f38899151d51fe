"""Pieces of a target as DEVICE blocks: for each piece the cheapest of the ways to say it (SPEC, "Codec 9").

Everything is tried by coding it: a device's models are small. Nothing here does I/O.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.device_segment import Kind, Segment, encode_segments, join_copies, price
from sapwood.codec.element import Element
from sapwood.patch.byte_stream import ByteStream
from sapwood.patch.plan import Piece

__all__ = ["DeviceBlock", "DeviceLimits", "device_blocks"]

# Larger tables are not searched for multiples of what stands before: it would take seconds.
_MOST_SCALED: Final = 256 << 10
# Bytes of a tensor that are searched for copies and repeats before the rest is: a search takes 2 s for a MB.
_SAMPLE: Final = 32 << 10
# A difference that takes more than this share of a large tensor may be no relation at all.
_POOR: Final = 0.5
# A stretch this long that is as in the base is copied: it decodes at the speed of memory.
_FEWEST_COPIED: Final = 1 << 10
_WORD: Final = 4


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceLimits:
    """What a device offers to a decoder, in bytes.

    Attributes:
        state: Memory for the decoder's model, one of ``STATES``.
        behind: How far before the place where it writes the base may be read; None: as far as it goes.
        integers: It knows integers only: floats are coded as integers of their width.
    """

    state: int
    behind: int | None = None
    integers: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceBlock:
    """A coded block.

    Attributes:
        block: A DEVICE block, or a STORED one where that is smaller.
        kinds: The kinds of its pieces, by bytes.
        window: How far back, in bytes, it reads what it made; 0: never.
        behind: How far before the place where it writes it reads the base; 0: never.
    """

    block: Block
    kinds: dict[str, int]
    window: int = 0
    behind: int = 0

    @property
    def length(self) -> int:
        """Bytes of the target."""
        return self.block.length


_INTEGERS: Final = {1: Element.INT8, 2: Element.INT16, 4: Element.INT32, 8: Element.INT32}


def _element(piece: Piece, *, integers: bool) -> Element | None:
    """How a decoder on a device can take a tensor's elements: at most 4 bytes each; None for tables."""
    if piece.element is None or piece.kind == "glue":
        return None
    if integers:
        return _INTEGERS[piece.element.width]
    if piece.element.width == 8:
        return Element.INT32
    return Element.INT8 if piece.element is Element.INT4 else piece.element


@dataclasses.dataclass(slots=True)
class _Planner:
    """Plans one block. Positions are offsets in ``target``, the block's bytes.

    Attributes:
        base: All of the base.
        target: The block.
        state: Bytes of the decoder's model.
        integers: Nothing is said as floats.
        parser: Finds copies and repeats.
        least: Base offset less position is no lower where the base is read.
        shift: Base offset less position, where the base was left.
    """

    base: memoryview
    target: memoryview
    state: int
    integers: bool
    parser: _core.DeviceParser
    least: int
    shift: int = 0

    def piece(self, piece: Piece, start: int) -> list[Segment]:
        """The cheapest segments for a piece that begins at ``start``."""
        end = start + piece.length
        if piece.base is not None and self._same(start, end, piece.base - start):
            chosen = [Segment(Kind.COPY, 0, piece.length, piece.base, 0)]
        elif (element := _element(piece, integers=self.integers)) is not None:
            chosen = self._tensor(piece, start, element)
        else:
            chosen = self._table(start, end, self.shift if piece.base is None else piece.base - start)
        self.shift = self._shift_after(start, chosen)
        return chosen

    def _shift_after(self, start: int, segments: Iterable[Segment]) -> int:
        shift = self.shift
        for segment in segments:
            if segment.uses_base:
                shift = segment.place - start
            start += segment.length
        return shift

    def _in_reach(self, start: int, end: int, shift: int) -> bool:
        return shift >= self.least and start + shift >= 0 and end + shift <= len(self.base)

    def _same(self, start: int, end: int, shift: int) -> bool:
        if not self._in_reach(start, end, shift):
            return False
        return _core.equal(self.base[start + shift : end + shift], self.target[start:end])

    def _price(self, start: int, end: int, way: list[Segment]) -> int:
        return price(self.base, self.target[:end], start, way, self.state)

    def _cheapest(self, start: int, end: int, ways: list[list[Segment]]) -> list[Segment]:
        return min(ways, key=lambda way: self._price(start, end, way))

    def _parsed(self, start: int, end: int, shift: int) -> list[Segment]:
        return [Segment(*found) for found in self.parser.run(start, end, shift % (1 << 32))]

    def _elements(self, start: int, end: int, element: Element, shift: int | None) -> list[Segment]:
        """Elements, then what is no whole one as bytes; ``shift``: against the base there."""
        segments = []
        for kind in (element, Element.INT8):
            count = (end - start) // kind.width
            if count and shift is None:
                segments.append(Segment(Kind.NUMBERS, kind, count, 0, 0))
            elif count and shift is not None:
                segments.append(Segment(Kind.DIFFERENCE, kind, count, start + shift, 0))
            start += count * kind.width
        return segments

    def _difference(self, start: int, end: int, element: Element, shift: int) -> list[Segment]:
        """Differences to the base, with long stretches that are the same as copies."""
        old, new = self.base[start + shift : end + shift], self.target[start:end]
        segments = []
        at = 0
        for run, length in [*_core.equal_runs(old, new, _FEWEST_COPIED), (len(new), 0)]:
            # Elements stay whole.
            first = min(-(-run // element.width) * element.width, len(new))
            last = (run + length) // element.width * element.width
            segments += self._elements(start + at, start + first, element, shift)
            if last > first:
                segments.append(Segment(Kind.COPY, 0, last - first, start + first + shift, 0))
            at = max(first, last)
        return segments

    def _tensor(self, piece: Piece, start: int, element: Element) -> list[Segment]:
        end = start + piece.length
        alone = [self._elements(start, end, element, None), [Segment(Kind.PLAIN, 0, piece.length, 0, 0)]]
        if piece.base is None:
            return self._searched(start, end, self._cheapest(start, end, alone))
        best = self._difference(start, end, element, piece.base - start)
        if piece.length <= _SAMPLE or self._price(start, end, best) > _POOR * piece.length:
            best = self._cheapest(start, end, [best, *alone])
        return self._searched(start, end, best)

    def _searched(self, start: int, end: int, best: list[Segment]) -> list[Segment]:
        """Copies, repeats and bytes, if they take less than ``best``; of a large tensor its head decides."""
        middle = min(start + _SAMPLE, end)
        segments = self._parsed(start, middle, self.shift)
        most = self._price(start, end, best)
        if self._price(start, middle, segments) * (end - start) >= most * (middle - start):
            return best
        if middle < end:
            segments += self._parsed(middle, end, self._shift_after(start, segments))
        return segments if self._price(start, end, segments) < most else best

    def _table(self, start: int, end: int, shift: int) -> list[Segment]:
        """Glue: multiples of scales, and between them words that changed, or copies and bytes."""
        segments: list[Segment] = []
        first = -(-start // _WORD) * _WORD
        at = start
        searched = first < end and end - start <= _MOST_SCALED and not self.integers
        for offset, found in _core.find_scaled(self.target, first, end) if searched else ():
            scaled = Segment(*found)
            if self._same(offset, offset + scaled.length, shift):
                continue
            segments += self._words(at, offset, shift)
            segments.append(scaled)
            at = offset + scaled.length
        segments += self._words(at, end, shift)
        return segments

    def _words(self, start: int, end: int, shift: int) -> list[Segment]:
        if start == end:
            return []
        ways = [self._parsed(start, end, shift)]
        if self._in_reach(start, end, shift):
            aligned = min(-(-start // _WORD) * _WORD, end)
            head = self._elements(start, aligned, Element.INT8, shift)
            words = Element.INT32 if self.integers else Element.F32
            ways.append(head + self._elements(aligned, end, words, shift))
        return self._cheapest(start, end, ways)


def _cut(piece: Piece, taken: int) -> Piece:
    """The piece without its first ``taken`` bytes."""
    base = None if piece.base is None else piece.base + taken
    return dataclasses.replace(piece, start=piece.start + taken, length=piece.length - taken, base=base)


def _split(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Pieces of one block each; a piece that does not fit is cut between two elements."""
    block: list[Piece] = []
    room = MAX_BLOCK
    for piece in pieces:
        width = piece.element.width if piece.element is not None else 1
        rest = piece
        while rest.length > room:
            take = room // width * width
            if take:
                block.append(dataclasses.replace(rest, length=take))
                rest = _cut(rest, take)
            yield block
            block, room = [], MAX_BLOCK
        block.append(rest)
        room -= rest.length
    if block:
        yield block


def _window(segments: Iterable[Segment]) -> int:
    return max((s.place for s in segments if s.kind in (Kind.REPEAT, Kind.SCALED)), default=0)


def _behind(segments: Iterable[Segment], at: int) -> int:
    """How far segments that begin at ``at`` in the target read the base before the place they make."""
    most = 0
    for segment in segments:
        if segment.uses_base:
            most = max(most, at - segment.place)
        at += segment.length
    return most


def _readable(piece: Piece, behind: int) -> Piece:
    """The piece without its base if no segment can read that: of another type, or too far behind."""
    crosses = piece.relation is not None and piece.relation.crosses
    if piece.base is None or (not crosses and piece.start - piece.base <= behind):
        return piece
    return dataclasses.replace(piece, base=None, relation=None)


def device_blocks(
    pieces: Iterable[Piece], base: ByteStream, target: ByteStream, limits: DeviceLimits
) -> Iterator[DeviceBlock]:
    """The blocks of a target, at most MAX_BLOCK bytes each."""
    behind = target.size if limits.behind is None else min(limits.behind, target.size)
    old = base.read(0, base.size)
    index = _core.DeviceIndex(old)
    for part in _split(_readable(piece, behind) for piece in pieces):
        first = part[0].start
        new = target.read(first, part[-1].start + part[-1].length - first)
        least = first - behind
        planner = _Planner(
            old, new, limits.state, limits.integers, _core.DeviceParser(index, new, least), least
        )
        segments = join_copies(s for piece in part for s in planner.piece(piece, piece.start - first))
        kinds: dict[str, int] = {}
        for piece in part:
            kinds[piece.kind] = kinds.get(piece.kind, 0) + piece.length
        payload = encode_segments(old, new, segments, limits.state)
        if len(payload) < len(new):
            block = Block(Codec.DEVICE, len(new), payload)
            yield DeviceBlock(block, kinds, _window(segments), _behind(segments, first))
        else:
            yield DeviceBlock(Block(Codec.STORED, len(new), new), kinds)
