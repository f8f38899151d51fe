"""Object headers of HDF5: the messages that say what a group or a data set is.

Source: HDF5 File Format Specification 3.0, section IV.A (versions 1 and 2, continuation blocks). Checksums
are not looked at: a wrong one is the library's business, and each field is checked where it is used.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats.cursor import Cursor
from sapwood.formats.hdf5_file import File

__all__ = ["Message", "messages"]

_CONTINUATION: Final = 0x10
_CHECKSUM_BYTES: Final = 4
# Flags of a header of version 2: its length's width, creation orders, other limits of attributes, times.
_ORDERS, _LIMITS, _TIMES = 0x04, 0x10, 0x20
_SHARED: Final = 0x02


class Message(NamedTuple):
    """One message in [start, end) of the file; of a shared one only the place is here."""

    kind: int
    start: int
    end: int
    shared: bool


def messages(file: File, at: int) -> Iterator[Message]:
    """The messages of the object header at ``at``.

    Raises:
        MalformedModel: A message leads out of its block, or a block to itself.
    """
    form = _second(file, at) if bytes(file.data[at : at + 4]) == b"OHDR" else _first(file, at)
    blocks = [(form.start, form.size)]
    while blocks:
        start, size = blocks.pop()
        cursor = Cursor(file.data, start)
        cursor.skip(size)
        cursor = Cursor(file.data, start, cursor.at)
        # A gap too short for a message ends a block.
        while cursor.end - cursor.at >= form.fields:
            message = _message(file, cursor, form)
            if message.kind == _CONTINUATION:
                blocks.append(_continued(file, message, form.signature))
            else:
                yield message


class _Form(NamedTuple):
    """Where the first block of messages lies, and how all of them look.

    Attributes:
        start: Of the first block, its offset.
        size: Its bytes.
        kind_width: Bytes of a message's kind.
        fields: Bytes before a message's own.
        signature: What a block that goes on begins with; a checksum ends it if there is one.
    """

    start: int
    size: int
    kind_width: int
    fields: int
    signature: bytes


def _first(file: File, at: int) -> _Form:
    cursor = Cursor(file.data, at)
    version = cursor.u8()
    cursor.skip(7)
    size = cursor.u32()
    cursor.skip(4)
    if version != 1:
        raise MalformedModel("an object header of an unknown version", offset=at, found=version)
    return _Form(cursor.at, size, 2, 8, b"")


def _second(file: File, at: int) -> _Form:
    cursor = Cursor(file.data, at + 4)
    version, flags = cursor.u8(), cursor.u8()
    if version != 2:
        raise MalformedModel("an object header of an unknown version", offset=at, found=version)
    cursor.skip((16 if flags & _TIMES else 0) + (4 if flags & _LIMITS else 0))
    size = file.number(cursor, 1 << (flags & 3))
    return _Form(cursor.at, size, 1, 6 if flags & _ORDERS else 4, b"OCHK")


def _message(file: File, cursor: Cursor, form: _Form) -> Message:
    """The message that comes next."""
    kind, length, flags = file.number(cursor, form.kind_width), file.number(cursor, 2), cursor.u8()
    cursor.skip(form.fields - form.kind_width - 3)
    start = cursor.skip(length)
    file.count(1, start)
    return Message(kind, start, cursor.at, bool(flags & _SHARED))


def _continued(file: File, message: Message, signature: bytes) -> tuple[int, int]:
    """(start, size) of the messages in one more block."""
    cursor = Cursor(file.data, message.start, message.end)
    at, size = file.address(cursor), file.length(cursor)
    extra = len(signature) + (_CHECKSUM_BYTES if signature else 0)
    if at is None or size < extra:
        raise MalformedModel("a header goes on nowhere", offset=message.start, found=size)
    return file.block(at, signature).at, size - extra
