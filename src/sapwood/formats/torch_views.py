"""The tensors in a walked pickle of torch: their names, and what the storages are that they view.

Source: torch/storage.py, torch/_utils.py. A storage has the dtype and name of the first tensor that views it.
"""

import math
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Tensor
from sapwood.formats.pickle_nodes import Node, Record, Sequence, StorageRef, View

__all__ = ["Path", "element_bytes", "tensor", "views"]

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
_UNTYPED: Final = "UntypedStorage"
# nn.Module keeps its children under these; leaving them out gives the names a state dict has.
_SILENT: Final = frozenset({"_modules", "_parameters", "_buffers"})


def element_bytes(storage: StorageRef) -> int | None:
    """Bytes of what ``storage.count`` counts; None for a class that is not known."""
    if storage.type_name == _UNTYPED:
        return 1
    name = _CLASSES.get(storage.type_name)
    return None if name is None else DTYPES[name].bits // 8


def tensor(path: "Path | None", view: View, offset: int, length: int, *, big_endian: bool) -> Tensor:
    """The storage of ``length`` bytes at ``offset`` as the tensor that views it, in one dimension if in part.

    Raises:
        MalformedModel: The storage is not as long as its pickle says.
    """
    name = _joined(path)
    canonical = _NAMES.get(view.dtype) if view.dtype else _CLASSES.get(view.storage.type_name)
    dtype: DType = DTYPES.get(canonical or "", BYTES)
    # A canonical type is little-endian; what is not is carried as bytes.
    if dtype is BYTES or (big_endian and dtype.bits > 8):
        return Tensor(name, BYTES, (length,))
    width = dtype.bits // 8
    expected = view.storage.count * (1 if view.storage.type_name == _UNTYPED else width)
    if expected != length or length % width:
        raise MalformedModel(
            f"storage {view.storage.key!r} has another length", offset=offset, expected=expected, found=length
        )
    whole = view.start == 0 and math.prod(view.shape) * width == length and _in_order(view)
    return Tensor(name, dtype, view.shape if whole else (length // width,))


def _in_order(view: View) -> bool:
    """Whether the view's elements are the storage's, one after the other."""
    step = 1
    for size, stride in zip(reversed(view.shape), reversed(view.strides), strict=False):
        if size != 1 and stride != step:
            return False
        step *= size
    return len(view.shape) == len(view.strides)


# (path of the parent, key); joined only where a tensor is found.
Path = tuple["Path | None", str]
_Branch = Record | Sequence | View


def views(top: Node, prefix: str, offset: int) -> Iterator[tuple[Path | None, View]]:
    """Every tensor and its path of keys, in pickle order; each container is visited once."""
    # Iterators hold no more than the depth, however long a hostile list is.
    root: Path | None = (None, prefix) if prefix else None
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


def _joined(path: Path | None) -> str:
    keys: list[str] = []
    while path is not None:
        path, key = path
        keys.append(key)
    return ".".join(reversed(keys))
