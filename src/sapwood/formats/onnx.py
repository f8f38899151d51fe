"""ONNX: a protobuf file whose TensorProto messages hold the weights.

Source: onnx/onnx.proto. The walk goes through the main graph, training graphs, functions, and graphs and
tensors in attributes of nodes. A tensor's span is its ``raw_data``, or its one packed ``float_data`` or
``double_data``; numbers stored as varints are glue, since their places depend on their values. Tensors stored
in other files are listed apart.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements
from sapwood.formats.described import Described
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.layout import Layout, Tally, Tensor, cover, fit, joined
from sapwood.formats.protobuf import LEN, Field, Walker, text_of, varints

FORMAT: Final = "onnx"

# onnx.proto, ModelProto: field number to wire type. What begins otherwise is not taken for ONNX.
_MODEL: Final = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_IR_VERSION, _GRAPH = 1, 7
# ir_version counts up by one every year or so; 13 in 2025.
_LARGEST_IR_VERSION: Final = 127

# Which field of a message holds messages that may hold tensors: message -> field number -> message.
_NESTED: Final = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "indices"},
}

# onnx.proto, TensorProto.DataType; 8 is STRING, which has no fixed size.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        1: "f32", 2: "u8", 3: "i8", 4: "u16", 5: "i16", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 11: "f64",
        12: "u32", 13: "u64", 14: "c64", 15: "c128", 16: "bf16", 17: "f8_e4m3", 18: "f8_e4m3fnuz",
        19: "f8_e5m2", 20: "f8_e5m2fnuz", 21: "u4", 22: "i4", 23: "f4_e2m1", 24: "f8_e8m0", 25: "u2", 26:
        "i2", 27: "f6_e2m3", 28: "f6_e3m2",
    }.items()
}  # fmt: skip
_FLOAT_DATA, _RAW_DATA, _DOUBLE_DATA = 4, 9, 10
# Which types the packed fields hold as they are (onnx.proto, comments at float_data and double_data).
_PACKED: Final = {_FLOAT_DATA: ("f32", "c64"), _DOUBLE_DATA: ("f64", "c128")}
_EXTERNAL: Final = 1


def matches(_head: memoryview, size: int, data: memoryview, /) -> bool:
    """There is no magic number: the outermost message must have the fields of a model, and a graph."""
    seen: set[int] = set()
    try:
        for field in Walker(data).fields(0, size):
            if _MODEL.get(field.number) != field.wire:
                return False
            if field.number == _IR_VERSION and not 0 < field.value <= _LARGEST_IR_VERSION:
                return False
            seen.add(field.number)
    except MalformedModel:
        # A file cut short still counts, so that the reader can say so.
        return _IR_VERSION in seen and len(seen) > 1
    return {_IR_VERSION, _GRAPH} <= seen


def read(data: memoryview) -> Layout:
    """The layout of one .onnx file.

    Raises:
        MalformedModel: A message breaks the wire format or nests too deeply.
    """
    found = ((offset, length, tensor) for offset, length, tensor, location in _walk(data) if location is None)
    return cover(FORMAT, len(data), found)


def external_tensors(data: memoryview) -> tuple[Described, ...]:
    """The tensors of an .onnx file that are stored in other files.

    Raises:
        MalformedModel: As ``read``.
    """
    found: list[Described] = []
    tally = Tally()
    for offset, length, tensor, location in _walk(data):
        if location is not None:
            tally.add(tensor.name, offset)
            tally.add(location, offset)
            found.append(Described(location, offset, length, tensor))
    return tuple(found)


def _walk(data: memoryview) -> Iterator[tuple[int, int, Tensor, str | None]]:
    """(offset, length, tensor, the other file it is in or None) of every tensor with bytes."""
    walker = Walker(data)
    # Depth first with iterators: what is held grows with the depth of the file and not with its length.
    stack = [("model", "", walker.fields(0, len(data)))]
    while stack:
        message, path, fields = stack[-1]
        field = next(fields, None)
        if field is None:
            stack.pop()
            continue
        inner = _NESTED[message].get(field.number)
        if inner is None or field.wire != LEN:
            continue
        if inner in ("tensor", "indices"):
            tensor = _TensorReader(walker, field)
            # What an attribute's tensor calls itself means nothing; a sparse tensor is known by its values.
            own = {"attribute": "", "graph": tensor.name}.get(message, tensor.name or inner)
            yield from tensor.read(joined(path, own, field.start))
            continue
        if len(stack) > limits.MAX_NESTING_DEPTH:
            raise MalformedModel("graphs are nested too deeply", offset=field.start)
        name = _path(walker, field, inner, path)
        stack.append((inner, name, walker.fields(field.start, field.end)))


def _path(walker: Walker, outer: Field, message: str, path: str) -> str:
    """What to call the tensors below: nodes and attributes are in the path, the main graph is not.

    A node goes by its first output, and a Constant's ``value`` adds nothing: so a weight keeps its name when
    an exporter moves it from an initializer to a Constant node.
    """
    wanted = {"node": (2, 3), "attribute": (1,), "function": (1,), "sparse": ()}.get(message, ())
    if not wanted:
        return path
    found: dict[int, str] = {}
    for field in walker.fields(outer.start, outer.end):
        if field.number in wanted and field.wire == LEN and field.number not in found:
            found[field.number] = text_of(walker.data, field)
    name = next((found[number] for number in wanted if found.get(number)), "")
    if message == "attribute" and name == "value":
        return path
    return joined(path, name, outer.start)


class _TensorReader:
    """One TensorProto."""

    def __init__(self, walker: Walker, outer: Field) -> None:
        self.name = ""
        self._data = walker.data
        self._at = outer.start
        self._type = 0
        self._location = 0
        self._dims: list[int] = []
        self._payloads: list[Field] = []
        self._external: dict[str, str] = {}
        for field in walker.fields(outer.start, outer.end):
            match field.number, field.wire:
                case 1, _:
                    self._read_dims(field)
                case 2, 0:
                    self._type = field.value
                case 8, 2:
                    self.name = text_of(self._data, field)
                case ((4 | 9 | 10), 2):
                    self._payloads.append(field)
                case 13, 2:
                    self._read_external(walker, field)
                case 14, 0:
                    self._location = field.value

    def read(self, name: str) -> Iterator[tuple[int, int, Tensor, str | None]]:
        """The tensor under this name, as ``_walk`` gives it; none if its numbers are no array."""
        shape = tuple(self._dims)
        dtype = _TYPES.get(self._type, BYTES)
        total = elements(shape, self._at)
        if self._location == _EXTERNAL:
            offset = self._number("offset", 0)
            length = self._number("length", dtype.nbytes(total))
            yield offset, length, fit(name, dtype, shape, length), self._external.get("location", "")
            return
        raw = [field for field in self._payloads if field.number == _RAW_DATA]
        if len(raw) > 1:
            raise MalformedModel(f"tensor {name!r} has its bytes twice", offset=raw[1].start)
        # Numbers packed in several pieces, or one by one, are no array in the file.
        if len(self._payloads) != 1:
            return
        field = self._payloads[0]
        length = field.end - field.start
        if field.number == _RAW_DATA or dtype.name in _PACKED[field.number]:
            yield field.start, length, fit(name, dtype, shape, length), None

    def _read_dims(self, field: Field) -> None:
        # int64 on the wire; a negative size has the top bit and is refused by its bit length.
        self._dims += varints(self._data, field, limits.MAX_DIMENSIONS + 1 - len(self._dims))

    def _read_external(self, walker: Walker, outer: Field) -> None:
        pair = {1: "", 2: ""}
        for field in walker.fields(outer.start, outer.end):
            if field.number in pair and field.wire == LEN:
                pair[field.number] = text_of(self._data, field)
        if len(self._external) < 8:
            self._external[pair[1]] = pair[2]

    def _number(self, key: str, default: int) -> int:
        value = self._external.get(key)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            raise MalformedModel(f"the {key} of external tensor {self.name!r} is no number", offset=self._at)
        return int(value)
