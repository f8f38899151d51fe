"""Records of a pack, as bytes: each tells of one object all that the index knows of it.

A pack begins with ``PACK_MAGIC``. A record is a head, zeros up to the payload's alignment, and the payload. A
file of one object is a pack with one record. The head, little-endian:

    4  magic "SwOb", or "SwSe" for a seal
    2  bytes of the head in all
    1  form
    1  depth: deltas to decode
    8  length of the content
    8  length of the payload
    4  zeros between head and payload
    4  CRC-32 of the payload
   32  digest of the object
   32  digest of the base; only of a delta
    …  description
    4  CRC-32 of the head so far

A seal ends what one writer acknowledged at once: its length is the offset of the first record that it seals,
its payload is empty, and it has no digests. Records behind the last seal were never acknowledged.
"""

import dataclasses
import struct
import zlib
from typing import Final

from sapwood.errors import BadData
from sapwood.store.kinds import DIGEST_SIZE, Description, Digest, Form, describe, read_description

__all__ = [
    "ALIGNMENT",
    "MOST_HEAD",
    "PACK_MAGIC",
    "Record",
    "Seal",
    "payload_start",
    "put_record",
    "put_seal",
    "read_head",
]

PACK_MAGIC: Final = b"\x89SwPack1"
ALIGNMENT: Final = 4096
"""A page: where payloads begin, or behind which they keep their phase, that are mapped page by page."""
_DENSE: Final = 16
# Payloads below this stand at the next 16 bytes: hundreds of biases must not take a page each.
_ALIGNED_FROM: Final = 64 << 10
_OBJECT, _SEAL = b"SwOb", b"SwSe"
_HEAD: Final = struct.Struct("<4sHBBQQII")
_CRC: Final = struct.Struct("<I")
MOST_HEAD: Final = 4096
"""Bytes of the longest head."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One object as a pack holds it.

    Attributes:
        description: What the object is.
        length: Bytes of its content.
        form: How they are stored.
        depth: Deltas to decode, 0 unless it is one.
        payload_size: Bytes stored.
        crc: Of these, CRC-32.
        digest: The object's name.
        base: What a delta is against, else None.
    """

    description: Description
    length: int
    form: Form
    depth: int
    payload_size: int
    crc: int
    digest: Digest
    base: Digest | None


@dataclasses.dataclass(frozen=True, slots=True)
class Seal:
    """The end of what was acknowledged at once; ``start`` is the offset of its first record."""

    start: int


def _alignment(record: Record) -> int:
    """Where a payload begins: blocks are decoded and begin anywhere, bytes as they are serve as arrays."""
    if record.form is not Form.RAW:
        return 1
    return ALIGNMENT if record.payload_size >= _ALIGNED_FROM else _DENSE


def _whole_head(fixed: bytes, rest: bytes) -> bytes:
    head = fixed + rest
    return head + _CRC.pack(zlib.crc32(head))


def put_record(record: Record, at: int, alignment: int | None = None, *, phase: int = 0) -> bytes:
    """The record's head and the zeros behind it, to stand at offset ``at``.

    The payload behind them begins at a multiple of ``alignment``, by default of what suits it; at pages it is
    ``phase`` bytes behind one.
    """
    names = record.digest + (record.base or b"")
    rest = names + describe(record.description)
    size = _HEAD.size + len(rest) + _CRC.size
    step = alignment or _alignment(record)
    space = (phase * (step == ALIGNMENT) - at - size) % step
    fixed = _HEAD.pack(
        _OBJECT, size, record.form, record.depth, record.length, record.payload_size, space, record.crc
    )
    return _whole_head(fixed, rest) + bytes(space)


def payload_start(description: Description, at: int, phase: int) -> int:
    """Where a whole object's payload begins, ``phase`` bytes into a page, if its head stands at ``at``."""
    end = at + _HEAD.size + DIGEST_SIZE + len(describe(description)) + _CRC.size
    return end + (phase - end) % ALIGNMENT


def put_seal(start: int) -> bytes:
    """A seal over all since ``start``."""
    size = _HEAD.size + _CRC.size
    return _whole_head(_HEAD.pack(_SEAL, size, 0, 0, start, 0, 0, 0), b"")


def read_head(data: memoryview) -> tuple[Record | Seal, int, int] | None:
    """The head at the start of ``data``, its size with the zeros behind it, and its size alone.

    None where there is no whole head: at the end, or where one was torn.

    Raises:
        BadData: The head's CRC is right, but it says what cannot be: a newer version, or forged.
    """
    if len(data) < _HEAD.size + _CRC.size:
        return None
    magic, size, form, depth, length, payload_size, space, crc = _HEAD.unpack_from(data)
    if magic not in (_OBJECT, _SEAL) or not _HEAD.size + _CRC.size <= size <= min(len(data), MOST_HEAD):
        return None
    if _CRC.unpack_from(data, size - _CRC.size)[0] != zlib.crc32(data[: size - _CRC.size]):
        return None
    if magic == _SEAL:
        return Seal(length), size, size
    if space >= ALIGNMENT or length >= 1 << 63 or payload_size >= 1 << 63:
        raise BadData("a record of a pack claims a size that cannot be", found=(length, payload_size, space))
    try:
        kind = Form(form)
    except ValueError as error:
        raise BadData(
            "an object's form is not known to this version", found=form, advice="Update sapwood."
        ) from error
    names = bytes(data[_HEAD.size : _HEAD.size + DIGEST_SIZE * (2 if kind is Form.DELTA else 1)])
    rest = data[_HEAD.size + len(names) : size - _CRC.size]
    digest, base = names[:DIGEST_SIZE], names[DIGEST_SIZE:] or None
    if len(names) % DIGEST_SIZE or not names:
        raise BadData("a record of a pack is too short for its digests", found=size)
    described = read_description(rest)
    record = Record(described, length, kind, depth, payload_size, crc, digest, base)
    return record, size + space, size
