"""ExecuTorch's weights in a file of their own (.ptd): names and shapes in a FlatBuffer, bytes in segments.

Source: ExecuTorch 1.5, extension/flat_tensor/serialize/flat_tensor.fbs ("FT01") and flat_tensor_header.h
("FH01").
"""

from collections.abc import Iterator
from typing import Final

from sapwood.formats import limits
from sapwood.formats.cursor import uint
from sapwood.formats.dtype import BYTES
from sapwood.formats.executorch import TYPES, Segments, in_memory
from sapwood.formats.flatbuffer import Table
from sapwood.formats.layout import Layout, Tensor, cover, fit

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "executorch-data"

_IDENTIFIER: Final = b"FT01"
_HEADER: Final = b"FH01"
_SEGMENTS, _NAMED = 1, 2


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The file identifier and that of its header."""
    return bytes(head[4:8]) == _IDENTIFIER and bytes(head[8:12]) == _HEADER


def read(data: memoryview) -> Layout:
    """The layout of a whole .ptd file.

    Raises:
        MalformedModel: An offset, a length or an index leads nowhere.
    """
    return cover(FORMAT, len(data), _tensors(data))


def _tensors(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    root = Table.root(data)
    segments = Segments.of(root.tables(_SEGMENTS), uint(data, 32, 8), len(data))
    for named in root.tables(_NAMED):
        offset, length = segments.at(named.number(1, 4), named.at)
        name = named.string(0, limits.MAX_NAME_CHARS)
        kind = named.child(2)
        if kind is None:
            yield offset, length, Tensor(name, BYTES, (length,))
        else:
            dtype = TYPES.get(kind.number(0, 1), BYTES)
            yield offset, length, fit(name, dtype, in_memory(kind, 1, 2), length)
