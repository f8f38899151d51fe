"""TensorFlow Lite: a FlatBuffer whose tensors point at buffers.

Source: tensorflow/lite/schema/schema.fbs, version 3c. A buffer's bytes are a vector inside the FlatBuffer,
or, in models over 2 GB, a range of the file behind it. Buffers that no tensor points at (metadata) stay glue.
A buffer that does not hold exactly what its tensor's type and shape ask for (sparse tensors, texts) is named
as plain bytes.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.flatbuffer import Table
from sapwood.formats.layout import Layout, Tensor, cover, fit

FORMAT: Final = "tflite"

_IDENTIFIER: Final = b"TFL3"
_SCHEMA_VERSION: Final = 3
# Fields of the tables, counted from 0 in the schema's order.
_MODEL_VERSION, _MODEL_SUBGRAPHS, _MODEL_BUFFERS = 0, 2, 4
_SUBGRAPH_TENSORS = 0
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_NAME, _TENSOR_SPARSITY = 0, 1, 2, 3, 6
_BUFFER_DATA, _BUFFER_OFFSET, _BUFFER_SIZE = 0, 1, 2

# schema.fbs, enum TensorType; what is missing has no fixed size.
TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        0: "f32", 1: "f16", 2: "i32", 3: "u8", 4: "i64", 6: "bool", 7: "i16", 8: "c64", 9: "i8", 10: "f64",
        11: "c128", 12: "u64", 15: "u32", 16: "u16", 17: "i4", 18: "bf16", 19: "i2", 20: "u4",
        21: "f8_e4m3", 22: "f8_e5m2",
    }.items()
}  # fmt: skip


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The file identifier."""
    return bytes(head[4:8]) == _IDENTIFIER


def read(data: memoryview) -> Layout:
    """The layout of a whole .tflite file.

    Raises:
        MalformedModel: An offset, a length or an index leads nowhere.
    """
    model = Table.root(data)
    version = model.number(_MODEL_VERSION, 4)
    if version != _SCHEMA_VERSION:
        raise MalformedModel(
            "not the schema that is known", offset=model.at, expected=_SCHEMA_VERSION, found=version
        )
    return cover(FORMAT, len(data), _tensors(model, len(data)))


def _tensors(model: Table, size: int) -> Iterator[tuple[int, int, Tensor]]:
    seen: set[int | tuple[int, int]] = set()
    # Many entries of a vector may lead to one table, so tables are visited once, and the entries are counted.
    visited = 0
    for subgraph in model.tables(_MODEL_SUBGRAPHS):
        visited += 1
        if subgraph.at in seen:
            continue
        seen.add(subgraph.at)
        for tensor in subgraph.tables(_SUBGRAPH_TENSORS):
            visited += 1
            if visited > limits.MAX_TENSORS:
                raise MalformedModel("too many tensors", offset=tensor.at)
            if tensor.at in seen:
                continue
            seen.add(tensor.at)
            span = _span(model.table(_MODEL_BUFFERS, tensor.number(_TENSOR_BUFFER, 4)), size)
            if span[1] == 0 or span in seen:
                continue
            seen.add(span)
            yield *span, _described(tensor, span[1])


def _span(buffer: Table, size: int) -> tuple[int, int]:
    """(offset, length) of a buffer's bytes in the file."""
    inside = buffer.bytes(_BUFFER_DATA)
    offset = buffer.number(_BUFFER_OFFSET, 8)
    # schema.fbs, table Buffer: the offset is only valid if it is larger than 1.
    if offset <= 1:
        return inside
    length = buffer.number(_BUFFER_SIZE, 8)
    if inside[1] or offset + length > size:
        raise MalformedModel("a buffer lies outside the file, or twice in it", offset=buffer.at, found=offset)
    return offset, length


def _described(tensor: Table, length: int) -> Tensor:
    name = tensor.string(_TENSOR_NAME, limits.MAX_NAME_CHARS)
    dtype = TYPES.get(tensor.number(_TENSOR_TYPE, 1), BYTES)
    shape = tensor.numbers(_TENSOR_SHAPE, limits.MAX_DIMENSIONS) if tensor.has(_TENSOR_SHAPE) else ()
    if tensor.has(_TENSOR_SPARSITY) and dtype.block_elements == 1 and length % dtype.block_bytes == 0:
        # Only the values that are not zero are stored.
        return Tensor(name, dtype, (length // dtype.block_bytes,))
    elements(shape, tensor.at)
    return fit(name, dtype, shape, length)
