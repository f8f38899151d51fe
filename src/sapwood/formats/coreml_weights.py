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
    for reference in coreml.references(data):
        location, name = reference.location.removeprefix(_FOLDER), reference.name
        content = find(location)
        if content is None:
            # Of a length that is not known: the file is named as missing, and that is all.
            yield Described(location, 0, 0, Tensor(name, BYTES, (0,)))
            continue
        try:
            blob = coreml_blob.blob(content, reference.offset)
        except MalformedModel as error:
            raise MalformedModel(f"no blob for {name!r} in {location!r}", offset=error.offset) from error
        tensor = fit(name, blob.dtype, reference.shape, blob.length)
        yield Described(location, blob.offset, blob.length, tensor)
