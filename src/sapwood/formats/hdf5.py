"""HDF5: Keras's .h5 and .weights.h5, and what else h5py and PyTables write.

Source: HDF5 File Format Specification 3.0 (support.hdfgroup.org). Read with our own walker: h5py tells where
a data set lies, but only through the HDF5 C library, which is not safe on hostile files. A tensor is named by
its path ("model_weights/dense/kernel:0"), a chunk by its place in the grid ("x.chunk.0.3"). Glue: headers,
attributes (Keras keeps a model's configuration there), filtered chunks, and data sets of texts or of elements
of variable length. A file with a user block is opaque.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import hdf5_groups, limits
from sapwood.formats.dtype import BYTES
from sapwood.formats.hdf5_file import MAGIC, File
from sapwood.formats.hdf5_header import Message, messages
from sapwood.formats.hdf5_storage import pieces
from sapwood.formats.hdf5_types import data_space, data_type
from sapwood.formats.layout import FormatWarning, Layout, Tally, Tensor, cover, fit

__all__ = ["FORMAT", "matches", "places", "read", "told"]

FORMAT: Final = "hdf5"

_SPACE, _LINK_INFO, _TYPE, _LINK, _LAYOUT, _FILTERS, _SYMBOLS = 0x01, 0x02, 0x03, 0x06, 0x08, 0x0B, 0x11
_USED: Final = frozenset({_SPACE, _LINK_INFO, _TYPE, _LAYOUT, _FILTERS, _SYMBOLS})


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The signature, at the front."""
    return bytes(head[: len(MAGIC)]) == MAGIC


def read(data: memoryview) -> Layout:
    """The layout of one file; one warning for each reason why data sets or groups are glue.

    Raises:
        MalformedModel: A structure leads out of the file or into itself, or asks for too much.
    """
    glue: dict[str, tuple[str, int]] = {}
    layout = cover(FORMAT, len(data), places(data, glue))
    return Layout(FORMAT, layout.size, layout.spans, told(FORMAT, glue))


def told(form: str, glue: dict[str, tuple[str, int]]) -> tuple[FormatWarning, ...]:
    """A warning for each reason that ``places`` gave, with the first that it holds for."""
    return tuple(
        FormatWarning(form, "", f"{reason}: {name!r} and maybe others", at)
        for reason, (name, at) in glue.items()
    )


def places(data: memoryview, glue: dict[str, tuple[str, int]]) -> Iterator[tuple[int, int, Tensor]]:
    """(offset, length, tensor) of every data set or chunk; ``glue`` takes why others are none, by reason."""
    file = File(data)
    tally = Tally()
    stack = [("", file.root)]
    while stack:
        path, at = stack.pop()
        # Many links may lead to one object, and a group's to itself.
        if not file.first_visit(at):
            continue
        members: list[tuple[str, int]] = []
        found: dict[int, Message] = {}
        for message in messages(file, at):
            if message.kind == _LINK:
                member = hdf5_groups.link(file, message)
                members += [member] if member else []
            elif message.kind in _USED:
                found.setdefault(message.kind, message)
        if _SYMBOLS in found:
            members += hdf5_groups.symbols(file, found[_SYMBOLS])
        if _LINK_INFO in found and hdf5_groups.is_dense(file, found[_LINK_INFO]):
            glue.setdefault("links in a fractal heap are not read", (path, at))
        for name, place in reversed(members):
            whole = f"{path}/{name}" if path else name
            tally.add(whole, place)
            stack.append((whole, place))
        if _LAYOUT in found:
            yield from _data_set(file, path, at, found, glue)


def _data_set(
    file: File, path: str, at: int, found: dict[int, Message], glue: dict[str, tuple[str, int]]
) -> Iterator[tuple[int, int, Tensor]]:
    if _SPACE not in found or _TYPE not in found or found[_SPACE].shared:
        raise MalformedModel("a data set has no shape or no type", offset=at)
    if found[_TYPE].shared:
        glue.setdefault("types that are kept elsewhere are not read", (path, at))
        return
    shape = data_space(file, found[_SPACE])
    kind = data_type(file, found[_TYPE])
    if shape is None or kind is None:
        return
    if _FILTERS in found:
        glue.setdefault("filtered chunks stay as they are", (path, at))
        return
    dtype, width = kind
    stored = pieces(file, found[_LAYOUT], shape, width)
    if stored is None:
        glue.setdefault("chunks behind an index of new files are not read", (path, at))
        return
    for suffix, offset, length, own in stored:
        sizes = shape if own is None else own
        if dtype is BYTES and width > 1 and len(sizes) < limits.MAX_DIMENSIONS:
            sizes = (*sizes, width)
        yield offset, length, fit(path + suffix, dtype, sizes, length)
