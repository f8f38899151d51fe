"""ExecuTorch programs (.pte): a FlatBuffer, and behind it segments with constants and with delegates' data.

Source: ExecuTorch 1.5, schema/program.fbs ("ET12"), schema/extended_header.cpp. Tensors are those of the
plans' values; of delegates, what an XNNPACK graph says of its constants (``executorch_xnnpack``), else one
row of bytes each. A tensor whose type has no fixed size here stays glue, since only its type says how long it
is.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats import executorch_xnnpack, limits
from sapwood.formats.cursor import elements, uint
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.flatbuffer import Table
from sapwood.formats.layout import Layout, Tally, Tensor, cover

__all__ = ["FORMAT", "TYPES", "Segments", "in_memory", "matches", "read"]

FORMAT: Final = "executorch"

_IDENTIFIER: Final = b"ET12"
_HEADER: Final = b"eh00"
# Fields of the tables, counted from 0 in the schema's order.
_PLANS, _BUFFERS, _INLINE, _SEGMENTS, _CONSTANTS, _MUTABLE, _NAMED = 1, 2, 3, 4, 5, 6, 7
_PLAN_VALUES, _PLAN_DELEGATES = 2, 7
_TENSOR_TYPE, _TENSOR_SIZES, _TENSOR_ORDER = 0, 2, 3
_TENSOR_INDEX, _TENSOR_ALLOCATION, _TENSOR_EXTRA = 5, 6, 9
_EXTRA_SEGMENT, _EXTRA_NAME, _EXTRA_LOCATION = 0, 1, 2
# program.fbs, union KernelTypes.
_IS_TENSOR: Final = 5
_IN_SEGMENT: Final = 1

# scalar_type.fbs; 16 and 17 share bytes in a way that the schema does not say.
TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        0: "u8", 1: "i8", 2: "i16", 3: "i32", 4: "i64", 5: "f16", 6: "f32", 7: "f64", 11: "bool", 12: "i8",
        13: "u8", 14: "i32", 15: "bf16", 22: "u16", 23: "f8_e5m2", 24: "f8_e4m3", 25: "f8_e5m2fnuz",
        26: "f8_e4m3fnuz", 27: "u16", 28: "u32", 29: "u64",
    }.items()
}  # fmt: skip


def matches(head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """The file identifier."""
    return bytes(head[4:8]) == _IDENTIFIER


def read(data: memoryview) -> Layout:
    """The layout of a whole .pte file.

    Raises:
        MalformedModel: An offset, a length or an index leads nowhere.
    """
    base = uint(data, 24, 8) if bytes(data[8:12]) == _HEADER else 0
    return cover(FORMAT, len(data), _Program(data, base).tensors())


class Segments(NamedTuple):
    """(offset in the file, length) of each segment; every one lies in the file."""

    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, tables: Iterator[Table], base: int, size: int) -> "Segments":
        """The segments of a vector of DataSegment tables; their offsets are from ``base``."""
        places: list[tuple[int, int]] = []
        for table in tables:
            offset, length = base + table.number(0, 8), table.number(1, 8)
            if len(places) >= limits.MAX_TENSORS or offset + length > size:
                raise MalformedModel("a segment lies outside the file", offset=table.at, found=offset)
            places.append((offset, length))
        return cls(tuple(places))

    def at(self, index: int, offset: int) -> tuple[int, int]:
        """(offset, length) of segment ``index``, which the table at ``offset`` asks for."""
        if index >= len(self.places):
            raise MalformedModel("no such segment", offset=offset, expected=len(self.places), found=index)
        return self.places[index]


def in_memory(tensor: Table, sizes: int, order: int) -> tuple[int, ...]:
    """A tensor's shape in the order of its bytes, from its fields of sizes and of the order of dimensions."""
    shape = tensor.numbers(sizes, limits.MAX_DIMENSIONS)
    permutation = tensor.content(order, limits.MAX_DIMENSIONS)
    if sorted(permutation) == list(range(len(shape))):
        shape = tuple(shape[i] for i in permutation)
    elements(shape, tensor.at)
    return shape


