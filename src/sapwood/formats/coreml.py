"""Core ML: a protobuf file with a neural network, a program, or a pipeline of models.

Source: coremltools 9, mlmodel/format/Model.proto (specification versions 1 to 10). What a network's layers
hold is in ``coreml_network``, what a program's operations hold in ``coreml_program``. A program of an
.mlpackage keeps its weights in weights/weight.bin; ``coreml_weights`` lays that out. Trees, support vectors
and the like are glue.
"""

from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import coreml_network, coreml_program, limits
from sapwood.formats.coreml_program import Reference
from sapwood.formats.layout import Layout, Tally, Tensor, cover, joined
from sapwood.formats.protobuf import LEN, VARINT, Field, Walker, name_of, varint

FORMAT: Final = "coreml"

_VERSION, _DESCRIPTION, _UPDATABLE = 1, 2, 10
# specificationVersion counts up by one with each system of a year; 10 in 2025.
_LARGEST_VERSION: Final = 127
# Model.proto, the oneof Type: every kind of model, and below those that may hold tensors.
_KINDS: Final = frozenset(
    {200, 201, 202, 300, 301, 302, 303, 304, 400, 401, 402, 403, 404, 500, 501, 502, 555, 556, 560, 600, 601,
     602, 603, 604, 606, 607, 609, 610, 900, 2000, 2001, 2002, 2003, 2004, 2005, 2006, 3000}
)  # fmt: skip

# Which field of a message holds messages that may hold tensors: message -> field -> (message, what it adds to
# the name).
_NESTED: Final = {
    "model": {
        200: ("pipelined", ""),
        201: ("pipelined", ""),
        202: ("pipeline", ""),
        303: ("network", ""),
        403: ("network", ""),
        500: ("network", ""),
        502: ("program", ""),
    },
    "pipelined": {1: ("pipeline", "")},
    "pipeline": {1: ("model", "")},
    **coreml_network.NESTED,
    **coreml_program.NESTED,
}
# Where a message keeps its name: the field, and the field in that field's message if it is one.
_NAMED: Final = {**coreml_network.NAMED, **coreml_program.NAMED}
# The function that every program has, and the attribute in which a constant has its value, add nothing.
_UNSAID: Final = {"functions": "main", "attributes": "val"}


def matches(_head: memoryview, size: int, data: memoryview, /) -> bool:
    """There is no magic number: the outermost message must have the fields of a model, of one kind."""
    seen: set[int] = set()
    try:
        for field in Walker(data).fields(0, size):
            if not _is_of_model(field.number, field.wire, field.value):
                return False
            seen.add(field.number)
    except MalformedModel as error:
        # A file cut short still counts if it got as far as its kind, so that the reader can say so.
        if error.offset is None or _VERSION not in seen:
            return False
        return bool(seen & _KINDS) or _kind_at(data, error.offset) in _KINDS
    return _VERSION in seen and len(seen & _KINDS) == 1


def _is_of_model(number: int, wire: int, value: int) -> bool:
    if number == _VERSION:
        return wire == VARINT and 0 < value <= _LARGEST_VERSION
    return wire == (VARINT if number == _UPDATABLE else LEN) and (
        number in _KINDS or number in (_DESCRIPTION, _UPDATABLE)
    )


def _kind_at(data: memoryview, offset: int) -> int:
    try:
        tag, _ = varint(data, offset, len(data))
    except MalformedModel:
        return 0
    return tag >> 3


def read(data: memoryview) -> Layout:
    """The layout of one .mlmodel file.

    Raises:
        MalformedModel: A message breaks the wire format or nests too deeply.
    """
    found = ((offset, length, tensor) for offset, length, tensor in _walk(data) if isinstance(tensor, Tensor))
    return cover(FORMAT, len(data), found)


def references(data: memoryview) -> tuple[Reference, ...]:
    """The tensors of a program that are stored in other files.

    Raises:
        MalformedModel: As ``read``.
    """
    found: list[Reference] = []
    tally = Tally()
    for offset, _, reference in _walk(data):
        if isinstance(reference, Reference):
            tally.add(reference.name, offset)
            tally.add(reference.location, offset)
            found.append(reference)
    return tuple(found)


def _walk(data: memoryview) -> Iterator[tuple[int, int, Tensor | Reference]]:
    """(offset, length, tensor or where it is) of every tensor; offsets are in this file."""
    walker = Walker(data)
    # Depth first with iterators: what is held grows with the depth of the file and not with its length.
    stack = [("model", "", Field(0, LEN, 0, len(data), 0), walker.fields(0, len(data)))]
    while stack:
        message, path, outer, fields = stack[-1]
        field = next(fields, None)
        if field is None:
            stack.pop()
            continue
        inner, label = _NESTED[message].get(field.number, ("", ""))
        if not inner or field.wire != LEN:
            continue
        if inner == "weights":
            name = joined(path, label, field.start)
            yield from coreml_network.weights(
                walker, field, name, coreml_network.shape(walker, message, outer)
            )
        elif inner == "value":
            yield from coreml_program.value(walker, field, path)
        else:
            if len(stack) > limits.MAX_NESTING_DEPTH:
                raise MalformedModel("models are nested too deeply", offset=field.start)
            own = label or name_of(walker, field, _NAMED.get(inner, ()))
            name = path if own == _UNSAID.get(inner) else joined(path, own, field.start)
            stack.append((inner, name, field, walker.fields(field.start, field.end)))
