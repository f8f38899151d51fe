"""GGUF, versions 2 and 3: metadata, then a table of tensors, then their aligned bytes.

Source: docs/gguf.md of ggml, and gguf.cpp of llama.cpp for what a reader refuses. A tensor of a type this
table does not know stays glue, with a warning, because its length cannot be known. In a big-endian file the
types mean big-endian elements, which no canonical type does, so its tensors are plain bytes.
"""

import dataclasses
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.layout import FormatWarning, Layout, Tensor, cover

FORMAT: Final = "gguf"

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_DEFAULT_ALIGNMENT: Final = 32
_ALIGNMENT_KEY: Final = "general.alignment"
# ggml.h, GGML_MAX_DIMS.
_MAX_DIMENSIONS: Final = 4

# gguf.md, gguf_metadata_value_type: bytes of a value of fixed size.
_VALUE_BYTES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9

# ggml.h, enum ggml_type. Numbers that are missing were never in files, or mean different things in different
# forks.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1",
        10: "q2_k", 11: "q3_k", 12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k",
        16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s", 20: "iq4_nl", 21: "iq3_s", 22: "iq2_s",
        23: "iq4_xs", 24: "i8", 25: "i16", 26: "i32", 27: "i64", 28: "f64", 29: "iq1_m", 30: "bf16",
        31: "q4_0_4_4", 32: "q4_0_4_8", 33: "q4_0_8_8", 34: "tq1_0", 35: "tq2_0",
        39: "mxfp4", 40: "nvfp4", 41: "q1_0",
    }.items()
}  # fmt: skip


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The magic number."""
    return bytes(head[:4]) == _MAGIC


def read(data: memoryview) -> Layout:
    """The layout of a whole GGUF file.

    Raises:
        MalformedModel: The file breaks the format's rules, or has version 1.
    """
    cursor = Cursor(data)
    cursor.skip(4)
    if cursor.u32() not in _VERSIONS:
        cursor = Cursor(data, 4, order=">")
        if cursor.u32() not in _VERSIONS:
            raise MalformedModel("not a version of GGUF that is known", offset=4, expected=_VERSIONS)
    tensor_count, pair_count = cursor.u64(), cursor.u64()
    if tensor_count > limits.MAX_TENSORS:
        raise MalformedModel("too many tensors", offset=8, expected=limits.MAX_TENSORS, found=tensor_count)
    alignment = _Metadata(cursor, pair_count).alignment()
    warnings: list[FormatWarning] = []
    layout = cover(FORMAT, len(data), _tensors(cursor, tensor_count, alignment, warnings))
    return dataclasses.replace(layout, warnings=tuple(warnings))


def _tensors(
    cursor: Cursor, count: int, alignment: int, warnings: list[FormatWarning]
) -> Iterator[tuple[int, int, Tensor]]:
    rows: list[tuple[int, int, str, int, tuple[int, ...]]] = []
    for _ in range(count):
        at = cursor.at
        name = cursor.text(cursor.u64())
        rank = cursor.u32()
        if rank > _MAX_DIMENSIONS:
            raise MalformedModel(f"tensor {name!r} has too many dimensions", offset=at, found=rank)
        # ggml counts dimensions from the one whose elements are neighbours.
        shape = tuple(cursor.u64() for _ in range(rank))[::-1]
        rows.append((at, cursor.u32(), name, cursor.u64(), shape))
    if len({name for _, _, name, _, _ in rows}) != count:
        raise MalformedModel("two tensors have the same name", offset=cursor.at)
    start = -(-cursor.at // alignment) * alignment
    for at, number, name, offset, shape in rows:
        if offset % alignment:
            raise MalformedModel(
                f"tensor {name!r} is not aligned", offset=at, expected=alignment, found=offset
            )
        total = elements(shape, at)
        if number not in _TYPES:
            warnings.append(FormatWarning(FORMAT, "", f"tensor {name!r} has the unknown type {number}", at))
            continue
        dtype = _TYPES[number]
        if (shape[-1] if shape else 1) % dtype.block_elements:
            raise MalformedModel(f"a row of tensor {name!r} ends inside a block of {dtype.name}", offset=at)
        length = dtype.nbytes(total)
        tensor = Tensor(name, dtype, shape) if cursor.order == "<" else Tensor(name, BYTES, (length,))
        yield start + offset, length, tensor


class _Metadata:
    """Passes over the key-value pairs; only the alignment changes the layout."""

    def __init__(self, cursor: Cursor, pairs: int) -> None:
        self._cursor = cursor
        self._pairs = pairs
        self._items = 0

    def alignment(self) -> int:
        alignment = _DEFAULT_ALIGNMENT
        cursor = self._cursor
        seen: set[str] = set()
        for _ in range(self._pairs):
            self._count(cursor.at)
            at = cursor.at
            key = cursor.text(cursor.u64())
            if key in seen:
                raise MalformedModel(f"metadata names {key!r} twice", offset=at)
            seen.add(key)
            kind = cursor.u32()
            if key == _ALIGNMENT_KEY:
                if kind != _UINT32:
                    raise MalformedModel("the alignment is not a 32-bit number", offset=at, found=kind)
                alignment = cursor.u32()
                if alignment == 0 or alignment & (alignment - 1):
                    raise MalformedModel("the alignment is not a power of two", offset=at, found=alignment)
            else:
                self._skip(kind, limits.MAX_NESTING_DEPTH)
        return alignment

    def _skip(self, kind: int, depth: int) -> None:
        cursor = self._cursor
        if kind in _VALUE_BYTES:
            cursor.skip(_VALUE_BYTES[kind])
        elif kind == _STRING:
            cursor.skip(cursor.u64())
        elif kind == _ARRAY and depth:
            at = cursor.at
            item, count = cursor.u32(), cursor.u64()
            if item in _VALUE_BYTES:
                cursor.skip(_VALUE_BYTES[item] * count)
                return
            # Checked before the loop, so that a count alone cannot keep the reader busy.
            if count > (cursor.end - cursor.at) // 8:
                raise MalformedModel("an array of metadata is longer than the file", offset=at, found=count)
            for _ in range(count):
                self._count(cursor.at)
                # A vocabulary has so many texts that a call for each would show.
                if item == _STRING:
                    cursor.skip(cursor.u64())
                else:
                    self._skip(item, depth - 1)
        else:
            raise MalformedModel(
                "metadata of an unknown type, or too deeply nested", offset=cursor.at, found=kind
            )

    def _count(self, at: int) -> None:
        self._items += 1
        if self._items > limits.MAX_METADATA_ITEMS:
            raise MalformedModel("too many items of metadata", offset=at)
