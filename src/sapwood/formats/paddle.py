"""PaddlePaddle's weights (.pdiparams): tensors in a row, each with its type and shape, none with a name.

Source: PaddlePaddle 3.3, paddle/phi/core/framework/dense_tensor_serialize.cc (version 0) and framework.proto
(TensorDesc). The names stand in the .json or .pdmodel beside it (``paddle_weights``); here they are numbers.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import DTYPES, DType
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.protobuf import VARINT, Walker, varints

__all__ = ["FORMAT", "matches", "read", "tensors"]

FORMAT: Final = "paddle"

# Of the first tensor: version 0, no levels of detail, version 0.
_HEAD: Final = bytes(16)
# A type, and at most MAX_DIMENSIONS numbers of up to ten bytes.
_LONGEST_DESCRIPTION: Final = 1 << 10
_LEVELS: Final = 64

# framework.proto, VarType.Type: those that are numbers.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        0: "bool", 1: "i16", 2: "i32", 3: "i64", 4: "f16", 5: "f32", 6: "f64", 19: "u64", 20: "u8", 21: "i8",
        22: "bf16", 23: "c64", 24: "c128", 32: "f8_e4m3", 33: "f8_e5m2",
    }.items()
}  # fmt: skip


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """There is no magic number: the first tensor's fields must have their only values, or likely ones."""
    if len(head) < 24 or bytes(head[:16]) != _HEAD:
        return False
    length = int.from_bytes(head[16:20], "little")
    # A description begins with the type, and goes on with dimensions if there are any.
    return (
        2 <= length <= _LONGEST_DESCRIPTION
        and head[20] == 0x08
        and head[21] in _TYPES
        and (length == 2 or head[22] in (0x10, 0x12))
    )


def read(data: memoryview) -> Layout:
    """The layout of one .pdiparams file.

    Raises:
        MalformedModel: A tensor is cut short, or of an unknown version or type.
    """
    return cover(FORMAT, len(data), tensors(data))


def tensors(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    """(offset, length, tensor) of every tensor, named ``tensor.0`` and so on, those without bytes too.

    Raises:
        MalformedModel: As ``read``.
    """
    cursor = Cursor(data)
    walker = Walker(data)
    count = 0
    while cursor.at < len(data):
        if count >= limits.MAX_TENSORS:
            raise MalformedModel("too many tensors", offset=cursor.at)
        dtype, shape = _described(cursor, walker)
        length = dtype.nbytes(elements(shape, cursor.at))
        yield cursor.skip(length), length, Tensor(f"tensor.{count}", dtype, shape)
        count += 1


def _described(cursor: Cursor, walker: Walker) -> tuple[DType, tuple[int, ...]]:
    """The type and shape of the tensor whose bytes come next."""
    _expect_zero(cursor)
    levels_at = cursor.at
    levels = cursor.u64()
    if levels > _LEVELS:
        raise MalformedModel("too many levels of detail", offset=levels_at, expected=_LEVELS, found=levels)
    for _ in range(levels):
        cursor.skip(cursor.u64())
    _expect_zero(cursor)
    at = cursor.at
    length = cursor.u32()
    if length > _LONGEST_DESCRIPTION:
        raise MalformedModel("a description is too long", offset=at, found=length)
    start = cursor.skip(length)
    kind = -1
    shape: list[int] = []
    for field in walker.fields(start, cursor.at):
        if field.number == 1 and field.wire == VARINT:
            kind = field.value
        elif field.number == 2:
            shape += varints(cursor.data, field, limits.MAX_DIMENSIONS + 1 - len(shape))
    if kind not in _TYPES:
        raise MalformedModel("a tensor of an unknown type", offset=start, found=kind)
    return _TYPES[kind], tuple(shape)


def _expect_zero(cursor: Cursor) -> None:
    at = cursor.at
    version = cursor.u32()
    if version:
        raise MalformedModel("not the version that is known", offset=at, expected=0, found=version)
