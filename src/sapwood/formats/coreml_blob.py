"""The file of blobs in which a Core ML program keeps its weights: weights/weight.bin of an .mlpackage.

Source: coremltools 9, MILBlob/Blob/StorageFormat.hpp and BlobDataType.hpp, version 2. A header of 64 bytes
says how many blobs there are; each is 64 bytes about the blob, aligned to 64, and then its bytes. Types are
known here, shapes and names only by the program.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import uint
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Layout, Tensor, cover

__all__ = ["FORMAT", "Blob", "blob", "blobs", "matches", "read"]

FORMAT: Final = "coreml-blob"

_VERSION: Final = 2
_HEADER: Final = 64
_SENTINEL: Final = 0xDEADBEEF
# BlobDataType; 9, 12 and 13 are codes of 1, 3 and 6 bits.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        1: "f16", 2: "f32", 3: "u8", 4: "i8", 5: "bf16", 6: "i16", 7: "u16", 8: "i4", 10: "u2", 11: "u4",
        14: "i32", 15: "u32", 16: "f8_e4m3", 17: "f8_e5m2",
    }.items()
}  # fmt: skip


class Blob(NamedTuple):
    """Where a blob is, and of what."""

    offset: int
    length: int
    dtype: DType


def matches(head: memoryview, size: int, data: memoryview, /) -> bool:
    """The version, and the sentinel of the first blob."""
    return (
        size >= 2 * _HEADER
        and uint(head, 4, 4) == _VERSION
        and uint(head, 0, 4) > 0
        and uint(data, _HEADER, 4) == _SENTINEL
    )


def read(data: memoryview) -> Layout:
    """The layout of one file of blobs, each a row of numbers.

    Raises:
        MalformedModel: A blob is not where it should be.
    """
    return cover(FORMAT, len(data), _tensors(data))


def _tensors(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    for i, (offset, length, kind) in enumerate(blobs(data)):
        dtype = BYTES if length % kind.block_bytes else kind
        shape = (length // dtype.block_bytes * dtype.block_elements,)
        yield offset, length, Tensor(f"blob.{i}", dtype, shape)


def blobs(data: memoryview) -> Iterator[Blob]:
    """Every blob, in the order of the file.

    Raises:
        MalformedModel: As ``read``.
    """
    count = uint(data, 0, 4)
    if count > limits.MAX_TENSORS:
        raise MalformedModel("too many blobs", offset=0, expected=limits.MAX_TENSORS, found=count)
    at = _HEADER
    for _ in range(count):
        found = blob(data, at)
        yield found
        at = -(-(found.offset + found.length) // _HEADER) * _HEADER


def blob(data: memoryview, at: int) -> Blob:
    """The blob whose entry begins at ``at``.

    Raises:
        MalformedModel: None does, or it lies outside the file.
    """
    sentinel = uint(data, at, 4)
    if sentinel != _SENTINEL:
        raise MalformedModel("no blob begins here", offset=at, expected=_SENTINEL, found=sentinel)
    length, offset = uint(data, at + 8, 8), uint(data, at + 16, 8)
    if offset < at + _HEADER or offset + length > len(data):
        raise MalformedModel("a blob lies outside the file, or over its entry", offset=at + 16, found=offset)
    return Blob(offset, length, _TYPES.get(uint(data, at + 4, 4), BYTES))
