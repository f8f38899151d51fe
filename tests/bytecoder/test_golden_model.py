"""A trained model and messages that stay the same to the byte: a change of them is a change of the format."""

import zlib

import pytest
from blake3 import blake3

from sapwood import _core
from sapwood.bytecoder import Level, MessageCoder, Prior
from tests.bytecoder.test_stream import golden_content

TEXT = golden_content()[:1500]
WEIGHTS = b"".join(
    ((i * 37 % 400 - 200) & 0xFFFF).to_bytes(2, "little") for i in range(_core.byte_weights(Level.LIVE))
)
CONTENT = golden_content()[5000:5300]

IDENTITY = "866addf0dcf5e1012e19209ce3c14be4"
# Of each level: bytes, and CRC-32, of a message of CONTENT.
GOLDEN = {Level.LIVE: (114, 151449551), Level.DEFAULT: (42, 2667079086), Level.MAX: (41, 1852688769)}


def stored(content: bytes) -> bytes:
    """A frame of zstd as any version reads it: what is in it, in raw blocks."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(content).to_bytes(4, "little")
    pieces = [content[at : at + 100_000] for at in range(0, len(content), 100_000)]
    for i, piece in enumerate(pieces):
        frame += (len(piece) << 3 | (i == len(pieces) - 1)).to_bytes(3, "little") + piece
    return frame


def golden_model() -> bytes:
    """The file as SPEC has it, written without Sapwood's writer."""
    frames = [stored(TEXT), stored(WEIGHTS[::2] + WEIGHTS[1::2])]
    numbers = [len(TEXT), *map(len, frames), 0, 0]
    header = b"\x89NCMM\r\n\x1a\1\0\2\0" + b"".join(number.to_bytes(4, "little") for number in numbers)
    body = header + _core.crc32c(header).to_bytes(4, "little") + b"".join(frames)
    return body + blake3(body).digest()


def test_a_model_stays() -> None:
    prior = Prior(golden_model())
    assert prior.identity.hex() == IDENTITY
    assert (prior.text, prior.count, prior.weights) == (TEXT, 2, {Level.LIVE: WEIGHTS})


@pytest.mark.parametrize("level", list(Level))
def test_messages_stay(level: Level) -> None:
    coder = MessageCoder(Prior(golden_model()))
    message = coder.encode(CONTENT, level)
    assert (len(message), zlib.crc32(message)) == GOLDEN[level]
    assert coder.decode(message) == CONTENT
