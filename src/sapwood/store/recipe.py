"""A recipe: how one model file is put together from objects, as bytes.

    1  version, 1
    …  format, prefixed with its length (varint)
    …  size of the file (varint)
   32  BLAKE3 of the file
    …  number of spans (varint)
       for each: 0 for glue, or 1 and the tensor's name, type (both prefixed), number of dimensions and
       dimensions; then its length (varint)
   32  for each: digest of its object

The text comes first, the digests last: versions of a model share the text.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import Final

from sapwood.codec.varint import ByteReader, put_bytes, put_unsigned
from sapwood.errors import BadData, CorruptPatch
from sapwood.formats.dtype import DTYPES
from sapwood.formats.layout import Layout, Span, Tensor
from sapwood.formats.limits import MAX_DIMENSIONS
from sapwood.store.kinds import DIGEST_SIZE, Description, Digest, Kind

__all__ = ["Item", "Recipe", "read_recipe", "write_recipe"]

_VERSION: Final = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A span of the file, and the object that holds its bytes."""

    span: Span
    digest: Digest

    @property
    def description(self) -> Description:
        """What the object is."""
        tensor = self.span.tensor
        if tensor is None:
            return Description(Kind.GLUE)
        return Description(Kind.TENSOR, tensor.dtype.name, tensor.shape)


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """One model file.

    Attributes:
        format: The name of its format.
        size: Bytes.
        file_digest: BLAKE3 of the file.
        items: Its spans in order, which cover it.
    """

    format: str
    size: int
    file_digest: bytes
    items: tuple[Item, ...]

    @property
    def layout(self) -> Layout:
        """What the file's bytes are."""
        return Layout(self.format, self.size, tuple(item.span for item in self.items))

    def tensors(self) -> Iterator[tuple[Tensor, Digest]]:
        """The tensors in file order, each with its object."""
        for item in self.items:
            if item.span.tensor is not None:
                yield item.span.tensor, item.digest


def write_recipe(recipe: Recipe) -> bytes:
    """The recipe as bytes; equal recipes give equal bytes."""
    out = bytearray([_VERSION])
    put_bytes(out, recipe.format.encode())
    put_unsigned(out, recipe.size)
    out += recipe.file_digest
    put_unsigned(out, len(recipe.items))
    for item in recipe.items:
        tensor = item.span.tensor
        if tensor is None:
            out.append(0)
        else:
            out.append(1)
            put_bytes(out, tensor.name.encode("utf-8", "surrogatepass"))
            put_bytes(out, tensor.dtype.name.encode())
            put_unsigned(out, len(tensor.shape))
            for size in tensor.shape:
                put_unsigned(out, size)
        put_unsigned(out, item.span.length)
    for item in recipe.items:
        out += item.digest
    return bytes(out)


def _read_tensor(reader: ByteReader) -> Tensor:
    name = bytes(reader.prefixed("name")).decode("utf-8", "surrogatepass")
    dtype = bytes(reader.prefixed("type")).decode()
    if dtype not in DTYPES:
        raise BadData("a recipe has a type that is not known to this version", found=dtype)
    count = reader.unsigned("number of dimensions")
    if count > MAX_DIMENSIONS:
        raise BadData("a recipe has a tensor of too many dimensions", found=count)
    return Tensor(name, DTYPES[dtype], tuple(reader.unsigned("dimension") for _ in range(count)))


def read_recipe(data: bytes | memoryview) -> Recipe:
    """The recipe that these bytes say.

    Raises:
        BadData: They say none: cut short, spans that leave holes, tensors that do not fit their spans.
    """
    reader = ByteReader(data)
    try:
        version = reader.byte("version")
        if version != _VERSION:
            raise BadData(
                "a recipe of another version", expected=_VERSION, found=version, advice="Update sapwood."
            )
        name = bytes(reader.prefixed("format")).decode()
        size = reader.unsigned("size")
        file_digest = bytes(reader.take(DIGEST_SIZE, "digest of the file"))
        count = reader.unsigned("number of spans")
        if count > reader.left:
            raise BadData("a recipe has fewer spans than it says", expected=count)
        spans: list[Span] = []
        at = 0
        for _ in range(count):
            tensor = _read_tensor(reader) if reader.byte("kind of span") else None
            length = reader.unsigned("length of span")
            if tensor is not None and math.prod(tensor.shape) >= 1 << 63:
                raise BadData("a recipe has a tensor that is too large", found=tensor.name)
            spans.append(Span(at, length, tensor))
            at += length
        digests = [bytes(reader.take(DIGEST_SIZE, "digest of an object")) for _ in range(count)]
    except UnicodeDecodeError as error:
        raise BadData("a recipe has a name that is not text") from error
    except CorruptPatch as error:
        raise BadData(f"a recipe is damaged: {error.message}", offset=error.offset) from error
    if reader.left:
        raise BadData("a recipe has bytes left over", found=reader.left)
    items = tuple(Item(span, digest) for span, digest in zip(spans, digests, strict=True))
    # The layout checks that spans fit.
    return Recipe(Layout(name, size, tuple(spans)).format, size, file_digest, items)
