"""The container of learned bytes, ``.ncmp``: how a header, a block's head and the end are written and read.

docs/SPEC.md, "Learned byte stream". Nothing here decodes: what is read has the right shape and no more.
"""

import struct
from dataclasses import dataclass
from typing import Final

from sapwood._core import MAX_RECORD, crc32c
from sapwood.bytecoder.level import MOST_BLOCK, Level
from sapwood.errors import CorruptStream, UnsupportedStream

__all__ = [
    "BLOCK_HEAD_SIZE",
    "END_SIZE",
    "HEADER_SIZE",
    "MAGIC",
    "NO_MODEL",
    "VERSION",
    "BlockHead",
    "End",
    "Header",
    "Kind",
]

MAGIC: Final = b"\x89NCMP\r\n\x1a"
VERSION: Final = 1
_KNOWN_LENGTH: Final = 1
_HEADER: Final = struct.Struct("<8sHBBI16sQI")
_BLOCK_HEAD: Final = struct.Struct("<IIBBH")
_END: Final = struct.Struct("<Q32s")
_CRC: Final = 4
HEADER_SIZE: Final = _HEADER.size + _CRC
BLOCK_HEAD_SIZE: Final = _BLOCK_HEAD.size + _CRC
END_SIZE: Final = _END.size
NO_MODEL: Final = bytes(16)


class Kind:
    """What a block's bytes are."""

    STORED = 0
    MODELLED = 1


@dataclass(frozen=True, slots=True)
class Header:
    """The first 48 bytes of a stream.

    ``length`` is None where the encoder did not know it; ``model`` names the trained model, ``NO_MODEL``
    none.
    """

    level: Level
    block_size: int
    length: int | None
    model: bytes = NO_MODEL

    def pack(self) -> bytes:
        """The header's bytes."""
        flags = 0 if self.length is None else _KNOWN_LENGTH
        body = _HEADER.pack(
            MAGIC, VERSION, self.level, flags, self.block_size, self.model, self.length or 0, 0
        )
        return body + crc32c(body).to_bytes(_CRC, "little")

    @classmethod
    def parse(cls, data: bytes) -> "Header":
        """Read ``HEADER_SIZE`` bytes.

        Raises:
            CorruptStream: It is no such stream, or its header is damaged.
            UnsupportedStream: It was written by a newer Sapwood.
        """
        magic, version, level, flags, block_size, model, length, reserved = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise CorruptStream("not a stream of learned bytes", offset=0, expected=MAGIC, found=magic)
        if crc32c(data[: _HEADER.size]) != int.from_bytes(data[_HEADER.size : HEADER_SIZE], "little"):
            raise CorruptStream("the header is damaged", offset=0)
        if version != VERSION or level > max(Level) or flags & ~_KNOWN_LENGTH or reserved:
            raise UnsupportedStream(
                "an unknown version, level or flag",
                expected=f"version {VERSION}",
                found=f"version {version}, level {level}, flags {flags}",
                advice="Decode it with a newer Sapwood.",
            )
        if not 0 < block_size <= MOST_BLOCK or (length and not flags):
            raise CorruptStream("a field of the header is out of its range", offset=0, found=block_size)
        return cls(Level(level), block_size, length if flags else None, model)


@dataclass(frozen=True, slots=True)
class BlockHead:
    """What stands before a block's bytes. ``check`` is of the head's other fields and the raw content."""

    raw: int
    coded: int
    kind: int
    record: int
    check: int = 0

    def fields(self) -> bytes:
        """All but the check."""
        return _BLOCK_HEAD.pack(self.raw, self.coded, self.kind, 0, self.record)

    def check_of(self, content: bytes) -> int:
        """The check that stands behind the fields if ``content`` is the raw one."""
        return crc32c(content, crc32c(self.fields()))

    def pack(self, content: bytes) -> bytes:
        """The head's bytes, for a raw content; without one, the end of blocks."""
        return self.fields() + self.check_of(content).to_bytes(_CRC, "little")

    @classmethod
    def parse(cls, data: bytes, header: Header, offset: int) -> "BlockHead":
        """Read ``BLOCK_HEAD_SIZE`` bytes that stand at ``offset``.

        Raises:
            CorruptStream: A field is out of its range.
        """
        raw, coded, kind, zero, record = _BLOCK_HEAD.unpack_from(data)
        head = cls(
            raw, coded, kind, record, int.from_bytes(data[_BLOCK_HEAD.size : BLOCK_HEAD_SIZE], "little")
        )
        stored = kind == Kind.STORED and coded == raw and record == 0
        modelled = kind == Kind.MODELLED and 0 < coded < raw and record <= MAX_RECORD
        if zero or raw > header.block_size or not (stored or modelled):
            raise CorruptStream("a block's head is damaged", offset=offset)
        if raw == 0 and head.check != head.check_of(b""):
            raise CorruptStream("the end of blocks is damaged", offset=offset)
        return head


@dataclass(frozen=True, slots=True)
class End:
    """The last 40 bytes: how long the whole is, and its BLAKE3."""

    length: int
    digest: bytes

    def pack(self) -> bytes:
        """The end of blocks, and the end."""
        return BlockHead(0, 0, Kind.STORED, 0).pack(b"") + _END.pack(self.length, self.digest)

    @classmethod
    def parse(cls, data: bytes) -> "End":
        """Read ``END_SIZE`` bytes."""
        return cls(*_END.unpack(data))
