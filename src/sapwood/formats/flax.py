"""Flax checkpoints: a tree of dictionaries in msgpack, whose leaves are arrays in an extension type of Flax.

Source: flax 0.12, flax/serialization.py; msgpack/spec.md. An array is a shape, the name of a numpy type and
its bytes. Arrays over 1 GiB are stored in pieces (``name.chunks.0`` and so on), each a tensor of its own.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.layout import Layout, Tensor, cover, fit, joined

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "flax"

# _MsgpackExtType: arrays, and numpy scalars, which are arrays without a dimension.
_ARRAYS: Final = (1, 3)
# The first array of a checkpoint comes within so many objects: before it are only steps and empty states.
_FIRST_ITEMS: Final = 1 << 12

# numpy's and ml_dtypes' names; their four-bit types take a byte in memory, and so in a file.
_TYPES: Final = {
    "float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "float8_e4m3fn": "f8_e4m3",
    "float8_e5m2": "f8_e5m2", "float8_e4m3fnuz": "f8_e4m3fnuz", "float8_e5m2fnuz": "f8_e5m2fnuz",
    "float8_e8m0fnu": "f8_e8m0", "complex64": "c64", "complex128": "c128", "int4": "i8", "uint4": "u8",
    "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16",
    "uint32": "u32", "uint64": "u64", "bool": "bool",
}  # fmt: skip

# spec.md, Formats: the bytes of the length behind a type's first byte.
_TEXTS: Final = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_BINARY: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_LISTS: Final = {0xDC: 2, 0xDD: 4}
_MAPS: Final = {0xDE: 2, 0xDF: 4}
_EXTENSIONS: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED_EXTENSIONS: Final = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
# Nothing, false, true, floats and integers: the bytes behind the first.
_PLAIN: Final = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8} | {0xCC + i: 1 << i % 4 for i in range(8)}


def matches(head: memoryview, _size: int, data: memoryview, /) -> bool:
    """There is no magic number: a dictionary in which an array of Flax comes early."""
    if not (len(head) > 2 and (0x80 < head[0] < 0x90 or head[0] in _MAPS)):
        return False
    try:
        return any(_arrays(data, _FIRST_ITEMS))
    except MalformedModel:
        return False


def read(data: memoryview) -> Layout:
    """The layout of one .msgpack file.

    Raises:
        MalformedModel: An object breaks the format, or they nest too deeply.
    """
    return cover(FORMAT, len(data), _arrays(data, limits.MAX_MSGPACK_ITEMS))


def _arrays(data: memoryview, most: int) -> Iterator[tuple[int, int, Tensor]]:
    """(offset, length, tensor) of the arrays among the first ``most`` objects."""
    cursor = Cursor(data, order=">")
    # (path, objects to come, the next index or None where names stand before the objects).
    stack: list[tuple[str, int, int | None]] = [("", 1, 0)]
    count = 0
    while stack:
        path, left, index = stack.pop()
        if left == 0:
            continue
        count += 1
        if count > most:
            raise MalformedModel("too many objects", offset=cursor.at)
        at = cursor.at
        name = joined(path, _key(cursor), at) if index is None else path
        # The outermost object has no name.
        if index is not None and stack:
            name = joined(path, str(index), at)
        stack.append((path, left - 1, None if index is None else index + 1))
        kind = cursor.u8()
        if (entries := _count(cursor, kind, _MAPS, 0x80, 0x90)) is not None:
            _push(stack, name, entries, None, at)
        elif (entries := _count(cursor, kind, _LISTS, 0x90, 0xA0)) is not None:
            _push(stack, name, entries, 0, at)
        elif (size := _extension(cursor, kind)) is not None:
            if cursor.u8() in _ARRAYS:
                yield from _array(cursor, size, name)
            else:
                cursor.skip(size)
        else:
            _skip(cursor, kind)
    if cursor.at != len(data):
        raise MalformedModel("bytes follow the last object", offset=cursor.at)


def _push(
    stack: list[tuple[str, int, int | None]], path: str, entries: int, index: int | None, at: int
) -> None:
    if len(stack) > limits.MAX_NESTING_DEPTH:
        raise MalformedModel("objects are nested too deeply", offset=at)
    stack.append((path, entries, index))


def _number(cursor: Cursor, width: int) -> int:
    start = cursor.skip(width)
    return int.from_bytes(cursor.data[start : start + width], "big")


def _count(cursor: Cursor, kind: int, wide: dict[int, int], first: int, end: int) -> int | None:
    """The length in or behind a type's first byte, None if it is of another type."""
    if first <= kind < end:
        return kind - first
    return _number(cursor, wide[kind]) if kind in wide else None


def _extension(cursor: Cursor, kind: int) -> int | None:
    if kind in _EXTENSIONS:
        return _number(cursor, _EXTENSIONS[kind])
    return _FIXED_EXTENSIONS.get(kind)


def _key(cursor: Cursor) -> str:
    """The name before an entry of a dictionary."""
    at = cursor.at
    length = _count(cursor, cursor.u8(), _TEXTS, 0xA0, 0xC0)
    if length is None or length > limits.MAX_NAME_CHARS:
        raise MalformedModel("a name is no text, or too long", offset=at, found=length)
    return cursor.text(length)


def _skip(cursor: Cursor, kind: int) -> None:
    """Pass a text, bytes or a plain value, whose first byte has been read."""
    at = cursor.at - 1
    length = _count(cursor, kind, _TEXTS | _BINARY, 0xA0, 0xC0)
    if length is None and not (kind < 0x80 or kind >= 0xE0):
        length = _PLAIN.get(kind)
        if length is None:
            raise MalformedModel("no object begins like this", offset=at, found=kind)
    cursor.skip(length or 0)


def _array(cursor: Cursor, size: int, name: str) -> Iterator[tuple[int, int, Tensor]]:
    """The array in an extension of so many bytes: its shape, its type and its bytes, in msgpack again."""
    start = cursor.skip(size)
    inside = Cursor(cursor.data, start, start + size, order=">")
    if _count(inside, inside.u8(), _LISTS, 0x90, 0xA0) != 3:
        raise MalformedModel("an array is not of three parts", offset=start)
    dimensions = _count(inside, inside.u8(), _LISTS, 0x90, 0xA0)
    if dimensions is None or dimensions > limits.MAX_DIMENSIONS:
        raise MalformedModel("an array has no shape, or too many dimensions", offset=start, found=dimensions)
    shape = tuple(_dimension(inside) for _ in range(dimensions))
    elements(shape, start)
    dtype = _TYPES.get(_key(inside))
    at = inside.at
    length = _count(inside, inside.u8(), _BINARY, 0, 0)
    if length is None:
        raise MalformedModel("an array has no bytes", offset=at)
    offset = inside.skip(length)
    if inside.at != inside.end:
        raise MalformedModel("bytes follow an array in its extension", offset=inside.at)
    yield offset, length, fit(name, DTYPES[dtype] if dtype else BYTES, shape, length)


def _dimension(cursor: Cursor) -> int:
    at = cursor.at
    kind = cursor.u8()
    if kind < 0x80:
        return kind
    if not 0xCC <= kind <= 0xCF:
        raise MalformedModel("a dimension is no whole number", offset=at, found=kind)
    return _number(cursor, _PLAIN[kind])
