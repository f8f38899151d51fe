"""What the store holds: objects, each named by the digest of what it is and of its bytes."""

import enum
from typing import NamedTuple

from blake3 import blake3

from sapwood.codec.varint import ByteReader, put_bytes, put_unsigned
from sapwood.errors import BadData, WrongCall
from sapwood.formats.limits import MAX_DIMENSIONS

__all__ = [
    "DIGEST_SIZE",
    "MOST_DEPTH",
    "Description",
    "Digest",
    "Form",
    "Kind",
    "ObjectInfo",
    "StoredForm",
    "describe",
    "object_digest",
    "object_hasher",
    "read_description",
]

Digest = bytes
"""The name of an object: 32 bytes."""

DIGEST_SIZE = 32
MOST_DEPTH = 255
"""Deltas on each other, at most: a record's head has a byte for it."""
_DOMAIN = b"sapwood object\0"
# BLAKE3 gains from a second thread above some MB.
_THREADS_FROM = 8 << 20


class Kind(enum.IntEnum):
    """What an object is. The numbers are part of its digest: they mean the same for ever."""

    TENSOR = 1
    """One tensor's bytes."""
    GLUE = 2
    """Bytes of a model file between its tensors, or all of a file without any."""
    RECIPE = 3
    """How one model file is put together from tensors and glue."""
    TREE = 4
    COMMIT = 5
    TAG = 6


class Form(enum.IntEnum):
    """How an object's bytes are stored. A number means one form for ever."""

    RAW = 1
    """As they are."""
    CODED = 2
    """A row of blocks that need nothing else."""
    DELTA = 3
    """A row of blocks, some of them against another object, the base."""


class Description(NamedTuple):
    """What an object is, beside its bytes.

    Attributes:
        kind: As above.
        dtype: Of a tensor, a key of ``sapwood.formats.dtype.DTYPES``; else "".
        shape: Of a tensor, in row-major order of the bytes; else ().
    """

    kind: Kind
    dtype: str = ""
    shape: tuple[int, ...] = ()


class ObjectInfo(NamedTuple):
    """What is known of an object without reading it.

    Attributes:
        digest: Its name.
        description: What it is.
        length: Bytes.
        form: How they are stored.
        stored: Bytes they take, without the record's head.
        base: The object that a delta needs, else None.
        depth: Deltas that are decoded to read it: 0 unless it is one.
        place: The file that holds it, relative to the store's folder.
        offset: Where its bytes begin in that file.
    """

    digest: Digest
    description: Description
    length: int
    form: Form
    stored: int
    base: Digest | None
    depth: int
    place: str
    offset: int

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.description.kind

    @property
    def dtype(self) -> str:
        """The type of a tensor's elements, else ""."""
        return self.description.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """A tensor's shape, else ()."""
        return self.description.shape


class StoredForm(NamedTuple):
    """An object as it is stored: what travels between stores.

    Attributes:
        digest: Its name.
        description: What it is.
        length: Bytes of its content.
        form: How they are stored.
        base: What a delta is against, else None.
        payload: The stored bytes, perhaps of a mapped file.
        depth: Deltas to decode where it comes from; where it arrives, that is counted anew.
        crc: CRC-32 of the payload, where it comes from.
    """

    digest: Digest
    description: Description
    length: int
    form: Form
    base: Digest | None
    payload: memoryview
    depth: int = 0
    crc: int = 0


def describe(description: Description) -> bytes:
    """The description as bytes; equal descriptions give equal bytes.

    Raises:
        WrongCall: It is none: a tensor of no known type, or another object that has one.
    """
    _check(description)
    out = bytearray([description.kind])
    put_bytes(out, description.dtype.encode())
    put_unsigned(out, len(description.shape))
    for size in description.shape:
        put_unsigned(out, size)
    return bytes(out)


def _check(description: Description) -> None:
    if description.kind is not Kind.TENSOR:
        if description.dtype or description.shape:
            raise WrongCall("only tensors have a type and a shape", found=description.kind.name)
        return
    # Commits and trees are read without the table of types.
    from sapwood.formats.dtype import DTYPES  # noqa: PLC0415

    if description.dtype not in DTYPES:
        raise WrongCall("not the name of an element type", found=description.dtype)
    if len(description.shape) > MAX_DIMENSIONS or not all(0 <= size < 1 << 64 for size in description.shape):
        raise WrongCall("not the shape of a tensor", found=description.shape)


def read_description(data: bytes | memoryview) -> Description:
    """The description that ``describe`` gave.

    Raises:
        BadData: It is none.
    """
    reader = ByteReader(data)
    try:
        kind = Kind(reader.byte("kind"))
        dtype = bytes(reader.prefixed("type")).decode()
        count = reader.unsigned("number of dimensions")
        if count > MAX_DIMENSIONS:
            raise BadData("a tensor has too many dimensions", expected=MAX_DIMENSIONS, found=count)
        description = Description(kind, dtype, tuple(reader.unsigned("dimension") for _ in range(count)))
        _check(description)
    except (ValueError, WrongCall) as error:
        raise BadData("an object is not described as one", found=bytes(data[:64])) from error
    if reader.left:
        raise BadData("an object's description has bytes left over", found=reader.left)
    return description


def object_hasher(description: Description, threads: int = 1) -> blake3:
    """BLAKE3 that has taken what an object is, and waits for its bytes.

    The description comes first and ends by itself, so that no two objects give the same input.
    """
    return blake3(_DOMAIN + describe(description), max_threads=threads)


def object_digest(description: Description, data: bytes | memoryview) -> Digest:
    """The name of an object."""
    hasher = object_hasher(description, blake3.AUTO if len(data) >= _THREADS_FROM else 1)
    hasher.update(data)
    return hasher.digest()
