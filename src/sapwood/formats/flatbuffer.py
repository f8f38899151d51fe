"""Tables of a FlatBuffer, read in place with every offset checked.

Source: FlatBuffers internals (flatbuffers.dev/internals): little-endian, unsigned offsets point forward, a
table begins with a signed offset back to its vtable.
"""

import struct
from collections.abc import Iterator

from sapwood.errors import MalformedModel
from sapwood.formats.cursor import text, uint

__all__ = ["Table"]


class Table:
    """One table. Fields are counted from 0 in the order of the schema."""

    __slots__ = ("_data", "_fields", "_size", "_vtable", "at")

    def __init__(self, data: memoryview, at: int) -> None:
        """Check that the table at ``at`` and its vtable lie inside ``data``."""
        self.at = at
        self._data = data
        back = uint(data, at, 4)
        self._vtable = at - (back - (1 << 32) if back >> 31 else back)
        length = uint(data, self._vtable, 2)
        self._size = uint(data, self._vtable + 2, 2)
        if length < 4 or length % 2 or self._vtable + length > len(data):
            raise MalformedModel("a vtable has an impossible length", offset=self._vtable, found=length)
        if self._size < 4 or at + self._size > len(data):
            raise MalformedModel("a table has an impossible length", offset=at, found=self._size)
        self._fields = (length - 4) // 2

    @classmethod
    def root(cls, data: memoryview, start: int = 0) -> "Table":
        """The table that the FlatBuffer at ``start`` begins with."""
        return cls(data, start + uint(data, start, 4))

    def number(self, field: int, width: int, default: int = 0) -> int:
        """An unsigned field of so many bytes."""
        at = self._field(field, width)
        return default if at is None else uint(self._data, at, width)

    def string(self, field: int, longest: int) -> str:
        """A text field of at most ``longest`` bytes; empty where it is absent."""
        at, length = self._vector(field, 1)
        if length > longest:
            raise MalformedModel("a text is too long", offset=at, expected=longest, found=length)
        return text(self._data, at, length)

    def numbers(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of at most so many signed 32-bit numbers."""
        at, count = self._vector(field, 4)
        if count > most:
            raise MalformedModel("a vector of numbers is too long", offset=at, expected=most, found=count)
        return struct.unpack_from(f"<{count}i", self._data, at)

    def longs(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of at most so many unsigned 64-bit numbers."""
        at, count = self._vector(field, 8)
        if count > most:
            raise MalformedModel("a vector of numbers is too long", offset=at, expected=most, found=count)
        return struct.unpack_from(f"<{count}Q", self._data, at)

    def bytes(self, field: int) -> tuple[int, int]:
        """(offset, length) of a vector of bytes; (0, 0) where it is absent."""
        return self._vector(field, 1)

    def content(self, field: int, most: int) -> tuple[int, ...]:
        """A vector of at most so many bytes, as numbers."""
        at, count = self._vector(field, 1)
        if count > most:
            raise MalformedModel("a vector of numbers is too long", offset=at, expected=most, found=count)
        return tuple(self._data[at : at + count])

    def has(self, field: int) -> bool:
        """Whether the field is present."""
        return self._field(field, 1) is not None

    def child(self, field: int) -> "Table | None":
        """The table in a field, or in a union whose kind is known to be a table; None where it is absent."""
        at = self._field(field, 4)
        return None if at is None else Table(self._data, at + uint(self._data, at, 4))

    def table(self, field: int, index: int) -> "Table":
        """The table at ``index`` of a vector of tables."""
        at, count = self._vector(field, 4)
        if index >= count:
            raise MalformedModel("an index is larger than its vector", offset=at, expected=count, found=index)
        place = at + 4 * index
        return Table(self._data, place + uint(self._data, place, 4))

    def tables(self, field: int) -> Iterator["Table"]:
        """Every table of a vector of tables."""
        at, count = self._vector(field, 4)
        for place in range(at, at + 4 * count, 4):
            yield Table(self._data, place + uint(self._data, place, 4))

    def _field(self, field: int, width: int) -> int | None:
        if field >= self._fields:
            return None
        offset = uint(self._data, self._vtable + 4 + 2 * field, 2)
        if offset == 0:
            return None
        if offset < 4 or offset + width > self._size:
            raise MalformedModel("a field lies outside its table", offset=self.at + offset)
        return self.at + offset

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        at = self._field(field, 4)
        if at is None:
            return 0, 0
        at += uint(self._data, at, 4)
        count = uint(self._data, at, 4)
        if count * width > len(self._data) - at - 4:
            raise MalformedModel("a vector is longer than the file", offset=at, found=count)
        return at + 4, count
