"""The constants of an XNNPACK graph, the delegate that ExecuTorch programs for phones' processors have.

Source: ExecuTorch 1.5, backends/xnnpack/serialization/schema.fbs ("XN00", "XN01") and XNNHeader ("XH00") in
xnnpack_graph_serialize.py. A constant lies behind the graph, or in a segment of the program under a key that
changes with its bytes; here it goes by its number in the graph.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements, uint
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.flatbuffer import Table
from sapwood.formats.layout import Tensor, fit

__all__ = ["Constant", "constants", "matches"]

_HEADER: Final = b"XH00"
_HEADER_BYTES: Final = 30
_GRAPHS: Final = (b"XN00", b"XN01")
_VALUES, _CONSTANTS = 2, 8
_QUANTISED: Final = 2

# XNNDatatype, as constants are stored before XNNPACK packs them; 8 and 10 are codes of four bits.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        1: "f32", 2: "f16", 3: "i8", 4: "u8", 5: "i32", 6: "i8", 7: "i32", 8: "u4", 10: "u4", 12: "i32",
        14: "bf16",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant in the segment ``key``, or, where that is empty, at ``offset`` of the file."""

    index: int
    key: str
    offset: int
    length: int
    dtype: DType
    shape: tuple[int, ...]

    def tensor(self, name: str, length: int) -> Tensor:
        """The tensor of so many bytes."""
        return fit(name, self.dtype, self.shape, length)


def matches(data: memoryview) -> bool:
    """Whether a delegate's data begins like an XNNPACK graph with its header."""
    return len(data) >= _HEADER_BYTES and bytes(data[4:8]) == _HEADER


def constants(
    data: memoryview, start: int, length: int, counted: Callable[[Iterator[Table]], Iterator[Table]]
) -> Iterator[Constant]:
    """The constants of the graph at ``start``; ``counted`` keeps the number of tables within bounds.

    Raises:
        MalformedModel: An offset, a length or an index leads nowhere.
    """
    graph_at = start + uint(data, start + 10, 4)
    base, size = uint(data, start + 18, 4), uint(data, start + 22, 8)
    if graph_at + 8 > start + length or base + size > length:
        raise MalformedModel("an XNNPACK graph is longer than its segment", offset=start, expected=length)
    if bytes(data[graph_at + 4 : graph_at + 8]) not in _GRAPHS:
        raise MalformedModel("not the XNNPACK graph that is known", offset=graph_at + 4)
    graph = Table.root(data, graph_at)
    kinds = _kinds(counted(graph.tables(_VALUES)))
    for index, constant in enumerate(counted(graph.tables(_CONSTANTS))):
        dtype, shape = kinds.get(index, (BYTES, ()))
        offset, inside = constant.number(0, 8), constant.number(1, 8)
        key = constant.string(2, limits.MAX_NAME_CHARS)
        # Number 0 is what has no bytes.
        if not index or not (key or inside):
            continue
        if not key and offset + inside > size:
            raise MalformedModel("a constant lies outside its segment", offset=constant.at, found=offset)
        yield Constant(index, key, start + base + offset, inside, dtype, shape)


def _kinds(values: Iterator[Table]) -> dict[int, tuple[DType, tuple[int, ...]]]:
    """The type and shape of each constant, by its number, from the first value that uses it."""
    found: dict[int, tuple[DType, tuple[int, ...]]] = {}
    seen: set[int] = set()
    for value in values:
        if value.at in seen:
            continue
        seen.add(value.at)
        tensor = value.child(1)
        if tensor is not None and value.number(0, 1) == _QUANTISED:
            tensor = tensor.child(0)
        if tensor is None:
            continue
        index = tensor.number(3, 4)
        if index and index not in found:
            shape = tensor.numbers(2, limits.MAX_DIMENSIONS)
            elements(shape, tensor.at)
            found[index] = _TYPES.get(tensor.number(0, 2), BYTES), shape
    return found
