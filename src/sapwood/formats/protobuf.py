"""Fields of a protobuf message, where they stand in the file.

Source: protobuf.dev, encoding. Groups (wire types 3 and 4) have been deprecated since proto2 and ONNX has
none, so they are malformed here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import text

__all__ = [
    "FIXED32",
    "FIXED64",
    "LEN",
    "VARINT",
    "Field",
    "Walker",
    "name_of",
    "text_of",
    "varint",
    "varints",
]

VARINT, FIXED64, LEN, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field, whose value lies in [start, end) of the file; ``value`` is the number of a VARINT field."""

    number: int
    wire: int
    start: int
    end: int
    value: int


def varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    """(the unsigned number of 64 bits at ``at``, where it ends)."""
    # Nearly all tags, and most lengths, are one byte.
    if at < end and data[at] < 0x80:
        return data[at], at + 1
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, at
    raise MalformedModel("a number has no end or is too large", offset=at)


class Walker:
    """Gives the fields of messages of one file and counts them, so that a file of tiny fields ends."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self._fields = 0

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message in [start, end), in file order."""
        data = self.data
        at = start
        while at < end:
            self._fields += 1
            if self._fields > limits.MAX_PROTOBUF_FIELDS:
                raise MalformedModel("too many fields", offset=at)
            tag_at = at
            tag, at = varint(data, at, end)
            number, wire = tag >> 3, tag & 7
            value = 0
            begin = at
            if wire == VARINT:
                value, at = varint(data, at, end)
            elif wire == LEN:
                length, begin = varint(data, at, end)
                at = begin + length
            elif wire in (FIXED32, FIXED64):
                at += 4 if wire == FIXED32 else 8
            else:
                raise MalformedModel("a field has an unknown wire type", offset=tag_at, found=wire)
            if at > end or not 0 < number < 1 << 29:
                raise MalformedModel("a field is longer than its message, or has no number", offset=tag_at)
            yield Field(number, wire, begin, at, value)


def varints(data: memoryview, field: Field, most: int) -> list[int]:
    """The numbers of one field, alone or packed; those after ``most`` are left out."""
    if field.wire == VARINT:
        return [field.value]
    if field.wire != LEN:
        raise MalformedModel("a dimension is not a number", offset=field.start)
    found: list[int] = []
    at = field.start
    while at < field.end and len(found) < most:
        value, at = varint(data, at, field.end)
        found.append(value)
    return found


def text_of(data: memoryview, field: Field) -> str:
    """The text in a field; a name, so not long."""
    if field.end - field.start > limits.MAX_NAME_CHARS:
        raise MalformedModel("a name is too long", offset=field.start, found=field.end - field.start)
    return text(data, field.start, field.end - field.start)


def name_of(walker: Walker, outer: Field, numbers: tuple[int, ...]) -> str:
    """The text of the first field of that number; of several numbers, each is a field in the one before."""
    if not numbers:
        return ""
    for field in walker.fields(outer.start, outer.end):
        if field.number == numbers[0] and field.wire == LEN:
            return name_of(walker, field, numbers[1:]) if numbers[1:] else text_of(walker.data, field)
    return ""
