"""MXNet's .params: a list of arrays, then a list of their names.

Source: MXNet 1.9, src/ndarray/ndarray.cc (NDArray::Save and Load; arrays of versions 0 to 3) and
mshadow/base.h (TypeFlag). Sparse arrays have more arrays behind their values: ``name.aux.0`` and so on.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import DTYPES, DType
from sapwood.formats.layout import Layout, Tally, Tensor, cover

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "mxnet"

_MAGIC: Final = (0x112).to_bytes(16, "little")
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
# How many arrays go with the values of a dense, a row-sparse and a CSR array.
_AUXILIARY: Final = {0: 0, 1: 1, 2: 2}
# Where the shape says that there is no array; version 3 has arrays without a dimension.
_UNKNOWN: Final = 0xFFFFFFFF

# mshadow/base.h, TypeFlag.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in enumerate(
        ("f32", "f64", "f16", "u8", "i32", "i8", "i64", "bool", "i16", "u16", "u32", "u64", "bf16")
    )
}


class _Array(NamedTuple):
    """Bytes of one array, and which part of a named one it is."""

    number: int
    part: str
    offset: int
    length: int
    dtype: DType
    shape: tuple[int, ...]


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The magic number and the reserved one behind it."""
    return bytes(head[:16]) == _MAGIC


def read(data: memoryview) -> Layout:
    """The layout of one .params file.

    Raises:
        MalformedModel: A list or an array is cut short, or of an unknown kind.
    """
    cursor = Cursor(data, len(_MAGIC))
    count = _count(cursor)
    arrays = [array for index in range(count) for array in _arrays(cursor, index)]
    names = list(_names(cursor))
    if len(names) not in (0, count) or cursor.at != len(data):
        raise MalformedModel(
            "not as many names as arrays, or more bytes", offset=cursor.at, expected=count, found=len(names)
        )
    tensors = (
        (a.offset, a.length, Tensor((names[a.number] if names else str(a.number)) + a.part, a.dtype, a.shape))
        for a in arrays
    )
    return cover(FORMAT, len(data), tensors)


def _count(cursor: Cursor) -> int:
    at = cursor.at
    count = cursor.u64()
    if count > limits.MAX_TENSORS:
        raise MalformedModel("too many arrays or names", offset=at, found=count)
    return count


def _names(cursor: Cursor) -> Iterator[str]:
    tally = Tally()
    for _ in range(_count(cursor)):
        at = cursor.at
        name = cursor.text(cursor.u64())
        tally.add(name, at)
        yield name


def _arrays(cursor: Cursor, index: int) -> Iterator[_Array]:
    """The array that comes next, as its values and what else belongs to them."""
    at = cursor.at
    version = cursor.u32()
    if version < _V1:
        # Version 0 begins with the number of dimensions.
        shape = _shape(cursor, version, 4)
    elif version == _V1:
        shape = _shape(cursor, cursor.u32(), 8)
    elif version in (_V2, _V3):
        yield from _with_storage(cursor, index, version)
        return
    else:
        raise MalformedModel("an array of an unknown version", offset=at, found=version)
    if shape:
        yield _place(cursor, index, "", _type(cursor), shape)


def _with_storage(cursor: Cursor, index: int, version: int) -> Iterator[_Array]:
    """An array of version 2 or 3, whose first field has been read."""
    at = cursor.at
    storage = cursor.u32()
    if storage not in _AUXILIARY:
        raise MalformedModel("an array of an unknown storage type", offset=at, found=storage)
    stored = _shape(cursor, cursor.u32(), 8) if _AUXILIARY[storage] else None
    dimensions = cursor.u32()
    if dimensions == (_UNKNOWN if version == _V3 else 0):
        return
    shape = _shape(cursor, dimensions, 8)
    parts = [("", _type(cursor), shape if stored is None else stored)]
    parts += [
        (f".aux.{i}", _element(cursor), _shape(cursor, cursor.u32(), 8)) for i in range(_AUXILIARY[storage])
    ]
    for part in parts:
        yield _place(cursor, index, *part)


def _shape(cursor: Cursor, dimensions: int, width: int) -> tuple[int, ...]:
    at = cursor.at
    if dimensions > limits.MAX_DIMENSIONS:
        raise MalformedModel("too many dimensions", offset=at, found=dimensions)
    shape = tuple(cursor.u64() if width == 8 else cursor.u32() for _ in range(dimensions))
    elements(shape, at)
    return shape


def _type(cursor: Cursor) -> DType:
    """The element type, behind the kind and the number of a device."""
    cursor.skip(8)
    return _element(cursor)


def _element(cursor: Cursor) -> DType:
    at = cursor.at
    kind = cursor.u32()
    if kind not in _TYPES:
        raise MalformedModel("an array of an unknown type", offset=at, found=kind)
    return _TYPES[kind]


def _place(cursor: Cursor, index: int, part: str, dtype: DType, shape: tuple[int, ...]) -> _Array:
    length = dtype.nbytes(elements(shape, cursor.at))
    return _Array(index, part, cursor.skip(length), length, dtype, shape)
