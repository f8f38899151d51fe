"""PyTorch archives: ``torch.save``, TorchScript and ``torch.package`` files, zip archives of stored members.

Source: torch/serialization.py, caffe2/serialize/inline_container.cc, torch/package. The pickles in the
archive name the storages and are walked, never executed. One storage is one span: it has the dtype and name
of the first tensor that views it, and that tensor's shape if the view is the whole storage in order, else one
dimension. A storage that no pickle names is plain bytes. Compressed members are glue.
"""

import math
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.pickle_nodes import Node, Record, Sequence, View
from sapwood.formats.pickle_walk import Budget, walk
from sapwood.formats.zip_directory import Entry, first_name, is_zip, read_directory

FORMAT: Final = "torch"

# torch/storage.py: legacy classes of typed storages; qint storages hold the plain integers.
_CLASSES: Final = {
    "DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16",
    "LongStorage": "i64", "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8",
    "ByteStorage": "u8", "BoolStorage": "bool", "ComplexFloatStorage": "c64", "ComplexDoubleStorage": "c128",
    "QInt32Storage": "i32", "QInt8Storage": "i8", "QUInt8Storage": "u8",
}  # fmt: skip
# torch.dtype names, given by _rebuild_tensor_v3 over an untyped storage.
_NAMES: Final = {
    "float64": "f64", "float32": "f32", "float16": "f16", "bfloat16": "bf16", "float8_e4m3fn": "f8_e4m3",
    "float8_e5m2": "f8_e5m2", "float8_e4m3fnuz": "f8_e4m3fnuz", "float8_e5m2fnuz": "f8_e5m2fnuz",
    "float8_e8m0fnu": "f8_e8m0", "complex32": "c32", "complex64": "c64", "complex128": "c128", "bool": "bool",
    "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8",
}  # fmt: skip
# nn.Module keeps its children under these; leaving them out gives the names a state dict has.
_SILENT: Final = frozenset({"_modules", "_parameters", "_buffers"})


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
            for path, view in _views(top, self._prefix(stem), entry.offset):
                storage = self._storage(stem, view.storage.key)
                if storage is None or storage.name in named:
                    continue
                named.add(storage.name)
                yield storage.offset, storage.length, self._tensor(_joined(path), view, storage)
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

    def _tensor(self, name: str, view: View, storage: Entry) -> Tensor:
        dtype = self._dtype(view)
        width = dtype.bits // 8
        count = view.storage.count * (1 if view.storage.type_name == "UntypedStorage" else width)
        if dtype is BYTES:
            return Tensor(name, BYTES, (storage.length,))
        if count != storage.length or storage.length % width:
            raise MalformedModel(
                f"storage {storage.name!r} has another length", offset=storage.offset, expected=count
            )
        whole = view.start == 0 and math.prod(view.shape) * width == storage.length and _in_order(view)
        return Tensor(name, dtype, view.shape if whole else (storage.length // width,))

    def _dtype(self, view: View) -> DType:
        canonical = _NAMES.get(view.dtype) if view.dtype else _CLASSES.get(view.storage.type_name)
        dtype = DTYPES.get(canonical or "", BYTES)
        # A canonical type is little-endian; what is not is carried as bytes.
        return BYTES if self._big_endian and dtype.bits > 8 else dtype


def _in_order(view: View) -> bool:
    """Whether the view's elements are the storage's, one after the other."""
    step = 1
    for size, stride in zip(reversed(view.shape), reversed(view.strides), strict=False):
        if size != 1 and stride != step:
            return False
        step *= size
    return len(view.shape) == len(view.strides)


# (path of the parent, key); joined only where a tensor is found.
_Path = tuple["_Path | None", str]
_Branch = Record | Sequence | View


def _views(top: Node, prefix: str, offset: int) -> Iterator[tuple[_Path | None, View]]:
    """Every tensor and its path of keys, in pickle order; each container is visited once."""
    # Iterators hold no more than the depth, however long a hostile list is.
    root: _Path | None = (None, prefix) if prefix else None
    stack = [(_branches(Record(parts=[top])), root)]
    seen: set[int] = set()
    while stack:
        branches, path = stack[-1]
        branch = next(branches, None)
        if branch is None:
            stack.pop()
            continue
        key, node = branch
        inner = path if key is None else (path, key)
        if isinstance(node, View):
            yield inner, node
        elif id(node) not in seen:
            seen.add(id(node))
            if len(stack) > limits.MAX_PICKLE_DEPTH:
                raise MalformedModel("a pickle is nested too deeply", offset=offset)
            stack.append((_branches(node), inner))


def _branches(node: Record | Sequence) -> Iterator[tuple[str | None, _Branch]]:
    """The parts of a node that may lead to tensors, each under a key, or None if it adds nothing."""
    if isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            if isinstance(item, _Branch):
                yield str(index), item
        return
    for key, value in node.pairs:
        if isinstance(value, _Branch):
            named = isinstance(key, str | int) and key not in _SILENT
            yield str(key) if named else None, value
    for part in node.parts:
        if isinstance(part, _Branch):
            yield None, part


def _joined(path: _Path | None) -> str:
    keys: list[str] = []
    while path is not None:
        path, key = path
        keys.append(key)
    return ".".join(reversed(keys))
