"""zstd frames of bounded size, with or without a span of the base as dictionary (RFC 8878)."""

import threading
from typing import Final

import zstandard

from sapwood.codec.block import MAX_BLOCK
from sapwood.errors import CorruptPatch

__all__ = ["compress", "compress_against", "decompress", "decompress_against"]

# Window for a block and a dictionary of MAX_BLOCK each.
_WINDOW_LOG: Final = 21
_ADVICE: Final = "Fetch the patch again, or make it anew."
_local = threading.local()


def _parameters(level: int) -> zstandard.ZstdCompressionParameters:
    # No checksum: the patch's own digests cover every byte. No dictionary id: raw content has none.
    return zstandard.ZstdCompressionParameters.from_level(
        level, window_log=_WINDOW_LOG, write_checksum=False, write_dict_id=False, write_content_size=True
    )


def _compressor(level: int) -> zstandard.ZstdCompressor:
    found: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in found:
        found[level] = zstandard.ZstdCompressor(compression_params=_parameters(level))
    return found[level]


def compress(data: bytes | memoryview, level: int) -> bytes:
    """One frame of ``data``."""
    return _compressor(level).compress(data)


def _dictionary(base: bytes | memoryview) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(bytes(base), dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def compress_against(base: bytes | memoryview, data: bytes | memoryview) -> bytes:
    """The smallest frame of ``data`` found that may refer to ``base``, at most MAX_BLOCK bytes.

    Two parsers are tried: which is better on weights mixed with tables cannot be told from the outside.
    """
    dictionary = _dictionary(base)
    frames = []
    for strategy in (zstandard.STRATEGY_BTOPT, zstandard.STRATEGY_BTULTRA2):
        parameters = zstandard.ZstdCompressionParameters.from_level(
            19,
            window_log=_WINDOW_LOG,
            strategy=strategy,
            min_match=3,
            write_checksum=False,
            write_dict_id=False,
            write_content_size=True,
        )
        frames.append(
            zstandard.ZstdCompressor(dict_data=dictionary, compression_params=parameters).compress(data)
        )
    return min(frames, key=len)


def _checked(decompressor: zstandard.ZstdDecompressor, payload: bytes | memoryview, most: int) -> bytes:
    try:
        parameters = zstandard.get_frame_parameters(payload)
        if not 0 <= parameters.content_size <= most:
            raise CorruptPatch(
                "zstd frame announces more than it may hold",
                expected=f"at most {most} bytes",
                found=parameters.content_size,
                advice=_ADVICE,
            )
        return decompressor.decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise CorruptPatch(f"zstd frame is damaged: {error}", advice=_ADVICE) from error


def decompress(payload: bytes | memoryview, most: int) -> bytes:
    """The content of a frame, at most ``most`` bytes.

    Raises:
        CorruptPatch: Damaged, or larger.
    """
    return _checked(zstandard.ZstdDecompressor(max_window_size=1 << _WINDOW_LOG), payload, most)


def decompress_against(base: bytes | memoryview, payload: bytes | memoryview) -> bytes:
    """The content of a frame made by :func:`compress_against`."""
    decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(base), max_window_size=1 << _WINDOW_LOG)
    return _checked(decompressor, payload, MAX_BLOCK)
