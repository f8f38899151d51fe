"""TensorRT-RTX engines: compiled code, and behind it a section with the weights, as far as that can be seen.

Source: none is published. What follows was found in engines that TensorRT-RTX 1.7.1 built, and a file in
which any of it does not hold is malformed here, so it is carried as opaque: a header with the file's size; a
table of sections (ENGN, WGHT) that follow each other; in ENGN, a table with a number and an offset for each
weight. Names, types and shapes are not stored, or not where they can be found: weights are numbered, and
their element width is found by content. What is compiled into ENGN, small vectors among it, is glue. The
engines of TensorRT proper begin with another magic number, and are opaque.
"""

import struct
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import uint
from sapwood.formats.dtype import BYTES
from sapwood.formats.layout import Layout, Tensor, cover

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "tensorrt-rtx"

_MAGIC: Final = b"vtrt"
_SECTIONS: Final = 64
# A tag, four zeros, an offset and a length.
_SECTION: Final = struct.Struct("<4s4xQQ")
_CODE, _WEIGHTS = b"NGNE", b"THGW"
# The table of weights stands near the front of ENGN; kernels follow.
_LONGEST_SEARCH: Final = 64 << 20
_MOST_CANDIDATES: Final = 256


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The magic number, which stands there twice."""
    return len(head) == _SECTIONS and bytes(head[:4]) == bytes(head[28:32]) == _MAGIC


def read(data: memoryview) -> Layout:
    """The layout of one engine.

    Raises:
        MalformedModel: The file is not as the engines were from which the format is known.
    """
    size = uint(data, 16, 8)
    if size != len(data):
        raise MalformedModel("the file is not as long as it says", offset=16, expected=size, found=len(data))
    code_at, code_length = _section(data, 0, _CODE)
    at, length = _section(data, 1, _WEIGHTS)
    if code_at != _SECTIONS + 2 * _SECTION.size or code_at + code_length > at or at + length > size:
        raise MalformedModel("the sections do not follow each other", offset=_SECTIONS, found=at)
    starts = _starts(bytes(data[code_at : code_at + min(code_length, _LONGEST_SEARCH)]), length)
    ends = (*starts[1:], length)
    return cover(
        FORMAT,
        size,
        (
            (at + start, end - start, Tensor(f"weight.{i}", BYTES, (end - start,)))
            for i, (start, end) in enumerate(zip(starts, ends, strict=True))
        ),
    )


def _section(data: memoryview, index: int, tag: bytes) -> tuple[int, int]:
    """(offset, length) of a section."""
    place = _SECTIONS + index * _SECTION.size
    uint(data, place + _SECTION.size - 1, 1)
    found, offset, length = _SECTION.unpack_from(data, place)
    if found != tag:
        raise MalformedModel("another section than is known", offset=place, expected=tag, found=found)
    return offset, length


def _starts(code: bytes, length: int) -> tuple[int, ...]:
    """Where each weight begins in a section of so many bytes; (0,), all as one, where the table is not found.

    The table is (number, offset) for each weight, then their count in four bytes, then the section's length.
    """
    needle = struct.pack("<Q", length)
    end = -1
    for _ in range(_MOST_CANDIDATES):
        end = code.find(needle, end + 1)
        if end < 4:
            break
        count = int.from_bytes(code[end - 4 : end], "little")
        begin = end - 4 - 16 * count
        # The first weight is number 0 at 0.
        if not 0 < count <= limits.MAX_TENSORS or begin < 0 or any(code[begin : begin + 16]):
            continue
        table = struct.unpack_from(f"<{2 * count}Q", code, begin)
        starts = table[1::2]
        if table[::2] == tuple(range(count)) and all(
            a <= b for a, b in zip(starts, (*starts[1:], length), strict=True)
        ):
            return starts
    return (0,)
