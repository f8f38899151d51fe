"""Bytes of trees, commits and tags: one encoding for each, which a reader insists on.

Unsigned numbers are LEB128, signed ones zigzag, texts UTF-8 behind their length, floats binary64
little-endian with one NaN. Who reads an object encodes it again and compares, so that equal objects have
equal digests.
"""

import math
import struct
from collections.abc import Callable
from typing import Final, TypeVar

from sapwood.codec.varint import ByteReader, put_bytes
from sapwood.errors import BadData, CorruptPatch, LimitExceeded
from sapwood.repo import limits

__all__ = ["DIGEST_SIZE", "VERSION", "get_digest", "get_float", "get_text", "put_float", "put_text", "read"]

VERSION: Final = 1
"""First byte of every tree, commit and tag."""
DIGEST_SIZE: Final = 32

_FLOAT: Final = struct.Struct("<d")
_NAN: Final = bytes.fromhex("000000000000f87f")
_Object = TypeVar("_Object")


def put_text(out: bytearray, text: str) -> None:
    """Append a text."""
    put_bytes(out, text.encode())


def get_text(reader: ByteReader, what: str, most: int) -> str:
    """The next text, of at most so many bytes."""
    size = reader.unsigned(f"length of {what}")
    if size > most:
        raise LimitExceeded(f"{what} is too long", expected=most, found=size)
    return str(reader.take(size, what), "utf-8")


def get_digest(reader: ByteReader, what: str) -> bytes:
    """The next digest."""
    return bytes(reader.take(DIGEST_SIZE, what))


def put_float(out: bytearray, value: float) -> None:
    """Append a float."""
    out += _NAN if math.isnan(value) else _FLOAT.pack(value)


def get_float(reader: ByteReader, what: str) -> float:
    """The next float."""
    (value,) = _FLOAT.unpack(reader.take(_FLOAT.size, what))
    return float(value)


def read(
    data: bytes | memoryview,
    what: str,
    parse: Callable[[ByteReader], _Object],
    encode: Callable[[_Object], bytes] | None,
) -> _Object:
    """The object that ``encode`` would write as ``data``; without ``encode`` that is known of it.

    Raises:
        BadData: There is none. LimitExceeded: It asks for more than a reader gives.
    """
    if len(data) > limits.MAX_OBJECT_BYTES:
        raise LimitExceeded(f"a {what} is too large", expected=limits.MAX_OBJECT_BYTES, found=len(data))
    reader = ByteReader(data)
    try:
        version = reader.byte("version")
        if version != VERSION:
            raise BadData(
                f"a {what} is of another version", expected=VERSION, found=version, advice="Update sapwood."
            )
        found = parse(reader)
    except (CorruptPatch, UnicodeDecodeError, OverflowError) as error:
        reason = error.message if isinstance(error, CorruptPatch) else str(error)
        raise BadData(f"a {what} is malformed: {reason}", offset=reader.at) from error
    if encode is not None and encode(found) != data:
        raise BadData(f"a {what} is not encoded as it should be")
    return found
