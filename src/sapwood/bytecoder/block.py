"""One block: bytes to a head and a payload, and back. Each is coded alone, by a model that starts anew."""

from sapwood._core import ByteModel
from sapwood.bytecoder.container import BlockHead, Kind
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.record import record_length
from sapwood.errors import CorruptStream

__all__ = ["decode_block", "encode_block"]


def encode_block(content: bytes, level: Level) -> bytes:
    """A head and a payload; stored as it is where that is no longer."""
    record = record_length(content)
    payload = ByteModel(level, record).encode(content)
    # An empty payload says that it would have been longer.
    if not payload or len(payload) >= len(content):
        return BlockHead(len(content), len(content), Kind.STORED, 0).pack(content) + content
    return BlockHead(len(content), len(payload), Kind.MODELLED, record).pack(content) + payload


def decode_block(head: BlockHead, payload: bytes, level: Level, offset: int) -> bytes:
    """The content of a block whose payload stands at ``offset``.

    Raises:
        CorruptStream: It does not decode to what its check promises.
    """
    content = payload
    if head.kind == Kind.MODELLED:
        window = bytearray(head.raw)
        if ByteModel(level, head.record).decode(payload, window, head.raw) != 0:
            raise CorruptStream("a block's payload has a wrong length", offset=offset)
        content = bytes(window)
    found = head.check_of(content)
    if found != head.check:
        raise CorruptStream("a block is damaged", offset=offset, expected=head.check, found=found)
    return content
