"""Streams, messages and trained models of learned bytes: hostile heads, damage, promises of any size."""

import random
from functools import cache

from blake3 import blake3

from sapwood import _core
from sapwood.bytecoder import MessageCoder, decode, encode
from sapwood.bytecoder.container import HEADER_SIZE
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.prior import Prior
from sapwood.errors import BadData
from tests.fuzz.mutate import mutated

__all__ = ["byte_message", "byte_model", "byte_stream", "bytes_coded"]

# No mutant may decode to more, whatever it promises.
_MOST = 1 << 14
_CRC = 4
_MODEL_HEADER = 32
_DIGEST = 32


@cache
def _contents() -> list[bytes]:
    lines = "".join(f"{i:04} pump={i * 37 % 91 / 10} {'ok' if i % 9 else 'late'}\n" for i in range(60))
    records = b"".join(bytes([i, 0, 7, i * i % 256, 1, 0]) for i in range(256))
    return [b"", b"a", lines.encode(), records, random.Random(1).randbytes(300), bytes(3000)]


@cache
def bytes_coded() -> list[tuple[bytes, Level, bytes]]:
    """(payload, level, content) of what is not stored."""
    coded = [
        (_core.ByteModel(level).encode(content), level, content)
        for content in _contents()
        for level in (Level.LIVE, Level.DEFAULT)
    ]
    return [one for one in coded if one[0]]


@cache
def _streams() -> list[tuple[bytes, bytes]]:
    made = [
        (encode(content, level), content) for content in _contents() for level in (Level.LIVE, Level.DEFAULT)
    ]
    return [*made, (encode(_contents()[2], Level.MAX), _contents()[2])]


def byte_stream(dice: random.Random) -> str:
    """A damaged stream, its header under a right CRC-32C or not: refused, or the content and no more."""
    data, content = dice.choice(_streams())
    if dice.randrange(3) == 0:
        header = bytearray(data[: HEADER_SIZE - _CRC])
        at = dice.randrange(8, len(header))
        header[at] = dice.choice((0, 1, 127, 255, header[at] ^ 1 << dice.randrange(8)))
        data = bytes(header) + _core.crc32c(bytes(header)).to_bytes(_CRC, "little") + data[HEADER_SIZE:]
    else:
        data = mutated(data, dice)
    try:
        found = decode(data, max_size=_MOST)
    except BadData as error:
        return type(error).__name__
    if found != content:
        raise AssertionError("another content under the same digest")
    return "right"


@cache
def _prior() -> Prior:
    return Prior.make(_contents()[2], 1, {})


@cache
def _coder() -> MessageCoder:
    return MessageCoder(_prior())


@cache
def _messages() -> list[tuple[bytes, bytes]]:
    return [(_coder().encode(content, Level.LIVE), content) for content in _contents()]


def byte_message(dice: random.Random) -> str:
    """A damaged message: refused, or what its check allows."""
    data, content = dice.choice(_messages())
    try:
        found = _coder().decode(mutated(data, dice), max_size=_MOST)
    except BadData as error:
        return type(error).__name__
    if len(found) > _MOST:
        raise AssertionError("more than is allowed")
    return "right" if found == content else "other"


def byte_model(dice: random.Random) -> str:
    """A damaged file of a trained model, its header and the whole under right checks or not."""
    data = _prior().data
    if dice.randrange(2):
        header = bytearray(data[:_MODEL_HEADER])
        at = dice.randrange(8, len(header))
        header[at] = dice.choice((0, 1, 127, 255, header[at] ^ 1 << dice.randrange(8)))
        body = bytes(header) + _core.crc32c(bytes(header)).to_bytes(_CRC, "little")
        rest = data[len(body) : -_DIGEST]
        body += rest if dice.randrange(2) else mutated(rest, dice)
        data = body + blake3(body).digest()
    else:
        data = mutated(data, dice)
    try:
        found = Prior(data)
    except BadData as error:
        return type(error).__name__
    return "right" if found.identity == _prior().identity else "other"
