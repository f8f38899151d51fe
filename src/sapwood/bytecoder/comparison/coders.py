"""What is compared: each coder by its name, and what it needs."""

import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final

import zstandard

from sapwood.bytecoder.calls import decode, encode
from sapwood.bytecoder.level import Level

__all__ = ["NAMES", "Coder", "find"]

_Code = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Coder:
    """Bytes to fewer and back, on one thread."""

    name: str
    encode: _Code
    decode: _Code


def _sapwood(level: Level) -> Coder:
    return Coder(f"sapwood {level.name.lower()}", lambda data: encode(data, level), decode)


def _zlib() -> Coder:
    return Coder("zlib -6", lambda data: zlib.compress(data, 6), zlib.decompress)


def _zstd() -> Coder:
    def decompress(data: bytes) -> bytes:
        return zstandard.ZstdDecompressor().decompress(data)

    return Coder("zstd -19", zstandard.ZstdCompressor(level=19).compress, decompress)


def _xz() -> Coder:
    preset = 9 | lzma.PRESET_EXTREME
    return Coder("xz -9e", lambda data: lzma.compress(data, preset=preset), lzma.decompress)


def _brotli() -> Coder:
    brotli: Any = import_module("brotli")
    return Coder("brotli -11", lambda data: brotli.compress(data, quality=11, lgwin=24), brotli.decompress)


def _lz4() -> Coder:
    frame: Any = import_module("lz4.frame")
    return Coder("lz4", frame.compress, frame.decompress)


_MAKERS: Final[dict[str, Callable[[], Coder]]] = {
    **{f"sapwood {level.name.lower()}": partial(_sapwood, level) for level in Level},
    "zlib -6": _zlib,
    "zstd -19": _zstd,
    "brotli -11": _brotli,
    "xz -9e": _xz,
    "lz4": _lz4,
}
NAMES: Final = tuple(_MAKERS)


def find(name: str) -> Coder:
    """The coder of that name.

    Raises:
        ImportError: A package that it needs is not installed.
    """
    return _MAKERS[name]()
