"""The members of a zip archive and where their bytes are, from the central directory.

Source: APPNOTE.TXT of PKWARE, sections 4.3 and 4.5 (zip64). Written here because the standard library gives
no offsets of data and copies what it reads. An archive in several parts, or behind other bytes, is malformed.
"""

import struct
from dataclasses import dataclass

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, uint

__all__ = ["STORED", "Entry", "first_name", "is_zip", "read_directory"]

STORED = 0
_LOCAL, _CENTRAL, _END, _END64, _LOCATOR64 = (0x04034B50, 0x02014B50, 0x06054B50, 0x06064B50, 0x07064B50)
_END_BYTES, _LOCATOR_BYTES, _LOCAL_BYTES = 22, 20, 30
_NOT_HERE_16, _NOT_HERE_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED, _UTF8 = 0x1, 0x800
_ZIP64_FIELD = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One member; ``stored`` means its bytes are in the file as they are: no compression, no encryption."""

    name: str
    offset: int
    length: int
    stored: bool


def is_zip(head: memoryview) -> bool:
    """Whether a file begins with a member."""
    return bytes(head[:4]) == b"PK\x03\x04"


def first_name(data: memoryview) -> str:
    """The name of the member a file begins with; empty if the file is too short for it."""
    length = int.from_bytes(data[26:28], "little")
    return str(data[_LOCAL_BYTES : _LOCAL_BYTES + length], "utf-8", "replace") if is_zip(data) else ""


def read_directory(data: memoryview) -> tuple[Entry, ...]:
    """Every member, in the order of the directory, each under a name of its own.

    Raises:
        MalformedModel: The directory is missing or says what the file does not.
    """
    count, start, end = _find(data)
    if count > limits.MAX_ZIP_ENTRIES:
        raise MalformedModel("too many members", offset=start, expected=limits.MAX_ZIP_ENTRIES, found=count)
    cursor = Cursor(data, start, end)
    entries: list[Entry] = []
    names: set[str] = set()
    for _ in range(count):
        entry = _read_entry(cursor, start)
        if entry.name in names:
            raise MalformedModel(f"two members are called {entry.name!r}", offset=cursor.at)
        names.add(entry.name)
        entries.append(entry)
    if cursor.at != end:
        raise MalformedModel("the directory is longer than its members", offset=cursor.at, expected=end)
    return tuple(entries)


def _find(data: memoryview) -> tuple[int, int, int]:
    """(number of members, start, end) of the central directory."""
    last = len(data) - _END_BYTES
    for at in range(last, max(-1, last - _NOT_HERE_16 - 1), -1):
        # The record is the last thing in the file but for a comment whose length it gives.
        if data[at] == 0x50 and uint(data, at, 4) == _END and uint(data, at + 20, 2) == last - at:
            break
    else:
        raise MalformedModel("no end of a central directory", offset=max(last, 0))
    disk, first, here, count, length, start = struct.unpack_from("<HHHHII", data, at + 4)
    end = at
    if _NOT_HERE_16 in (here, count) or _NOT_HERE_32 in (length, start) or _has_locator(data, at):
        end, disk, first, here, count, length, start = _find64(data, at)
    if disk or first or here != count or start + length != end:
        raise MalformedModel(
            "the central directory is not where it should be", offset=at, expected=end, found=start
        )
    return count, start, end


def _has_locator(data: memoryview, at: int) -> bool:
    return at >= _LOCATOR_BYTES and uint(data, at - _LOCATOR_BYTES, 4) == _LOCATOR64


def _find64(data: memoryview, at: int) -> tuple[int, int, int, int, int, int, int]:
    if not _has_locator(data, at):
        raise MalformedModel("no zip64 locator", offset=at)
    locator = Cursor(data, at - _LOCATOR_BYTES + 4)
    if locator.u32():
        raise MalformedModel("an archive in several parts", offset=locator.at)
    record = locator.u64()
    cursor = Cursor(data, record, at - _LOCATOR_BYTES)
    if record > at or cursor.u32() != _END64 or cursor.u64() != at - _LOCATOR_BYTES - record - 12:
        raise MalformedModel("no zip64 record where the locator points", offset=record)
    cursor.skip(4)
    disk, first = cursor.u32(), cursor.u32()
    return record, disk, first, cursor.u64(), cursor.u64(), cursor.u64(), cursor.u64()


def _read_entry(cursor: Cursor, directory: int) -> Entry:
    data = cursor.data
    at = cursor.skip(46)
    if uint(data, at, 4) != _CENTRAL:
        raise MalformedModel("no member where the directory says", offset=at)
    flags, method = struct.unpack_from("<HH", data, at + 8)
    packed, length, name_length, extra_length, comment_length, disk = struct.unpack_from(
        "<IIHHHH", data, at + 20
    )
    header = uint(data, at + 42, 4)
    name = data[cursor.skip(name_length) :][:name_length]
    extra_at = cursor.skip(extra_length)
    if _NOT_HERE_32 in (length, packed, header):
        length, packed, header = _wide(data, extra_at, extra_length, (length, packed, header))
    cursor.skip(comment_length)
    if header + _LOCAL_BYTES > directory or uint(data, header, 4) != _LOCAL:
        raise MalformedModel("no local header where the directory says", offset=at, found=header)
    local_flags, local_method = struct.unpack_from("<HH", data, header + 6)
    local_name, local_extra = struct.unpack_from("<HH", data, header + 26)
    start = header + _LOCAL_BYTES + local_name + local_extra
    if (
        start + packed > directory
        or local_method != method
        or (local_flags ^ flags) & _ENCRYPTED
        or data[header + _LOCAL_BYTES :][:local_name] != name
        or disk
    ):
        raise MalformedModel("a member's two headers disagree", offset=header)
    stored = method == STORED and not flags & _ENCRYPTED
    if stored and packed != length:
        raise MalformedModel("a stored member has two lengths", offset=at, expected=length, found=packed)
    try:
        text = str(name, "utf-8" if flags & _UTF8 or bytes(name).isascii() else "cp437")
    except UnicodeDecodeError as error:
        raise MalformedModel("a member's name is not UTF-8", offset=at) from error
    return Entry(text, start, packed, stored)


def _wide(data: memoryview, at: int, size: int, narrow: tuple[int, int, int]) -> tuple[int, int, int]:
    """APPNOTE 4.5.3: 64-bit values, in this order, of those fields that are all ones."""
    cursor = Cursor(data, at, at + size)
    while cursor.at < cursor.end:
        head = cursor.u32()
        kind, length = head & 0xFFFF, head >> 16
        if kind == _ZIP64_FIELD:
            field = Cursor(data, cursor.at, min(cursor.at + length, cursor.end))
            first, second, third = (field.u64() if value == _NOT_HERE_32 else value for value in narrow)
            return first, second, third
        cursor.skip(length)
    raise MalformedModel("a member lacks its zip64 lengths", offset=at)
