"""Mutations of protobuf messages whose lengths stay right, so that damage reaches the innermost fields."""

import copy
import random
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats.protobuf import FIXED32, LEN, VARINT, Walker
from tests.formats.protobuf_file import varint
from tests.fuzz.mutate import mutated

__all__ = ["mutated_message"]

# (number, wire, value): a number, bytes, or the fields of a message.
_Field = tuple[int, int, "int | bytes | list[_Field]"]

_EDGES: Final = (0, 1, 2, 64, 65, 0x7F, 0x80, 1 << 31, (1 << 32) - 1, 1 << 62, (1 << 63) - 1, (1 << 64) - 1)
_DEEPEST: Final = 24


def _parsed(data: bytes, depth: int = 0) -> list[_Field]:
    found: list[_Field] = []
    for field in Walker(memoryview(data)).fields(0, len(data)):
        content: int | bytes | list[_Field] = data[field.start : field.end]
        if field.wire == VARINT:
            content = field.value
        elif field.wire == LEN and content and depth < _DEEPEST:
            try:
                # Texts and arrays may look like messages: as good as any other damage.
                content = _parsed(data[field.start : field.end], depth + 1)
            except MalformedModel:
                content = data[field.start : field.end]
        found.append((field.number, field.wire, content))
    return found


def _written(fields: list[_Field]) -> bytes:
    out = bytearray()
    for number, wire, content in fields:
        out += varint(number << 3 | wire)
        if isinstance(content, int):
            out += varint(content)
            continue
        data = content if isinstance(content, bytes) else _written(content)
        out += varint(len(data)) + data if wire == LEN else data
    return bytes(out)


def _messages(fields: list[_Field]) -> list[list[_Field]]:
    found = [fields]
    for message in found:
        found += [content for _, _, content in message if isinstance(content, list)]
    return found


def _once(root: list[_Field], dice: random.Random) -> None:
    messages = _messages(root)
    message = dice.choice(messages)
    if not message:
        message.append((dice.randrange(1, 120), VARINT, dice.choice(_EDGES)))
        return
    at = dice.randrange(len(message))
    number, wire, content = message[at]
    match dice.randrange(8):
        case 0:
            del message[at]
        case 1:
            message.insert(dice.randrange(len(message) + 1), copy.deepcopy(message[at]))
        case 2:
            dice.shuffle(message)
        case 3:
            message[at] = copy.deepcopy(dice.choice(dice.choice([m for m in messages if m])))
        case 4:
            message[at] = (dice.choice((1, 2, 3, 5, 10, 20, 40, 100, 140, 502, 605)), wire, content)
        case 5 if wire == LEN:
            # A message in itself, a few levels deep.
            for _ in range(dice.choice((1, 2, 70))):
                content = [(number, wire, content)]
            message[at] = (number, wire, content)
        case 6 if isinstance(content, bytes) and wire == LEN:
            message[at] = (number, wire, mutated(content, dice))
        case _ if isinstance(content, int):
            message[at] = (number, wire, dice.choice(_EDGES))
        case _:
            message[at] = (number, FIXED32, dice.randbytes(4))


def mutated_message(data: bytes, dice: random.Random) -> bytes:
    """``data``, which is a message, after one to six changes of fields."""
    root = _parsed(data)
    for _ in range(dice.choice((1, 1, 2, 3, 6))):
        _once(root, dice)
    return _written(root)
