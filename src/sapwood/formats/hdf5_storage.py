"""Where the bytes of an HDF5 data set lie: in its header, in one piece, or in chunks.

Source: HDF5 File Format Specification 3.0, sections III.A.1 (B-trees of version 1) and IV.A.2.i (data layout,
versions 1 to 4). Chunks that passed a filter (gzip, shuffle), and chunks behind an index that only files of
``libver="latest"`` have, are glue; the caller is told so.
"""

import math
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.hdf5_file import File
from sapwood.formats.hdf5_header import Message

__all__ = ["Piece", "pieces"]

_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_SINGLE_CHUNK, _IMPLICIT = 1, 2
_SINGLE_FILTERED: Final = 0x02

Piece = tuple[str, int, int, tuple[int, ...] | None]
"""(what to add to the name, offset, length, its shape; None for that of the data set)."""


def pieces(file: File, message: Message, shape: tuple[int, ...], width: int) -> Iterator[Piece] | None:
    """The pieces of one data set of elements of ``width`` bytes; None if it is chunked in an unknown way.

    Raises:
        MalformedModel: A piece lies outside the file, a tree is part of itself, or a version is unknown.
    """
    cursor = Cursor(file.data, message.start, message.end)
    version = cursor.u8()
    if version in (1, 2):
        return _old(file, cursor, shape, width)
    if version not in (3, 4):
        raise MalformedModel("a data layout of an unknown version", offset=message.start, found=version)
    kind = cursor.u8()
    if kind == _COMPACT:
        length = file.number(cursor, 2)
        return iter([("", cursor.skip(length), length, None)])
    if kind == _CONTIGUOUS:
        start = file.address(cursor)
        length = file.length(cursor)
        return iter([] if start is None else [("", start, length, None)])
    if kind != _CHUNKED:
        # A virtual data set is made of parts of others.
        return iter([])
    if version == 4:
        return _indexed(file, cursor, shape, width)
    rank = cursor.u8()
    start = file.address(cursor)
    return _chunks(file, start, _sizes(cursor, rank, 4, shape, width), shape, width)


def _old(file: File, cursor: Cursor, shape: tuple[int, ...], width: int) -> Iterator[Piece]:
    """Versions 1 and 2, written before HDF5 1.6.3."""
    rank, kind = cursor.u8(), cursor.u8()
    cursor.skip(5)
    if kind == _COMPACT:
        cursor.skip(4 * rank)
        length = cursor.u32()
        return iter([("", cursor.skip(length), length, None)])
    start = file.address(cursor)
    if kind == _CONTIGUOUS:
        length = elements(shape, cursor.at) * width
        return iter([] if start is None else [("", start, length, None)])
    return _chunks(file, start, _sizes(cursor, rank, 4, shape, width), shape, width)


def _sizes(cursor: Cursor, rank: int, size_width: int, shape: tuple[int, ...], width: int) -> tuple[int, ...]:
    """The dimensions of a chunk; behind them stands the width of an element."""
    at = cursor.at
    sizes = []
    if rank != len(shape) + 1 or not 1 <= size_width <= 8:
        raise MalformedModel("chunks of another rank than their data set", offset=at, found=rank)
    for _ in range(rank):
        start = cursor.skip(size_width)
        sizes.append(int.from_bytes(cursor.data[start : start + size_width], "little"))
    if 0 in sizes or sizes.pop() != width:
        raise MalformedModel("chunks without elements, or of others than their data set", offset=at)
    elements((*sizes, width), at)
    return tuple(sizes)


def _indexed(file: File, cursor: Cursor, shape: tuple[int, ...], width: int) -> Iterator[Piece] | None:
    """Version 4: one chunk, or all of them in a row; the other indexes are not read."""
    flags, rank, size_width = cursor.u8(), cursor.u8(), cursor.u8()
    sizes = _sizes(cursor, rank, size_width, shape, width)
    kind = cursor.u8()
    if kind == _SINGLE_CHUNK and not flags & _SINGLE_FILTERED:
        start = file.address(cursor)
        return iter([] if start is None else [_chunk(start, (0,) * len(sizes), sizes, shape, width)])
    if kind == _IMPLICIT:
        start = file.address(cursor)
        return iter([]) if start is None else _row(file, start, sizes, shape, width)
    return None


def _row(
    file: File, start: int, sizes: tuple[int, ...], shape: tuple[int, ...], width: int
) -> Iterator[Piece]:
    grid = [-(-whole // part) for whole, part in zip(shape, sizes, strict=True)]
    count = elements(tuple(grid), start)
    file.count(count, start)
    for index in range(count):
        place, left = [], index
        for size in reversed(grid):
            left, coordinate = divmod(left, size)
            place.append(coordinate)
        at = start + index * math.prod(sizes) * width
        yield _chunk(at, tuple(reversed(place)), sizes, shape, width)


def _chunk(
    at: int, place: tuple[int, ...], sizes: tuple[int, ...], shape: tuple[int, ...], width: int
) -> Piece:
    suffix = "" if sizes == shape else ".chunk." + ".".join(map(str, place))
    return suffix, at, math.prod(sizes) * width, sizes


def _chunks(
    file: File, root: int | None, sizes: tuple[int, ...], shape: tuple[int, ...], width: int
) -> Iterator[Piece]:
    """The chunks in a B-tree of version 1, in any order."""
    length = math.prod(sizes) * width
    # (node, its level; None for the root, whose level is not known yet).
    nodes: list[tuple[int, int | None]] = [] if root is None else [(root, None)]
    while nodes:
        at, expected = nodes.pop()
        cursor, level, count = file.tree_node(at, 1, expected)
        for _ in range(count):
            key = cursor.at
            stored, _mask = cursor.u32(), cursor.u32()
            starts = [cursor.u64() for _ in range(len(sizes) + 1)][:-1]
            child = file.address(cursor)
            if child is None:
                raise MalformedModel("a tree leads nowhere", offset=key)
            if level:
                nodes.append((child, level - 1))
                continue
            if stored != length or any(s % size for s, size in zip(starts, sizes, strict=True)):
                raise MalformedModel("a chunk of another size or place", offset=key, expected=length)
            place = tuple(s // size for s, size in zip(starts, sizes, strict=True))
            yield _chunk(child, place, sizes, shape, width)