class _Program:
    """One program, and what has been taken from it: many entries may lead to one table, text or vector."""

    def __init__(self, data: memoryview, base: int) -> None:
        self._data = data
        self._visited = 0
        self._seen: set[int] = set()
        self._tally = Tally()
        self._root = Table.root(data)
        self._segments = Segments.of(self._counted(self._root.tables(_SEGMENTS)), base, len(data))
        self._constants = self._offsets(self._root.child(_CONSTANTS))
        self._mutable = [self._offsets(table) for table in self._counted(self._root.tables(_MUTABLE))]
        self._keys = {
            self._text(table, 0): self._segments.at(table.number(1, 4), table.at)
            for table in self._counted(self._root.tables(_NAMED))
        }

    def tensors(self) -> Iterator[tuple[int, int, Tensor]]:
        """Every tensor, those with a type and a shape first."""
        for plan in self._once(self._root.tables(_PLANS)):
            for value in self._once(plan.tables(_PLAN_VALUES)):
                tensor = value.child(1)
                if value.number(0, 1) == _IS_TENSOR and tensor is not None:
                    yield from self._tensor(tensor)
            for i, delegate in enumerate(self._counted(plan.tables(_PLAN_DELEGATES))):
                yield from self._delegate(delegate, i)
        # What only a delegate understands, or nobody here.
        for key, (offset, length) in self._keys.items():
            yield offset, length, Tensor(key, BYTES, (length,))

    def _counted(self, tables: Iterator[Table]) -> Iterator[Table]:
        for table in tables:
            self._visited += 1
            if self._visited > limits.MAX_TENSORS:
                raise MalformedModel("too many tables", offset=table.at)
            yield table

    def _once(self, tables: Iterator[Table]) -> Iterator[Table]:
        for table in self._counted(tables):
            if table.at not in self._seen:
                self._seen.add(table.at)
                yield table

    def _offsets(self, table: Table | None) -> tuple[int, int, tuple[int, ...]]:
        """(offset, length, offsets in it) of a segment that is a row of tensors."""
        if table is None or not self._segments.places:
            return 0, 0, ()
        offsets = table.longs(1, limits.MAX_TENSORS - self._visited)
        self._visited += len(offsets)
        return *self._segments.at(table.number(0, 4), table.at), offsets

    def _text(self, table: Table, field: int) -> str:
        found = table.string(field, limits.MAX_NAME_CHARS)
        self._tally.add(found, table.at)
        return found

    def _tensor(self, tensor: Table) -> Iterator[tuple[int, int, Tensor]]:
        index = tensor.number(_TENSOR_INDEX, 4)
        extra = tensor.child(_TENSOR_EXTRA)
        dtype = TYPES.get(tensor.number(_TENSOR_TYPE, 1))
        # Index 0 is what has no bytes; location 1 is another file, which says so itself.
        if not index or dtype is None or (extra is not None and extra.number(_EXTRA_LOCATION, 1)):
            return
        shape = in_memory(tensor, _TENSOR_SIZES, _TENSOR_ORDER)
        length = dtype.nbytes(elements(shape, tensor.at))
        name = self._text(extra, _EXTRA_NAME) if extra is not None else ""
        if tensor.has(_TENSOR_ALLOCATION):
            which = extra.number(_EXTRA_SEGMENT, 8) if extra is not None else 0
            if which >= len(self._mutable):
                raise MalformedModel("no such segment", offset=tensor.at, found=which)
            start, size, offsets = self._mutable[which]
            name = name or f"mutable.{which}.{index}"
        else:
            start, size, offsets = self._constants
            name = name or f"constant.{index}"
        if not offsets:
            # Before September 2024 constants stood in the FlatBuffer.
            offset, stored = self._root.table(_BUFFERS, index).bytes(0)
            if stored >= length:
                yield offset, length, Tensor(name, dtype, shape)
            return
        if index >= len(offsets) or offsets[index] + length > size:
            raise MalformedModel(f"tensor {name!r} lies outside its segment", offset=tensor.at, found=index)
        yield start + offsets[index], length, Tensor(name, dtype, shape)

    def _delegate(self, delegate: Table, i: int) -> Iterator[tuple[int, int, Tensor]]:
        place = delegate.child(1)
        if place is None:
            return
        index = place.number(1, 4)
        if place.number(0, 1) == _IN_SEGMENT:
            offset, length = self._segments.at(index, place.at)
        else:
            offset, length = self._root.table(_INLINE, index).bytes(0)
        name = f"{self._text(delegate, 0)}.{i}"
        if executorch_xnnpack.matches(self._data[offset : offset + length]):
            for constant in executorch_xnnpack.constants(self._data, offset, length, self._counted):
                found = self._keys.get(constant.key) if constant.key else (constant.offset, constant.length)
                if found is not None:
                    yield *found, constant.tensor(f"{name}.{constant.index}", found[1])
        elif length:
            yield offset, length, Tensor(name, BYTES, (length,))
