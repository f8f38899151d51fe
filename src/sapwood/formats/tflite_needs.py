"""What a TensorFlow Lite model needs of a device that runs it: memory, operators, inputs and outputs.

Source: tensorflow/lite/schema/schema.fbs, version 3c; the metadata "OfflineMemoryAllocation" as in
tensorflow/lite/micro/docs/memory_management.md. A file does not say how large the arena of an interpreter
must be: that depends on the runtime's own structures, its planner and its kernels' scratch buffers. What is
told here is a lower bound.
"""

import dataclasses
import struct
from typing import Final

from blake3 import blake3

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements
from sapwood.formats.flatbuffer import Table
from sapwood.formats.tflite import TYPES

__all__ = ["TFLiteNeeds", "read_needs"]

# Fields of the tables, counted from 0 in the schema's order.
_MODEL_VERSION, _MODEL_OPERATOR_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA = 0, 1, 2, 4, 6
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_IS_VARIABLE = 0, 1, 2, 5
_OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_INTERMEDIATES = 1, 2, 8
_CODE_DEPRECATED, _CODE_CUSTOM, _CODE_VERSION, _CODE_BUILTIN = 0, 1, 2, 3
_BUFFER_DATA, _BUFFER_OFFSET = 0, 1
_METADATA_NAME, _METADATA_BUFFER = 0, 1

_PLAN: Final = "OfflineMemoryAllocation"
_PLAN_HEAD: Final = 3
# TensorFlow Lite Micro aligns every buffer of its arena to this many bytes.
_ALIGNMENT: Final = 16
_MOST_EDGES: Final = 4096
_HASH_BYTES: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class TFLiteNeeds:
    """Needs of a model.

    Attributes:
        arena_bytes: A lower bound of the tensor arena: the activations alive at the same time, at the worst
            moment, each a multiple of 16 bytes; or the extent of the plan in the file, where that is larger.
        is_planned: Whether the file carries a plan of the arena.
        schema: Version of the schema.
        operator_set: Hash of the operators and their versions, 8 bytes (SPEC, "Guardrails").
        io_schema: Hash of the types and shapes of the inputs and outputs, 8 bytes.
    """

    arena_bytes: int
    is_planned: bool
    schema: int
    operator_set: bytes
    io_schema: bytes


def read_needs(data: memoryview) -> TFLiteNeeds:
    """The needs of a whole .tflite file.

    Raises:
        MalformedModel: An offset, a length or an index leads nowhere.
    """
    model = Table.root(data)
    graphs = [_Graph(model, graph) for graph in _bounded(model, _MODEL_SUBGRAPHS)]
    if not graphs:
        raise MalformedModel("a model without a subgraph", offset=model.at)
    plan = _plan(model, data)
    live = max(graph.most_alive() for graph in graphs)
    planned = 0 if plan is None else graphs[0].extent(plan)
    return TFLiteNeeds(
        max(live, planned),
        plan is not None,
        model.number(_MODEL_VERSION, 4),
        _operator_set(model),
        graphs[0].io(),
    )


def _bounded(table: Table, field: int) -> list[Table]:
    found = []
    for item in table.tables(field):
        found.append(item)
        if len(found) > limits.MAX_TENSORS:
            raise MalformedModel("too many entries", offset=table.at)
    return found


