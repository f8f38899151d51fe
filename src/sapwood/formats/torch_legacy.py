"""PyTorch files from before the archives (torch < 1.6, or ``_use_new_zipfile_serialization=False``).

Source: torch/serialization.py, ``_legacy_save``. Five pickles follow each other: a magic number, the version,
facts on the machine, the object, and the keys of its storages; then each storage as a count of elements and
its bytes. The pickles are walked, never executed. Names and types are as in ``torch_zip``. Files with views
of storages (torch < 0.4) and tar archives (torch < 0.1.10) are opaque.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.pickle_nodes import Node, Record, Sequence, View
from sapwood.formats.pickle_walk import Budget, walk_next
from sapwood.formats.torch_views import Path, element_bytes, tensor, views

__all__ = ["FORMAT", "matches", "read"]

FORMAT: Final = "torch-legacy"

# MAGIC_NUMBER, 0x1950a86a20f9469cfc6c, behind the opcodes of protocol 2 and of a number of ten bytes.
_MAGIC: Final = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
_VERSION: Final = 1001


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The pickle of the magic number."""
    return bytes(head[: len(_MAGIC)]) == _MAGIC


def read(data: memoryview) -> Layout:
    """The layout of one file.

    Raises:
        MalformedModel: A pickle breaks its rules, or a storage is not as long as it says.
    """
    return cover(FORMAT, len(data), _tensors(data))


def _tensors(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    cursor, budget = Cursor(data, len(_MAGIC)), Budget()
    at = cursor.at
    if (version := walk_next(cursor, budget)) != _VERSION:
        raise MalformedModel("a file of an unknown version", offset=at, expected=_VERSION, found=str(version))
    big_endian = _is_big_endian(walk_next(cursor, budget))
    at = cursor.at
    first: dict[str, tuple[Path | None, View]] = {}
    for path, view in views(walk_next(cursor, budget), "", at):
        first.setdefault(view.storage.key, (path, view))
    for key in _keys(cursor, budget):
        at = cursor.at
        found = first.pop(key, None)
        width = None if found is None else element_bytes(found[1].storage)
        if found is None or width is None:
            raise MalformedModel(f"storage {key!r} is of no known type, or given twice", offset=at)
        length = cursor.u64() * width
        offset = cursor.skip(length)
        yield offset, length, tensor(*found, offset, length, big_endian=big_endian)
    if first:
        raise MalformedModel("a storage is not in the file", offset=cursor.at, found=next(iter(first)))


def _keys(cursor: Cursor, budget: Budget) -> list[str]:
    at = cursor.at
    listed = walk_next(cursor, budget)
    items = listed.items if isinstance(listed, Sequence) else [None]
    keys = [item for item in items if isinstance(item, str)]
    if len(keys) != len(items) or len(keys) > limits.MAX_TENSORS:
        raise MalformedModel("not a list of storages", offset=at)
    return keys


def _is_big_endian(facts: Node) -> bool:
    return isinstance(facts, Record) and any(
        key == "little_endian" and value is False for key, value in facts.pairs
    )
