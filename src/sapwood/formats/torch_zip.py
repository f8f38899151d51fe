"""PyTorch archives: ``torch.save``, TorchScript and ``torch.package`` files, zip archives of stored members.

Source: torch/serialization.py, caffe2/serialize/inline_container.cc, torch/package. The pickles in the
archive name the storages and are walked, never executed. One storage is one span: it has the dtype and name
of the first tensor that views it, and that tensor's shape if the view is the whole storage in order, else one
dimension. A storage that no pickle names is plain bytes. Compressed members are glue.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats.dtype import BYTES
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.pickle_walk import Budget, walk
from sapwood.formats.torch_views import tensor, views
from sapwood.formats.zip_directory import Entry, first_name, is_zip, read_directory

FORMAT: Final = "torch"


def matches(head: memoryview, _size: int, data: memoryview, /) -> bool:
    """A zip archive with a pickle called data.pkl or the hidden folder of ``torch.package``."""
    if not is_zip(head):
        return False
    try:
        names = [entry.name for entry in read_directory(data)]
    except MalformedModel:
        names = [first_name(data)]
    return any(name.endswith("/data.pkl") or "/.data/" in name for name in names)


def read(data: memoryview) -> Layout:
    """The layout of a whole archive.

    Raises:
        MalformedModel: The archive or one of its pickles breaks its rules.
    """
    return cover(FORMAT, len(data), _Archive(data).tensors())


class _Archive:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._entries = {entry.name: entry for entry in read_directory(data)}
        self._root = next(iter(self._entries), "").partition("/")[0]
        order = self._entries.get(f"{self._root}/byteorder")
        self._big_endian = (
            order is not None
            and order.stored
            and bytes(data[order.offset :][: min(order.length, 4)]) == b"big"
        )

    def tensors(self) -> Iterator[tuple[int, int, Tensor]]:
        budget = Budget()
        named: set[str] = set()
        for entry in self._entries.values():
            if not (entry.stored and entry.name.endswith(".pkl")):
                continue
            stem = entry.name.removesuffix(".pkl")
            top = walk(self._data, entry.offset, entry.offset + entry.length, budget)
            for path, view in views(top, self._prefix(stem), entry.offset):
                storage = self._storage(stem, view.storage.key)
                if storage is None or storage.name in named:
                    continue
                named.add(storage.name)
                yield (
                    storage.offset,
                    storage.length,
                    tensor(path, view, storage.offset, storage.length, big_endian=self._big_endian),
                )
        for entry in self._entries.values():
            if entry.stored and entry.name not in named and self._holds_storages(entry.name):
                yield entry.offset, entry.length, Tensor(entry.name, BYTES, (entry.length,))

    def _prefix(self, stem: str) -> str:
        """Nothing for the main pickle; folder and file for others, so that constants have own names."""
        inner = stem.removeprefix(f"{self._root}/").removeprefix(".data/")
        return inner.removesuffix("data").strip("/").replace("/", ".")

    def _storage(self, stem: str, key: str) -> Entry | None:
        # Beside its pickle (inline_container.cc), or in the one hidden folder of a package (torch/package).
        hidden = f"{self._root}/.data/{key}"
        for name in (f"{stem}/{key}", hidden, f"{hidden}.storage"):
            entry = self._entries.get(name)
            if entry is not None and entry.stored:
                return entry
        return None

    def _holds_storages(self, name: str) -> bool:
        inner = name.removeprefix(f"{self._root}/")
        return inner.endswith(".storage") or inner.startswith("data/")
