"""Groups of HDF5: the names of their members and where these are.

Source: HDF5 File Format Specification 3.0, sections III.A.1 to III.C (B-trees and nodes of symbols of the old
groups), IV.A.2.c, IV.A.2.g and IV.A.2.r (link info, link and symbol table messages). Links by name to
elsewhere are none of this file. Groups with their links in a fractal heap, which only ``libver="latest"``
writes and only for more than eight members, are not read.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor
from sapwood.formats.hdf5_file import File
from sapwood.formats.hdf5_header import Message

__all__ = ["is_dense", "link", "symbols"]

_HARD: Final = 0
# Flags of a link message: the name's width, its order, its type and its character set.
_ORDER, _TYPE, _CHARSET = 0x04, 0x08, 0x10
# A symbol's entry behind its name and address: the kind of its cache, and the cache.
_CACHE_BYTES: Final = 24


def is_dense(file: File, message: Message) -> bool:
    """Whether a link info message says that there are links in a heap."""
    cursor = Cursor(file.data, message.start, message.end)
    cursor.skip(1)
    cursor.skip(8 if cursor.u8() & 1 else 0)
    return file.address(cursor) is not None


def link(file: File, message: Message) -> tuple[str, int] | None:
    """(name, place of the object header) of one link message; None if it is no hard link.

    Raises:
        MalformedModel: The version is unknown, or the name does not fit.
    """
    cursor = Cursor(file.data, message.start, message.end)
    version, flags = cursor.u8(), cursor.u8()
    if version != 1:
        raise MalformedModel("a link of an unknown version", offset=message.start, found=version)
    kind = cursor.u8() if flags & _TYPE else _HARD
    cursor.skip((8 if flags & _ORDER else 0) + (1 if flags & _CHARSET else 0))
    length = file.number(cursor, 1 << (flags & 3))
    if length > limits.MAX_NAME_CHARS:
        raise MalformedModel("a name is too long", offset=message.start, found=length)
    name = cursor.text(length)
    if kind != _HARD:
        return None
    at = file.address(cursor)
    return None if at is None else (name, at)


def symbols(file: File, message: Message) -> Iterator[tuple[str, int]]:
    """The members of an old group, whose symbol table message this is.

    Raises:
        MalformedModel: A node is no node, is part of itself, or a name has no end.
    """
    cursor = Cursor(file.data, message.start, message.end)
    root, heap_at = file.address(cursor), file.address(cursor)
    if root is None or heap_at is None:
        raise MalformedModel("a group has no members' names", offset=message.start)
    heap = file.local_heap(heap_at)
    # (node, its level; None for the root, whose level is not known yet).
    nodes: list[tuple[int, int | None]] = [(root, None)]
    while nodes:
        at, expected = nodes.pop()
        cursor, level, count = file.tree_node(at, 0, expected)
        for _ in range(count):
            cursor.skip(file.length_width)
            child = file.address(cursor)
            if child is None:
                raise MalformedModel("a tree leads nowhere", offset=at)
            if level:
                nodes.append((child, level - 1))
            else:
                yield from _entries(file, child, heap)


def _entries(file: File, at: int, heap: tuple[int, int]) -> Iterator[tuple[str, int]]:
    cursor = file.block(at, b"SNOD")
    version = cursor.u8()
    cursor.skip(1)
    count = file.number(cursor, 2)
    if version != 1:
        raise MalformedModel("a node of symbols of an unknown version", offset=at, found=version)
    file.count(count, at)
    for _ in range(count):
        entry = cursor.at
        place = file.number(cursor, file.offset_width)
        header = file.address(cursor)
        cursor.skip(_CACHE_BYTES)
        # A link by name has no header.
        if header is not None:
            yield file.heap_text(heap, place, entry), header
