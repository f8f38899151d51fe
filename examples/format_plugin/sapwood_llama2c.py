"""The .bin files of llama2.c, version 1: a header of 256 bytes, then all weights as f32 in a fixed order.

Source: github.com/karpathy/llama2.c, export.py (version1_export).
"""

import struct
from collections.abc import Iterator

from sapwood.errors import MalformedModel
from sapwood.formats.dtype import DTYPES
from sapwood.formats.layout import Layout, Tensor, cover

FORMAT = "llama2c"

_MAGIC_AND_VERSION = struct.pack("<Ii", 0x616B3432, 1)
_HEADER = 256
_F32 = DTYPES["f32"]


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The magic number and the version."""
    return bytes(head[:8]) == _MAGIC_AND_VERSION


def read(data: memoryview, /) -> Layout:
    """The layout of one file. ``cover`` refuses what leaves the file or overlaps, and names the rest glue."""
    if len(data) < _HEADER:
        raise MalformedModel("the header is cut short", offset=len(data), expected=_HEADER)
    sizes = struct.unpack_from("<7i", data, 8)
    if min(sizes) <= 0 or sizes[0] % sizes[3]:
        raise MalformedModel("a size in the header is impossible", offset=8, found=min(sizes))
    layout = cover(FORMAT, len(data), _placed(_tensors(sizes, shared=data[36] != 0)))
    # A header of other sizes would have given weights to the wrong layers: the end of the file tells.
    if layout.spans[-1].tensor is None:
        raise MalformedModel("bytes follow the last weight", offset=layout.spans[-1].offset)
    return layout


def _tensors(sizes: tuple[int, ...], *, shared: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every weight, in the order of the file."""
    dim, hidden, layers, heads, kv_heads, vocabulary, _context = sizes
    kv = dim // heads * kv_heads
    for name in ("attention_norm", "ffn_norm"):
        yield from ((f"layers.{i}.{name}", (dim,)) for i in range(layers))
    yield "norm", (dim,)
    yield "tok_embeddings", (vocabulary, dim)
    shapes = {"wq": (dim, dim), "wk": (kv, dim), "wv": (kv, dim), "wo": (dim, dim)}
    shapes |= {"w1": (hidden, dim), "w2": (dim, hidden), "w3": (hidden, dim)}
    for name, shape in shapes.items():
        yield from ((f"layers.{i}.{name}", shape) for i in range(layers))
    if not shared:
        yield "output", (vocabulary, dim)


def _placed(tensors: Iterator[tuple[str, tuple[int, ...]]]) -> Iterator[tuple[int, int, Tensor]]:
    at = _HEADER
    for name, shape in tensors:
        length = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        yield at, length, Tensor(name, _F32, shape)
        at += length
