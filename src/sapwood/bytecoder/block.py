"""One block: bytes to a head and a payload, and back. Each is coded alone, by a model that starts anew."""

from sapwood._core import ByteModel
from sapwood.bytecoder.container import BlockHead, Kind
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.prior import Prior
from sapwood.bytecoder.record import record_length
from sapwood.errors import CorruptStream

__all__ = ["decode_block", "encode_block"]


def encode_block(content: bytes, level: Level, prior: Prior | None = None) -> bytes:
    """A head and a payload; stored as it is where that is no longer."""
    record = record_length(content)
    text = prior.text if prior else b""
    payload = _model(level, record, prior).encode(text + content)
    # An empty payload says that it would have been longer.
    if not payload or len(payload) >= len(content):
        return BlockHead(len(content), len(content), Kind.STORED, 0).pack(content) + content
    return BlockHead(len(content), len(payload), Kind.MODELLED, record).pack(content) + payload


def decode_block(
    head: BlockHead, payload: bytes, level: Level, offset: int, prior: Prior | None = None
) -> bytes:
    """The content of a block whose payload stands at ``offset``.

    Raises:
        CorruptStream: It does not decode to what its check promises.
    """
    content = payload
    if head.kind == Kind.MODELLED:
        text = prior.text if prior else b""
        window = bytearray(text) + bytes(head.raw)
        if _model(level, head.record, prior).decode(payload, window, len(window)) != 0:
            raise CorruptStream("a block's payload has a wrong length", offset=offset)
        content = bytes(memoryview(window)[len(text) :])
    found = head.check_of(content)
    if found != head.check:
        raise CorruptStream("a block is damaged", offset=offset, expected=head.check, found=found)
    return content


def _model(level: Level, record: int, prior: Prior | None) -> ByteModel:
    if prior is None:
        return ByteModel(level, record)
    model = prior.primed(level).copy()
    if record:
        model.take_record(record)
    return model
