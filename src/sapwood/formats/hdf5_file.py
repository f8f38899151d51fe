"""An HDF5 file as a place to read from: widths of its numbers, signatures, and what was already seen.

Source: HDF5 File Format Specification 3.0, sections II (superblock), III.A.1 (B-trees of version 1) and III.D
(local heaps). Every structure is counted, and one that may be led to by many is taken once: a small file must
not make a long walk.
"""

from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, text, uint

__all__ = ["MAGIC", "File"]

MAGIC: Final = b"\x89HDF\r\n\x1a\n"

_WIDTHS: Final = (2, 4, 8)
# Behind the common fields of a superblock of version 0 and of version 1, where the addresses begin.
_ADDRESSES: Final = {0: 24, 1: 28}


class File:
    """One file.

    Attributes:
        data: All its bytes.
        root: Where the object header of the root group is.

    Raises:
        MalformedModel: The superblock is of an unknown version, or of another file than this.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._items = 0
        self._seen: set[int] = set()
        version = uint(data, len(MAGIC), 1)
        if version in _ADDRESSES:
            widths, at = 13, _ADDRESSES[version]
        elif version in (2, 3):
            widths, at = 9, 12
        else:
            raise MalformedModel("a superblock of an unknown version", offset=len(MAGIC), found=version)
        self.offset_width, self.length_width = uint(data, widths, 1), uint(data, widths + 1, 1)
        if self.offset_width not in _WIDTHS or self.length_width not in _WIDTHS:
            raise MalformedModel(
                "addresses or lengths of an unknown width", offset=widths, found=self.offset_width
            )
        cursor = Cursor(data, at)
        base, _, end, root = (self.address(cursor) for _ in range(4))
        if version in _ADDRESSES:
            # The fourth is a driver's block; the root's entry is a name, then its header.
            self.address(cursor)
            root = self.address(cursor)
        if base or end is None or end > len(data):
            raise MalformedModel("the file is cut short, or begins elsewhere", offset=at, expected=end)
        if root is None:
            raise MalformedModel("the file has no root group", offset=at)
        self.root = root

    def number(self, cursor: Cursor, width: int) -> int:
        """An unsigned number of ``width`` bytes."""
        start = cursor.skip(width)
        return int.from_bytes(self.data[start : start + width], "little")

    def address(self, cursor: Cursor) -> int | None:
        """A place in the file; None where all bits are set, which is nowhere."""
        value = self.number(cursor, self.offset_width)
        return None if value == (1 << 8 * self.offset_width) - 1 else value

    def length(self, cursor: Cursor) -> int:
        """A length or a size of a dimension."""
        return self.number(cursor, self.length_width)

    def count(self, items: int, at: int) -> None:
        """Count what is about to be read at ``at``."""
        self._items += items
        if self._items > limits.MAX_HDF5_ITEMS:
            raise MalformedModel("too many messages, links or chunks", offset=at)

    def first_visit(self, at: int) -> bool:
        """Whether an object at ``at`` is met for the first time."""
        if at in self._seen:
            return False
        self._seen.add(at)
        return True

    def block(self, at: int, signature: bytes) -> Cursor:
        """A cursor behind the signature of a block that only one other may lead to."""
        self.count(1, at)
        if not self.first_visit(at):
            raise MalformedModel("a block is part of itself, or of two others", offset=at)
        cursor = Cursor(self.data, at)
        start = cursor.skip(len(signature))
        if bytes(self.data[start : cursor.at]) != signature:
            raise MalformedModel("a block has not the signature it should have", offset=at)
        return cursor

    def tree_node(self, at: int, kind: int, expected: int | None) -> tuple[Cursor, int, int]:
        """(cursor at the first key, level, entries) of a node of a B-tree of version 1.

        ``kind`` is 0 for groups and 1 for chunks; ``expected`` is the level, None where it is not known.
        """
        cursor = self.block(at, b"TREE")
        found, level, count = cursor.u8(), cursor.u8(), self.number(cursor, 2)
        if found != kind or expected not in (None, level) or level > limits.MAX_NESTING_DEPTH:
            raise MalformedModel(
                "a node is out of place in its tree", offset=at, expected=expected, found=level
            )
        self.count(count, at)
        cursor.skip(2 * self.offset_width)
        return cursor, level, count

    def local_heap(self, at: int) -> tuple[int, int]:
        """(start, end) of the texts of a local heap."""
        cursor = self.block(at, b"HEAP")
        if cursor.u8() != 0:
            raise MalformedModel("a local heap of an unknown version", offset=at)
        cursor.skip(3)
        size = self.length(cursor)
        self.length(cursor)
        start = self.address(cursor)
        if start is None or start + size > len(self.data):
            raise MalformedModel("a local heap lies outside the file", offset=at, found=size)
        return start, start + size

    def heap_text(self, heap: tuple[int, int], place: int, at: int) -> str:
        """The text at ``place`` of a local heap, up to its NUL; the entry at ``at`` leads there."""
        start, end = heap[0] + place, heap[1]
        found = bytes(self.data[start : min(end, start + limits.MAX_NAME_CHARS)]).find(b"\0")
        if found < 0:
            raise MalformedModel("a name is too long or has no end", offset=at, found=place)
        return text(self.data, start, found)
