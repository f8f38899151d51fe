"""The blobs of a Core ML program, named and shaped by the .mlmodel that refers to them.

Source: coremltools 9, MIL.proto (BlobFileValue). ``@model_path`` is the folder of the .mlmodel.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import coreml, coreml_blob
from sapwood.formats.described import Described, Find
from sapwood.formats.dtype import BYTES
from sapwood.formats.layout import Tensor, fit

__all__ = ["DESCRIBING", "FORMAT", "REPLACES", "describe"]

FORMAT: Final = "coreml-weights"
DESCRIBING: Final = coreml.FORMAT
REPLACES: Final[frozenset[str]] = frozenset({coreml_blob.FORMAT})

_FOLDER: Final = "@model_path/"


def describe(data: memoryview, _path: str, find: Find, /) -> Iterator[Described]:
    """The tensors of one .mlmodel that are blobs of other files.

    Raises:
        MalformedModel: As ``coreml.read``; or no blob begins where the model says so.
    """
    entries: dict[str, dict[int, coreml_blob.Blob]] = {}
    for reference in coreml.references(data):
        location = reference.location.removeprefix(_FOLDER)
        content = find(location)
        if content is None:
            # Of a length that is not known: the file is named as missing, and that is all.
            yield Described(location, 0, 0, Tensor(reference.name, BYTES, (0,)))
            continue
        if location not in entries:
            entries[location] = {blob.entry: blob for blob in coreml_blob.blobs(content)}
        blob = entries[location].get(reference.offset)
        if blob is None:
            raise MalformedModel(f"no blob for {reference.name!r}", offset=reference.offset)
        yield Described(
            location, blob.offset, blob.length, fit(reference.name, blob.dtype, reference.shape, blob.length)
        )
