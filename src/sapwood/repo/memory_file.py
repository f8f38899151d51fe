"""Tensors in memory as a safetensors file in the store, which is never put together in memory.

The header is written as the format's own library does: JSON, padded with spaces to 8 bytes, tensors by
descending alignment and then by name.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from blake3 import blake3

from sapwood.errors import WrongCall
from sapwood.formats.layout import Span, Tensor
from sapwood.formats.safetensors import DTYPE_NAMES
from sapwood.patch.array_types import layout_dtype
from sapwood.patch.tensors import as_array
from sapwood.repo.tree import Entry
from sapwood.store.kinds import Digest, Kind
from sapwood.store.recipe import Item, Recipe, read_recipe, write_recipe
from sapwood.store.writer import Put

if TYPE_CHECKING:
    from sapwood.store.writer import Writer

__all__ = ["put_tensors"]

_ALIGNMENT: Final = 8
_METADATA: Final = "__metadata__"


def put_tensors(
    writer: "Writer",
    path: str,
    tensors: Mapping[str, Any],
    *,
    like: Digest | None = None,
    metadata: Mapping[str, str] | None = None,
) -> tuple[Entry, bytes]:
    """Put NumPy or PyTorch arrays as the safetensors file ``path``; its entry, and the file's BLAKE3 digest.

    Arrays must not change until this returns. ``like``: the recipe of an earlier version. ``metadata``: texts
    for the header.

    Raises:
        WrongCall: A value is no array that the format can hold, or a name is none.
    """
    known = {} if like is None else _digests(writer, like)
    arrays = {_name(name): as_array(value, name) for name, value in tensors.items()}
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, object] = {_METADATA: dict(metadata)} if metadata else {}
    spans, data = [], []
    at = 0
    for name, array in ordered:
        dtype = layout_dtype(array.dtype)
        if dtype.name not in DTYPE_NAMES:
            raise WrongCall(f"tensor {name!r} has a type that safetensors files lack", found=array.dtype.name)
        view = array.reshape(-1).view(np.uint8).data.toreadonly()
        header[name] = {
            "dtype": DTYPE_NAMES[dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + len(view)],
        }
        if len(view):
            spans.append((at, Tensor(name, dtype, array.shape)))
            data.append(view)
        at += len(view)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    glue = len(text).to_bytes(8, "little") + text
    pieces = [memoryview(glue), *data]
    hasher = blake3(max_threads=blake3.AUTO)
    for piece in pieces:
        hasher.update(piece)
    whole = [
        Span(0, len(glue), None),
        *(
            Span(len(glue) + start, len(view), tensor)
            for (start, tensor), view in zip(spans, data, strict=True)
        ),
    ]
    puts = [
        Put(
            Item(span, b"").description,
            piece,
            known.get(span.tensor.name if span.tensor else ""),
            span.offset,
        )
        for span, piece in zip(whole, pieces, strict=True)
    ]
    items = tuple(Item(span, digest) for span, digest in zip(whole, writer.put_all(puts), strict=True))
    recipe = Recipe("safetensors", len(glue) + at, hasher.digest(), items)
    digest = writer.put(Kind.RECIPE, write_recipe(recipe), base=like)
    return Entry(path, digest, recipe.size), recipe.file_digest


def _digests(writer: "Writer", recipe: Digest) -> dict[str, Digest]:
    """Objects of an earlier version by the names of their tensors; "" for its first glue."""
    found: dict[str, Digest] = {}
    for item in read_recipe(writer.read(recipe)).items:
        found.setdefault(item.span.tensor.name if item.span.tensor else "", item.digest)
    return found


def _name(name: object) -> str:
    if not isinstance(name, str) or not name or name == _METADATA:
        raise WrongCall("not the name of a tensor", found=ascii(name))
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise WrongCall("the name of a tensor is not text", found=ascii(name)) from error
    return name
