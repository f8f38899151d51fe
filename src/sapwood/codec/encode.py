"""A span of the target, and perhaps one of the base -> the cheapest block, chosen on a sample if large."""

import enum
from typing import Final

from sapwood import _core
from sapwood.codec.block import Block, Codec
from sapwood.codec.element import Element
from sapwood.codec.scattered import encode_scattered
from sapwood.codec.zstandard_frames import compress, decompress

__all__ = ["SAMPLE", "Level", "encode_plain", "encode_span"]

# Below this a block's tables cost more than they save.
_TABLES_FROM: Final = 2 << 10
SAMPLE: Final = 32 << 10
"""Bytes looked at when kinds of coding are compared on a sample."""
# A difference that leaves more than this share may be no relation at all.
_POOR: Final = 0.6
_ZSTD_LEVEL: Final = {0: 3, 1: 9, 2: 19}


class Level(enum.IntEnum):
    """How much time to spend on size."""

    FAST = 0
    DEFAULT = 1
    MAX = 2


# The adaptive coder takes 5 to 40 MB/s: always tried up to the first size, where it may pay up to the second.
_ADAPTIVE_ALWAYS: Final = 8 << 10
_ADAPTIVE_TO: Final = {Level.FAST: 0, Level.DEFAULT: 48 << 10, Level.MAX: 256 << 10}


def _adaptive_may_win(size: int, tables: int | None, level: Level) -> bool:
    """Whether to try it, given what the coder with tables took, if that was tried and did not fail.

    Of blocks that hardly compress, tables are a small part: there it gains too little for its time.
    """
    if size < _TABLES_FROM or level is Level.MAX:
        return size <= _ADAPTIVE_TO[Level.MAX]
    return size <= _ADAPTIVE_TO[level] and (
        tables is None or tables < _POOR * size or size <= _ADAPTIVE_ALWAYS
    )


def _elements(
    base: memoryview | None, target: memoryview, element: Element, level: Level
) -> tuple[Codec, bytes] | None:
    """Every element, with tables or adaptively."""
    found: list[tuple[Codec, bytes]] = []
    if len(target) >= _TABLES_FROM:
        coded = _core.encode_numeric(base, target, element, level)
        if coded is not None:
            found.append((Codec.NUMERIC, coded))
    if _adaptive_may_win(len(target), len(found[0][1]) if found else None, level):
        coded = _core.encode_adaptive(base, target, element)
        if coded is not None:
            found.append((Codec.ADAPTIVE, coded))
    return min(found, key=lambda pair: len(pair[1]), default=None)


def _numeric(
    base: memoryview | None, target: memoryview, element: Element, level: Level
) -> tuple[Codec, bytes] | None:
    """The elements that change alone, if they are few and far apart, or every element."""
    if base is not None and len(target) >= _TABLES_FROM:
        scattered = encode_scattered(base, target, element, level, thorough=level is Level.MAX)
        if scattered is not None:
            return Codec.SCATTERED, scattered
    return _elements(base, target, element, level)


def _sample(data: memoryview, width: int) -> memoryview:
    size = min(SAMPLE, len(data)) // width * width
    start = (len(data) - size) // 2 // width * width
    return data[start : start + size]


def _zstd_wins(target: memoryview, coded: int) -> bool:
    """Whether general compression of a sample does clearly better than ``coded`` bytes for the whole."""
    sample = _sample(target, 1)
    return len(compress(sample, 3)) * len(target) < 0.97 * coded * len(sample)


def _raw_may_win(target: memoryview, element: Element, coded: int) -> bool:
    sample = _sample(target, element.width)
    raw = _core.encode_numeric(None, sample, element, Level.FAST)
    return raw is not None and len(raw) * len(target) < 1.01 * coded * len(sample)


def _checked_zstd(target: memoryview, level: Level) -> bytes:
    frame = compress(target, _ZSTD_LEVEL[level])
    if decompress(frame, len(target)) != target:
        raise AssertionError("zstd did not give back what it was given")
    return frame


def encode_plain(target: memoryview, level: Level) -> Block:
    """At most MAX_BLOCK bytes as one block that knows nothing of elements or of a base."""
    frame = _checked_zstd(target, level)
    if len(frame) < len(target):
        return Block(Codec.ZSTD, len(target), frame)
    return Block(Codec.STORED, len(target), target)


def encode_span(
    base: memoryview | None, base_offset: int, target: memoryview, element: Element, level: Level
) -> Block:
    """Code ``target``, at most ``element.most_bytes`` and whole elements, as one block.

    ``base`` is the span it is like, of the same length, at ``base_offset`` of the base's stream; or None.
    The block has been decoded and compared.
    """
    best = Block(Codec.STORED, len(target), target)
    if base is not None:
        found = _numeric(base, target, element, level)
        if found is not None:
            best = Block(found[0], len(target), found[1], (base_offset, len(target)))
        if len(best.payload) < _POOR * len(target) or not _raw_may_win(target, element, len(best.payload)):
            return best
    found = _numeric(None, target, element, level)
    if found is not None and len(found[1]) < len(best.payload):
        best = Block(found[0], len(target), found[1])
    if _zstd_wins(target, len(best.payload)):
        frame = _checked_zstd(target, level)
        if len(frame) < len(best.payload):
            best = Block(Codec.ZSTD, len(target), frame)
    return best
