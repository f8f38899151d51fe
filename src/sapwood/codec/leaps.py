"""64-bit spans in which single elements leap further than NUMERIC can say, as zero and its neighbours do."""

from collections.abc import Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.block import Block
from sapwood.codec.element import Element
from sapwood.codec.encode import Level, encode_span

__all__ = ["encode_spans"]

# Elements round a leap that are coded apart: few enough for ADAPTIVE, which says any difference.
_AROUND: Final = 256
# Where more than one in so many leaps, the span is taken to be like nothing.
_RARE: Final = 1024


def encode_spans(
    base: memoryview, base_offset: int, target: memoryview, element: Element, level: Level
) -> tuple[Block, ...]:
    """What :func:`~sapwood.codec.encode.encode_span` makes; in several blocks where a few elements leap."""
    if element.width == 8:
        leaps = _core.find_leaps(base, target, element, len(target) // 8 // _RARE + 1)
        if leaps:
            return tuple(
                encode_span(base[start:stop], base_offset + start, target[start:stop], element, level)
                for start, stop in _parts(leaps, len(target))
            )
    return (encode_span(base, base_offset, target, element, level),)


def _parts(leaps: list[int], size: int) -> Iterator[tuple[int, int]]:
    """Spans of bytes that hold leaps, and those between."""
    around = 8 * _AROUND
    done = 0
    for part in sorted({leap // _AROUND for leap in leaps}):
        start, stop = part * around, min((part + 1) * around, size)
        if start > done:
            yield done, start
        yield start, stop
        done = stop
    if done < size:
        yield done, size
