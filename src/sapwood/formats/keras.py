"""Keras 3's .keras: a zip archive of a configuration and of the weights as HDF5.

Source: keras 3, keras/src/saving/saving_lib.py. Keras stores its members without compression, so a tensor
lies in the HDF5 file as that lies in the archive, and is named as there. A member that somebody has
compressed is glue, and a warning says so.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import hdf5
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.zip_directory import first_name, is_zip, read_directory

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "keras"

_CONFIGURATION: Final = frozenset({"config.json", "metadata.json"})
_SUFFIX: Final = ".weights.h5"


def matches(head: memoryview, _size: int, data: memoryview, /) -> bool:
    """A zip archive with the two .json files of Keras."""
    if not is_zip(head):
        return False
    try:
        return {entry.name for entry in read_directory(data)} >= _CONFIGURATION
    except MalformedModel:
        return first_name(data) in _CONFIGURATION


def read(data: memoryview) -> Layout:
    """The layout of the archive and of the HDF5 files in it.

    Raises:
        MalformedModel: The archive breaks its rules, or an HDF5 file in it does.
    """
    glue: dict[str, tuple[str, int]] = {}
    layout = cover(FORMAT, len(data), _tensors(data, glue))
    return Layout(FORMAT, layout.size, layout.spans, hdf5.told(FORMAT, glue))


def _tensors(data: memoryview, glue: dict[str, tuple[str, int]]) -> Iterator[tuple[int, int, Tensor]]:
    for entry in read_directory(data):
        if not entry.name.endswith(_SUFFIX):
            continue
        if not entry.stored:
            glue.setdefault("compressed weights stay as they are", (entry.name, entry.offset))
            continue
        inner: dict[str, tuple[str, int]] = {}
        try:
            for offset, length, tensor in hdf5.places(
                data[entry.offset : entry.offset + entry.length], inner
            ):
                yield entry.offset + offset, length, tensor
        except MalformedModel as error:
            raise MalformedModel(
                f"{entry.name}: {error.message}", offset=entry.offset + (error.offset or 0)
            ) from error
        for reason, (name, at) in inner.items():
            glue.setdefault(reason, (name, entry.offset + at))
