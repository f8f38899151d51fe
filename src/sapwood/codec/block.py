"""One block's record: codec, lengths, spans of the base, payload (SPEC, "Blocks"). Pure bytes, no I/O."""

import dataclasses
import enum
from typing import Final

from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.errors import UnsupportedPatch

__all__ = ["MAX_BLOCK", "Block", "Codec", "put_block", "put_head", "read_block"]

# Bytes a block decodes to, at most. Only the runs of a SPLICE go beyond it: they are moved piecewise.
MAX_BLOCK: Final = 1 << 20
_HAS_BASE: Final = 0x80
_CODEC_BITS: Final = 0x0F


class Codec(enum.IntEnum):
    """How a payload becomes target bytes. A number means one byte format for ever."""

    STORED = 0
    """The bytes themselves."""
    SPLICE = 1
    """Runs copied from the base, and literals between them."""
    ZSTD = 2
    """One zstd frame."""
    ZSTD_BASE = 3
    """One zstd frame, with a span of the base as its dictionary."""
    NUMERIC = 4
    """Elements by class and scale, interleaved rANS; a difference if a span of the base is named."""
    ADAPTIVE = 5
    """Elements through an adaptive coder, for small blocks; a difference if a span of the base is named."""
    PREDICTED = 6
    """A NUMERIC or ADAPTIVE difference to what is predicted from the base."""
    FACTORS = 7
    """Makes no bytes: the right factor of the low-rank terms that follow in its chunk."""
    QUANTISED = 8
    """Quantised weights in planes, each a difference to what is predicted from the base."""
    DEVICE = 9
    """Segments that read any part of the base, through an adaptive coder with little state."""
    SCATTERED = 10
    """The few elements that change: gaps between them, by class, then their values."""


_NUMBERS: Final = frozenset(map(int, Codec))
# Their span is not as long as the block: its length stands in the record. They always have one.
_STATES_SPAN: Final = (Codec.ZSTD_BASE, Codec.PREDICTED, Codec.QUANTISED)
_NEEDS_SPAN: Final = (*_STATES_SPAN, Codec.SCATTERED)
_MAY_HAVE_SPAN: Final = (*_NEEDS_SPAN, Codec.NUMERIC, Codec.ADAPTIVE)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A coded block.

    Attributes:
        codec: What the payload is.
        length: Bytes of the target it makes; 0 only for FACTORS.
        payload: Coded bytes.
        base: Offset and length of the span of the base it is coded against, None without one.
    """

    codec: Codec
    length: int
    payload: bytes | memoryview
    base: tuple[int, int] | None = None


def put_block(out: bytearray, block: Block, base_position: int) -> int:
    """Append a record. ``base_position`` is the end of the last base span; returns the new one."""
    base_position = put_head(out, block, base_position)
    out += block.payload
    return base_position


def put_head(out: bytearray, block: Block, base_position: int) -> int:
    """Append a record as far as its payload, likewise."""
    out.append(block.codec | (_HAS_BASE if block.base is not None else 0))
    put_unsigned(out, block.length)
    put_unsigned(out, len(block.payload))
    if block.base is not None:
        offset, length = block.base
        put_signed(out, offset - base_position)
        if block.codec in _STATES_SPAN:
            put_unsigned(out, length)
        base_position = offset + length
    return base_position


def read_block(reader: ByteReader, base_position: int, base_size: int) -> tuple[Block, int]:
    """Parse the next record and check it against the base's size; returns it and the new base position.

    Raises:
        CorruptPatch: A field is out of range, or the record is cut short.
    """
    head = reader.byte("block codec")
    number = head & _CODEC_BITS
    if head & ~(_HAS_BASE | _CODEC_BITS) or number not in _NUMBERS:
        raise UnsupportedPatch(
            "a block's codec is not known to this version",
            expected=", ".join(map(str, sorted(_NUMBERS))),
            found=head & 0x7F,
            advice="Update sapwood.",
        )
    codec = Codec(number)
    length = reader.unsigned("block length")
    makes_none = codec is Codec.FACTORS
    if (length == 0) is not makes_none or (length > MAX_BLOCK and codec is not Codec.SPLICE):
        expected = "0" if makes_none else f"1 to {MAX_BLOCK}"
        raise reader.error("block length is out of range", expected=expected, found=length)
    payload_size = reader.unsigned("payload length")
    base = None
    if head & _HAS_BASE:
        offset = base_position + reader.signed("base offset")
        base_length = reader.unsigned("base length") if codec in _STATES_SPAN else length
        if offset < 0 or base_length > MAX_BLOCK or offset + base_length > base_size:
            raise reader.error(
                "block reaches outside the base", expected=f"within {base_size}", found=(offset, base_length)
            )
        base = (offset, base_length)
        base_position = offset + base_length
    if codec not in _MAY_HAVE_SPAN if base is not None else codec in _NEEDS_SPAN:
        raise reader.error("block names a base where its codec has none, or lacks one", found=codec.name)
    return Block(codec, length, reader.take(payload_size, "block payload"), base), base_position