class _Graph:
    """A subgraph: the bytes of its activations, and when each is alive."""

    def __init__(self, model: Table, graph: Table) -> None:
        self._graph = graph
        self._tensors = _bounded(graph, _GRAPH_TENSORS)
        self._operators = _bounded(graph, _GRAPH_OPERATORS)
        buffers = _bounded(model, _MODEL_BUFFERS)
        self._bytes = [_activation_bytes(tensor, buffers) for tensor in self._tensors]

    def _indices(self, table: Table, field: int) -> list[int]:
        found = [i for i in table.numbers(field, _MOST_EDGES) if i != -1] if table.has(field) else []
        if any(not 0 <= i < len(self._tensors) for i in found):
            raise MalformedModel(
                "an index is larger than its vector", offset=table.at, expected=len(self._tensors)
            )
        return found

    def _lifetimes(self) -> dict[int, tuple[int, int]]:
        """First and last operator, by number, during which a tensor's bytes are needed."""
        last = len(self._operators) - 1
        alive: dict[int, tuple[int, int]] = dict.fromkeys(self._indices(self._graph, _GRAPH_INPUTS), (0, 0))
        for step, operator in enumerate(self._operators):
            for field in (_OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_INTERMEDIATES):
                for i in self._indices(operator, field):
                    alive[i] = (alive.get(i, (step, step))[0], step)
        for i in self._indices(self._graph, _GRAPH_OUTPUTS):
            alive[i] = (alive.get(i, (0, 0))[0], last)
        for i, tensor in enumerate(self._tensors):
            if i in alive and tensor.number(_TENSOR_IS_VARIABLE, 1):
                alive[i] = (0, last)
        return alive

    def most_alive(self) -> int:
        """Bytes alive at the worst moment."""
        change = [0] * (len(self._operators) + 2)
        for i, (first, end) in self._lifetimes().items():
            change[first] += self._bytes[i]
            change[end + 1] -= self._bytes[i]
        most = now = 0
        for step in change:
            now += step
            most = max(most, now)
        return most

    def extent(self, plan: tuple[int, ...]) -> int:
        """Bytes up to the end of the last activation that a plan places."""
        ends = (offset + size for offset, size in zip(plan, self._bytes, strict=False) if offset >= 0)
        return max(ends, default=0)

    def io(self) -> bytes:
        """The hash of what goes in and comes out."""
        out = bytearray()
        for field in (_GRAPH_INPUTS, _GRAPH_OUTPUTS):
            found = self._indices(self._graph, field)
            out += struct.pack("<I", len(found))
            for i in found:
                shape = _shape(self._tensors[i])
                kind = self._tensors[i].number(_TENSOR_TYPE, 1)
                out += struct.pack(f"<BI{len(shape)}i", kind, len(shape), *shape)
        return blake3(out).digest(length=_HASH_BYTES)


def _shape(tensor: Table) -> tuple[int, ...]:
    return tensor.numbers(_TENSOR_SHAPE, limits.MAX_DIMENSIONS) if tensor.has(_TENSOR_SHAPE) else ()


def _activation_bytes(tensor: Table, buffers: list[Table]) -> int:
    """Bytes of the arena; 0 for constants, and for types without a fixed size."""
    index = tensor.number(_TENSOR_BUFFER, 4)
    if index >= len(buffers):
        raise MalformedModel("an index is larger than its vector", offset=tensor.at, expected=len(buffers))
    if buffers[index].bytes(_BUFFER_DATA)[1] or buffers[index].number(_BUFFER_OFFSET, 8) > 1:
        return 0
    dtype = TYPES.get(tensor.number(_TENSOR_TYPE, 1))
    if dtype is None:
        return 0
    blocks = -(-elements(_shape(tensor), tensor.at) // dtype.block_elements)
    return -(-blocks * dtype.block_bytes // _ALIGNMENT) * _ALIGNMENT


def _plan(model: Table, data: memoryview) -> tuple[int, ...] | None:
    """The offset of each tensor of the first subgraph, -1 where it has none; None without a plan."""
    for entry in _bounded(model, _MODEL_METADATA):
        if entry.string(_METADATA_NAME, limits.MAX_NAME_CHARS) != _PLAN:
            continue
        at, length = model.table(_MODEL_BUFFERS, entry.number(_METADATA_BUFFER, 4)).bytes(_BUFFER_DATA)
        words = struct.unpack_from(f"<{length // 4}i", data, at)
        if len(words) < _PLAN_HEAD or words[2] != len(words) - _PLAN_HEAD:
            raise MalformedModel(
                "a plan of the arena has another length than it says", offset=at, found=len(words)
            )
        return words[_PLAN_HEAD:]
    return None


def _operator_set(model: Table) -> bytes:
    found = set()
    for code in _bounded(model, _MODEL_OPERATOR_CODES):
        # Files before schema 3a have the one, later ones both; the larger counts.
        number = max(code.number(_CODE_DEPRECATED, 1), code.number(_CODE_BUILTIN, 4))
        custom = code.string(_CODE_CUSTOM, limits.MAX_NAME_CHARS).encode()
        version = code.number(_CODE_VERSION, 4, 1)
        found.add(struct.pack(f"<III{len(custom)}s", number, version, len(custom), custom))
    return blake3(b"".join(sorted(found))).digest(length=_HASH_BYTES)
