"""A trained model of bytes: what a coder knows before the first byte, and the file that it is kept in.

docs/SPEC.md, "Trained model of bytes". The file holds a text and the mixer's weights. The tables of
contexts are not in it: they follow from the text, for every level alike, and are several times as large.
"""

import struct
import threading
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import zstandard
from blake3 import blake3

from sapwood._core import ByteModel, byte_weights, crc32c
from sapwood.bytecoder.level import Level
from sapwood.errors import CorruptByteModel, UnsupportedStream

__all__ = ["IDENTITY_SIZE", "MOST_COUNT", "MOST_FILE", "MOST_TEXT", "Prior"]

MAGIC: Final = b"\x89NCMM\r\n\x1a"
VERSION: Final = 1
IDENTITY_SIZE: Final = 16
# The text is learned anew whenever a model is opened.
MOST_TEXT: Final = 4 << 20
# The longest text and all weights, if zstd finds nothing to save.
MOST_FILE: Final = 5 << 20
MOST_COUNT: Final = 7
_HEADER: Final = struct.Struct("<8sHBBI4I")
_CRC: Final = 4
_OPENING: Final = _HEADER.size + _CRC
_DIGEST: Final = 32


class Prior:
    """A trained model of bytes, for all levels. Threads may share one.

    Args:
        data: The file's bytes.

    Attributes:
        data: The same.
        identity: The 16 bytes that a stream names its model by.
        text: What is learned before the first byte, and where matches are found.
        count: After the text, no context is surer than one that was seen so often.
        weights: By level: the mixer's weights, 16 bits each, little-endian. A level that is missing keeps
        those
            that the text left.

    Raises:
        CorruptByteModel: It is no such file, or it is damaged.
        UnsupportedStream: It was written by a newer Sapwood.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _OPENING + _DIGEST:
            raise CorruptByteModel("too short for a trained model of bytes", found=len(data))
        magic, version, self.count, zero, text_size, *sizes = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise CorruptByteModel("not a trained model of bytes", offset=0, expected=MAGIC, found=magic)
        if crc32c(data[: _HEADER.size]) != int.from_bytes(data[_HEADER.size : _OPENING], "little"):
            raise CorruptByteModel("the model's header is damaged", offset=0)
        if version != VERSION or zero:
            raise UnsupportedStream(
                "a trained model of an unknown version",
                expected=VERSION,
                found=version,
                advice="Use a newer Sapwood.",
            )
        if text_size > MOST_TEXT or self.count > MOST_COUNT or _OPENING + sum(sizes) + _DIGEST != len(data):
            raise CorruptByteModel("a field of the model's header is out of its range", offset=0)
        digest = blake3(data[:-_DIGEST]).digest()
        if digest != data[-_DIGEST:]:
            raise CorruptByteModel("the trained model is damaged", expected=data[-_DIGEST:], found=digest)
        self.data = data
        self.identity = digest[:IDENTITY_SIZE]
        ends = [_OPENING + sum(sizes[:i]) for i in range(len(sizes) + 1)]
        text, *weights = (data[start:end] for start, end in pairwise(ends))
        self.text = _unpacked(text, text_size)
        self.weights = {
            level: _from_planes(_unpacked(packed, 2 * byte_weights(level)))
            for level, packed in zip(Level, weights, strict=True)
            if packed
        }
        self._primed: dict[Level, ByteModel] = {}
        self._priming = threading.Lock()

    @classmethod
    def make(cls, text: bytes, count: int, weights: Mapping[Level, bytes]) -> "Prior":
        """The model of its parts; the same bytes with one version of zstd."""
        coder = zstandard.ZstdCompressor(level=19)
        packed = [coder.compress(text)]
        packed += [coder.compress(_planes(weights[level])) if level in weights else b"" for level in Level]
        header = _HEADER.pack(MAGIC, VERSION, count, 0, len(text), *map(len, packed))
        body = header + crc32c(header).to_bytes(_CRC, "little") + b"".join(packed)
        return cls(body + blake3(body).digest())

    def primed(self, level: Level) -> ByteModel:
        """The model that has learned the text: to copy, not to code with. A level's first call takes long."""
        with self._priming:
            if level not in self._primed:
                model = ByteModel(level)
                model.learn(self.text)
                model.soften(self.count)
                if level in self.weights:
                    model.take_weights(self.weights[level])
                self._primed[level] = model
            return self._primed[level]


def _unpacked(frame: bytes, size: int) -> bytes:
    try:
        # The decoder takes as much memory as the frame promises: so the promise is looked at first.
        if zstandard.frame_content_size(frame) == size:
            coder = zstandard.ZstdDecompressor(max_window_size=2 * MOST_TEXT)
            return coder.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptByteModel(f"a part of the trained model cannot be unpacked: {error}") from error
    raise CorruptByteModel("a part of the trained model has another size", expected=size)


def _planes(weights: bytes) -> bytes:
    """Low bytes, then high ones: these repeat."""
    return weights[::2] + weights[1::2]


def _from_planes(planes: bytes) -> bytes:
    out = bytearray(len(planes))
    out[::2], out[1::2] = planes[: len(planes) // 2], planes[len(planes) // 2 :]
    return bytes(out)
