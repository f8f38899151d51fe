"""PaddlePaddle's graphs: a .json (PIR) or, before version 3, a .pdmodel (protobuf). All glue but the names.

Source: PaddlePaddle 3.3, paddle/fluid/pir/serialize_deserialize (the ops ``p`` are parameters, "A" holds
their names) and framework.proto (ProgramDesc). A .pdiparams holds the tensors in the order of their names.
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits, opaque
from sapwood.formats.layout import Layout, Tally
from sapwood.formats.protobuf import LEN, VARINT, Field, Walker, name_of

__all__ = ["FORMAT", "matches", "names", "read"]

FORMAT: Final = "paddle-graph"

_PIR: Final = re.compile(rb'\{"base_code":\{"magic":"pir"')
# Written without blanks and with sorted keys. Inside a text the quotes would be escaped.
_PARAMETER: Final = re.compile(rb'\{"#":"p","A":\[[0-9]+,[0-9]+,[0-9]+,("(?:[^"\\]|\\.)*+")\]')
# ProgramDesc: blocks, op_compatible_map, version, and a newer map of versions.
_PROGRAM: Final = {1: LEN, 3: LEN, 4: LEN, 5: LEN}
_FIRST_BLOCK: Final = 1 << 3 | LEN
# VarType.Type: tensors that a program feeds and fetches are of other types.
_IS_TENSOR: Final = 7


def matches(head: memoryview, size: int, data: memoryview, /) -> bool:
    """The magic text of PIR; or a protobuf message with the fields of a program, and first of all a block."""
    if _PIR.match(head):
        return True
    if size < 2 or head[0] != _FIRST_BLOCK:
        return False
    try:
        seen: set[int] = set()
        for field in Walker(data).fields(0, size):
            if _PROGRAM.get(field.number) != field.wire:
                return False
            if not seen and not _is_first_block(data, field):
                return False
            seen.add(field.number)
    except MalformedModel:
        # A file cut short still counts once its first block is known, so that the reader can say so.
        return bool(seen)
    return True


def _is_first_block(data: memoryview, block: Field) -> bool:
    """Whether a BlockDesc begins with the index 0 and the parent -1."""
    inside = itertools.islice(Walker(data).fields(block.start, block.end), 2)
    return [(field.number, field.wire, field.value) for field in inside] == [
        (1, VARINT, 0),
        (2, VARINT, (1 << 64) - 1),
    ]


def read(data: memoryview) -> Layout:
    """The graph as one span, once its names can be read.

    Raises:
        MalformedModel: A name is none, or there are too many.
    """
    names(data)
    return Layout(FORMAT, len(data), opaque.read(data).spans)


def names(data: memoryview) -> tuple[str, ...]:
    """The names of the parameters, in the order of the .pdiparams.

    Raises:
        MalformedModel: As ``read``.
    """
    found: set[str] = set()
    tally = Tally()
    for name, offset in _pir(data) if _PIR.match(data) else _program(data):
        tally.add(name, offset)
        found.add(name)
    # As std::sort has it: by bytes.
    return tuple(sorted(found, key=str.encode))


def _pir(data: memoryview) -> Iterator[tuple[str, int]]:
    for match in _PARAMETER.finditer(data):
        if match.end(1) - match.start(1) > limits.MAX_NAME_CHARS:
            raise MalformedModel("a parameter's name is too long", offset=match.start(1))
        try:
            name = str(json.loads(match[1]))
            name.encode()
        except ValueError as error:
            raise MalformedModel("a parameter's name is no text", offset=match.start(1)) from error
        yield name, match.start(1)


def _program(data: memoryview) -> Iterator[tuple[str, int]]:
    walker = Walker(data)
    for block in walker.fields(0, len(data)):
        if block.number != 1 or block.wire != LEN:
            continue
        for variable in walker.fields(block.start, block.end):
            if variable.number == 3 and variable.wire == LEN and _is_parameter(walker, variable):
                yield name_of(walker, variable, (1,)), variable.start


def _is_parameter(walker: Walker, variable: Field) -> bool:
    """Whether a VarDesc outlives a run (field 3) and is a tensor (the type in field 2)."""
    persistable = is_tensor = False
    for field in walker.fields(variable.start, variable.end):
        if field.number == 3 and field.wire == VARINT:
            persistable = field.value != 0
        elif field.number == 2 and field.wire == LEN:
            kinds = [part.value for part in walker.fields(field.start, field.end) if part.number == 1]
            is_tensor = kinds[-1:] == [_IS_TENSOR]
    return persistable and is_tensor
