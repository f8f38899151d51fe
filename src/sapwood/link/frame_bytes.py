"""The bytes of the frames' bodies, both ways (docs/LINK.md, "Frames")."""

import struct
from collections.abc import Callable
from typing import Final

from sapwood.link import varint
from sapwood.link.frames import (
    VERSION,
    Ack,
    Data,
    Done,
    End,
    Frame,
    Hello,
    Kind,
    MalformedFrame,
    Message,
    Numbered,
    Open,
    OtherVersion,
    Ping,
    Unreadable,
    Want,
)

__all__ = ["decode", "encode"]

_MAGIC: Final = b"SW"
_HELLO: Final = struct.Struct("<2sBBIIHBBH")
_OPEN: Final = struct.Struct("<BBB16s")
_ACK: Final = struct.Struct("<HHI")
_ANSWER_WANTED: Final = 1
_MODEL: Final = 16
_MOST_MODELS: Final = 2
_DIGEST: Final = 32


def encode(frame: Frame) -> bytes:
    """The body. Fields that do not fit are the caller's mistake (``ValueError``, ``struct.error``)."""
    match frame:
        case Numbered(sequence, message):
            return _encode_message(sequence, message)
        case Hello():
            fields = (frame.nonce, frame.peer_nonce, frame.mtu, frame.window, frame.streams, frame.keep_alive)
            flags = _ANSWER_WANTED if frame.answer_wanted else 0
            return bytes([Kind.HELLO]) + _HELLO.pack(_MAGIC, VERSION, flags, *fields) + b"".join(frame.models)
        case Ack():
            return bytes([Kind.ACK]) + _ACK.pack(*frame)
        case Ping():
            return bytes([Kind.PING])


def decode(body: bytes) -> Frame:
    """The frame of a body whose CRC was right.

    Raises:
        MalformedFrame: It has no sequence, and a field does not fit or has a reserved value.
        OtherVersion: It is a HELLO of another version.
    """
    if not body:
        raise MalformedFrame("no body")
    kind, stream = Kind(body[0] & 7), body[0] >> 3
    if kind in _MESSAGES:
        if len(body) < 3:
            raise MalformedFrame("no sequence")
        sequence = int.from_bytes(body[1:3], "little")
        try:
            return Numbered(sequence, _MESSAGES[kind](stream, body))
        except (ValueError, struct.error):
            return Numbered(sequence, Unreadable(stream, kind))
    if stream:
        raise MalformedFrame("a stream where none can be")
    if kind is Kind.HELLO:
        return _hello(body)
    if kind is Kind.ACK and len(body) == 1 + _ACK.size:
        return Ack(*_ACK.unpack_from(body, 1))
    if kind is Kind.PING and len(body) == 1:
        return Ping()
    raise MalformedFrame("a wrong length")


def _encode_message(sequence: int, message: Message | Unreadable) -> bytes:
    match message:
        case Open():
            head, rest = Kind.OPEN, _OPEN.pack(*message[1:5])
            length = 0 if message.length is None else message.length + 1
            rest += varint.put(length) + message.name.encode()
        case Want():
            head, rest = Kind.WANT, varint.put(message.start) + varint.put(message.stop)
        case Data():
            head, rest = Kind.DATA, varint.put(message.offset) + message.content
        case End():
            head = Kind.END
            rest = b"" if message.digest is None else varint.put(message.length) + message.digest
        case Done():
            head, rest = Kind.DONE, varint.put(message.result) + message.text.encode()
        case Unreadable():
            raise ValueError("nobody sends this")
    if not 0 <= message.stream < 32:
        raise ValueError("no such stream")
    return bytes([head | message.stream << 3]) + sequence.to_bytes(2, "little") + rest


def _hello(body: bytes) -> Hello:
    if len(body) < 1 + 3 or body[1:3] != _MAGIC:
        raise MalformedFrame("no HELLO")
    if body[3] != VERSION:
        raise OtherVersion(body[3])
    models = body[1 + _HELLO.size :]
    if len(body) < 1 + _HELLO.size or len(models) % _MODEL or len(models) > _MODEL * _MOST_MODELS:
        raise MalformedFrame("a wrong length")
    _, _, flags, nonce, peer_nonce, mtu, window, streams, keep_alive = _HELLO.unpack_from(body, 1)
    if flags & ~_ANSWER_WANTED or not nonce or not 64 <= mtu <= 4096 or not 1 <= window <= 32 or streams > 32:
        raise MalformedFrame("a field does not fit")
    digests = tuple(models[i : i + _MODEL] for i in range(0, len(models), _MODEL))
    return Hello(nonce, peer_nonce, mtu, window, streams, keep_alive, bool(flags), digests)


def _open(stream: int, body: bytes) -> Open:
    kind, coding, priority, identity = _OPEN.unpack_from(body, 3)
    length, at = varint.get(body, 3 + _OPEN.size)
    known = length - 1 if length else None
    return Open(stream, kind, coding, priority, identity, known, body[at:].decode())


def _want(stream: int, body: bytes) -> Want:
    start, at = varint.get(body, 3)
    stop, at = varint.get(body, at)
    if at != len(body) or stop < start:
        raise ValueError("a wrong length, or an end before the start")
    return Want(stream, start, stop)


def _data(stream: int, body: bytes) -> Data:
    offset, at = varint.get(body, 3)
    if at == len(body):
        raise ValueError("no bytes")
    return Data(stream, offset, body[at:])


def _end(stream: int, body: bytes) -> End:
    if len(body) == 3:
        return End(stream)
    length, at = varint.get(body, 3)
    if len(body) - at != _DIGEST:
        raise ValueError("no digest")
    return End(stream, length, body[at:])


def _done(stream: int, body: bytes) -> Done:
    result, at = varint.get(body, 3)
    return Done(stream, result, body[at:].decode())


_MESSAGES: Final[dict[Kind, Callable[[int, bytes], Message]]] = {
    Kind.OPEN: _open,
    Kind.WANT: _want,
    Kind.DATA: _data,
    Kind.END: _end,
    Kind.DONE: _done,
}
