"""Reading a hostile file from front to back: every read is checked against the end first."""

import struct

from sapwood.errors import MalformedModel
from sapwood.formats import limits

__all__ = ["Cursor", "elements", "text", "uint"]


def uint(data: memoryview, offset: int, width: int, order: str = "<") -> int:
    """The unsigned integer of 1, 2, 4 or 8 bytes at ``offset``; ``order`` is ``<`` or ``>``."""
    if offset < 0 or offset + width > len(data):
        raise MalformedModel("the file ends inside a number", offset=offset, expected=width)
    return int.from_bytes(data[offset : offset + width], "little" if order == "<" else "big")


def text(data: memoryview, offset: int, length: int) -> str:
    """The UTF-8 text of ``length`` bytes at ``offset``."""
    if offset < 0 or length < 0 or offset + length > len(data):
        raise MalformedModel("the file ends inside a text", offset=offset, expected=length)
    if length > limits.MAX_HEADER_BYTES:
        raise MalformedModel("a text is too long", offset=offset, found=length)
    try:
        return str(data[offset : offset + length], "utf-8")
    except UnicodeDecodeError as error:
        raise MalformedModel("a text is not UTF-8", offset=offset + error.start) from error


def elements(shape: tuple[int, ...], offset: int) -> int:
    """The number of elements of ``shape``, which stands at ``offset``; bounded as it is multiplied."""
    if len(shape) > limits.MAX_DIMENSIONS:
        raise MalformedModel("too many dimensions", offset=offset, found=len(shape))
    if min(shape, default=0) < 0:
        raise MalformedModel("a dimension is negative", offset=offset, found=min(shape))
    if 0 in shape:
        return 0
    count = 1
    for size in shape:
        count *= size
        if count.bit_length() > limits.MAX_LENGTH_BITS:
            raise MalformedModel("a shape asks for more than 2^63 elements", offset=offset)
    return count


class Cursor:
    """A place in ``data`` that only moves forward and never past ``end``."""

    __slots__ = ("_u32", "_u64", "at", "data", "end", "order")

    def __init__(self, data: memoryview, at: int = 0, end: int | None = None, order: str = "<") -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end
        self.order = order
        self._u32 = struct.Struct(order + "I")
        self._u64 = struct.Struct(order + "Q")

    def skip(self, length: int) -> int:
        """Pass ``length`` bytes and return where they began."""
        start = self.at
        if length < 0 or length > self.end - start:
            raise MalformedModel(
                "the file ends too early", offset=start, expected=length, found=self.end - start
            )
        self.at = start + length
        return start

    def u8(self) -> int:
        """One byte."""
        start = self.at
        if start >= self.end:
            raise MalformedModel("the file ends too early", offset=start, expected=1)
        self.at = start + 1
        return self.data[start]

    def u32(self) -> int:
        """Four bytes as an unsigned integer."""
        start = self.skip(4)
        value: int = self._u32.unpack_from(self.data, start)[0]
        return value

    def u64(self) -> int:
        """Eight bytes as an unsigned integer."""
        start = self.skip(8)
        value: int = self._u64.unpack_from(self.data, start)[0]
        return value

    def text(self, length: int) -> str:
        """UTF-8 text of ``length`` bytes."""
        return text(self.data, self.skip(length), length)
