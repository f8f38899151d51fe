"""The constants of a Core ML program (MIL): where its operations keep them, and what one Value message holds.

Source: coremltools 9, mlmodel/format/MIL.proto. A value stands in the file or in a blob of another one.
Integers and booleans stand as varints, whose places depend on their values: they are glue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import elements
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.layout import Tensor, fit
from sapwood.formats.protobuf import LEN, VARINT, Field, Walker, text_of

__all__ = ["NAMED", "NESTED", "Reference", "value"]

# message -> field -> (message, what it adds to the name). Maps are messages with a key (1) and a value (2).
NESTED: Final[dict[str, dict[int, tuple[str, str]]]] = {
    "program": {2: ("functions", "")},
    "functions": {2: ("function", "")},
    "function": {3: ("specializations", "")},
    "specializations": {2: ("block", "")},
    "block": {3: ("operation", "")},
    "operation": {2: ("inputs", ""), 4: ("block", ""), 5: ("attributes", "")},
    "inputs": {2: ("argument", "")},
    "argument": {1: ("binding", "")},
    "binding": {2: ("value", "")},
    "attributes": {2: ("value", "")},
}
# An operation goes by its first output.
NAMED: Final[dict[str, tuple[int, ...]]] = {
    "functions": (1,),
    "operation": (3, 1),
    "inputs": (1,),
    "attributes": (1,),
}

# MIL.proto, enum DataType; 2 is STRING.
_TYPES: Final = {
    number: DTYPES[name]
    for number, name in {
        1: "bool", 10: "f16", 11: "f32", 12: "f64", 13: "bf16", 21: "i8", 22: "i16", 23: "i32", 24: "i64",
        25: "i4", 31: "u8", 32: "u16", 33: "u32", 34: "u64", 35: "u4", 36: "u2", 40: "f8_e4m3", 41: "f8_e5m2",
    }.items()
}  # fmt: skip
# TensorValue: what is stored as it is; the field of RepeatedFloats, and so on, is 1 in each.
_FLOATS, _DOUBLES, _BYTES = 1, 6, 7
_STORED: Final = {_FLOATS: DTYPES["f32"], _DOUBLES: DTYPES["f64"]}


@dataclass(frozen=True, slots=True)
class Reference:
    """A tensor whose bytes are the blob at ``offset`` of the file ``location``."""

    location: str
    offset: int
    name: str
    dtype: DType
    shape: tuple[int, ...]


def value(walker: Walker, outer: Field, name: str) -> Iterator[tuple[int, int, Tensor | Reference]]:
    """(offset, length, tensor or where it is) of the arrays in one Value message."""
    fields = [field for field in walker.fields(outer.start, outer.end) if field.wire == LEN]
    kinds = [field for field in fields if field.number == 2]
    dtype, shape = _type(walker, kinds[-1]) if kinds else (BYTES, ())
    for field in fields:
        if field.number == 3:
            yield from _immediate(walker, field, name, dtype, shape)
        elif field.number == 5:
            yield field.start, field.end - field.start, _reference(walker, field, name, dtype, shape)


def _type(walker: Walker, outer: Field) -> tuple[DType, tuple[int, ...]]:
    """The element type and shape of a ValueType; what is no tensor is bytes."""
    dtype = BYTES
    shape: list[int] = []
    for tensor in _inside(walker, outer, 1):
        for field in walker.fields(tensor.start, tensor.end):
            if field.number == 1 and field.wire == VARINT:
                dtype = _TYPES.get(field.value, BYTES)
            elif field.number == 3 and field.wire == LEN:
                if len(shape) >= limits.MAX_DIMENSIONS:
                    raise MalformedModel("too many dimensions", offset=field.start)
                sizes = [
                    part.value
                    for constant in _inside(walker, field, 1)
                    for part in walker.fields(constant.start, constant.end)
                    if part.number == 1 and part.wire == VARINT
                ]
                # A size of zero is not written.
                shape.append(sizes[-1] if sizes else 0)
    elements(tuple(shape), outer.start)
    return dtype, tuple(shape)


def _immediate(
    walker: Walker, outer: Field, name: str, dtype: DType, shape: tuple[int, ...]
) -> Iterator[tuple[int, int, Tensor]]:
    for tensor in _inside(walker, outer, 1):
        for field in walker.fields(tensor.start, tensor.end):
            if field.wire != LEN or not (field.number == _BYTES or field.number in _STORED):
                continue
            stored = _STORED.get(field.number, dtype)
            for values in _inside(walker, field, 1):
                length = values.end - values.start
                yield values.start, length, fit(name, stored, shape, length)


def _reference(walker: Walker, outer: Field, name: str, dtype: DType, shape: tuple[int, ...]) -> Reference:
    location, offset = "", 0
    for field in walker.fields(outer.start, outer.end):
        if field.number == 1 and field.wire == LEN:
            location = text_of(walker.data, field)
        elif field.number == 2 and field.wire == VARINT:
            offset = field.value
    return Reference(location, offset, name, dtype, shape)


def _inside(walker: Walker, outer: Field, number: int) -> Iterator[Field]:
    """The fields of that number that are messages, or bytes."""
    for field in walker.fields(outer.start, outer.end):
        if field.number == number and field.wire == LEN:
            yield field
