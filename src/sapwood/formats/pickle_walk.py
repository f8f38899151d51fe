"""Walking a pickle without running it: a stack machine that knows a whitelist of opcodes and calls nothing.

Source: the opcode table of CPython's ``pickletools``. Opcodes of protocol 0 and of extensions and buffers are
not in the list: no torch file has them. What REDUCE would call is looked up by name among the ways torch
rebuilds a tensor; any other call becomes a record that holds its arguments.
"""

from collections.abc import Callable
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor
from sapwood.formats.pickle_nodes import Global, Node, Record, Sequence, StorageRef
from sapwood.formats.torch_rebuild import rebuild

__all__ = ["Budget", "walk", "walk_next"]

# Longer texts are values and never keys; what is no key need not be kept.
_LONGEST_TEXT: Final = limits.MAX_NAME_CHARS


class Budget:
    """Opcodes left for all pickles of one archive."""

    def __init__(self) -> None:
        self.left = limits.MAX_PICKLE_OPCODES


def walk(data: memoryview, start: int, end: int, budget: Budget) -> Node:
    """The object that the pickle in [start, end) describes.

    Raises:
        MalformedModel: An opcode is unknown, misused or cut off, or the budget is spent.
    """
    return walk_next(Cursor(data, start, end), budget)


def walk_next(cursor: Cursor, budget: Budget) -> Node:
    """The object of the pickle that begins at ``cursor``, which is left behind its end.

    Raises:
        MalformedModel: As ``walk``.
    """
    return _Machine(cursor, budget).run()


class _Machine:
    def __init__(self, cursor: Cursor, budget: Budget) -> None:
        self.cursor = cursor
        self.budget = budget
        self.stack: list[Node] = []
        self.marks: list[int] = []
        self.memo: dict[int, Node] = {}

    def run(self) -> Node:
        cursor = self.cursor
        actions = _ACTIONS
        while True:
            if self.budget.left == 0:
                raise MalformedModel(
                    "too many pickle opcodes", offset=cursor.at, expected=limits.MAX_PICKLE_OPCODES
                )
            self.budget.left -= 1
            code = cursor.u8()
            if code == _STOP:
                return self.pop()
            action = actions.get(code)
            if action is None:
                raise self.misused(f"pickle opcode {code:#04x} is not one of a torch file")
            action(self)

    def misused(self, reason: str = "a pickle opcode has nothing fitting to work on") -> MalformedModel:
        return MalformedModel(reason, offset=self.cursor.at - 1)

    def push(self, value: Node) -> None:
        self.stack.append(value)

    def pop(self) -> Node:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.misused()
        return self.stack.pop()

    def top(self) -> Node:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.misused()
        return self.stack[-1]

    def to_mark(self) -> list[Node]:
        if not self.marks:
            raise self.misused()
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def remember(self, index: int) -> None:
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise self.misused("a pickle asks for what it has not stored")
        self.push(self.memo[index])

    def text(self, length: int) -> None:
        if length > _LONGEST_TEXT:
            self.cursor.skip(length)
            self.push(None)
        else:
            self.push(self.cursor.text(length))

    def ignore(self, length: int) -> None:
        self.cursor.skip(length)

    def blob(self, length: int) -> None:
        self.cursor.skip(length)
        self.push(None)

    def integer(self, length: int) -> None:
        start = self.cursor.skip(length)
        # Sizes and offsets have 64 bits; a longer number is some other value.
        self.push(
            int.from_bytes(self.cursor.data[start : start + length], "little", signed=True)
            if length < 10
            else None
        )

    def line(self) -> str:
        cursor = self.cursor
        start = cursor.at
        while cursor.u8() != 0x0A:
            if cursor.at - start > _LONGEST_TEXT:
                raise self.misused("the name of a class is too long")
        return Cursor(cursor.data, start, cursor.at).text(cursor.at - 1 - start)

    def take(self, count: int) -> None:
        items = [self.pop() for _ in range(count)]
        self.push(Sequence(items[::-1]))

    def extend(self, items: list[Node]) -> None:
        target = self.top()
        if isinstance(target, Sequence):
            target.items += items
        elif isinstance(target, Record):
            target.parts += items
        else:
            raise self.misused()

    def set_items(self, items: list[Node]) -> None:
        target = self.top()
        if not isinstance(target, Record) or len(items) % 2:
            raise self.misused()
        target.pairs += zip(items[::2], items[1::2], strict=True)

    def make_dictionary(self) -> None:
        items = self.to_mark()
        self.push(Record())
        self.set_items(items)

    def build(self) -> None:
        state = self.pop()
        target = self.top()
        # A tensor subclass may have a state of its own; it does not change where the bytes are.
        if isinstance(target, Record):
            target.parts.append(state)

    def new_object(self, arguments: int) -> None:
        parts = [self.pop() for _ in range(arguments)]
        self.pop()
        self.push(Record(parts=parts[::-1]))

    def reduce(self) -> None:
        arguments, called = self.pop(), self.pop()
        if not isinstance(arguments, Sequence):
            raise self.misused()
        self.push(rebuild(called, arguments, self.cursor.at - 1))

    def stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise self.misused()
        self.push(Global(module, name))

    def persistent(self) -> None:
        # torch/serialization.py: ("storage", class, key, location, elements), written by persistent_id. Files
        # that are no archive add a part of another storage, or None, which all of the last years have.
        known = self.pop()
        match known.items if isinstance(known, Sequence) else None:
            case ["storage", Global(_, type_name), str(key), _, int(count), *rest] if count >= 0 and rest in (
                [],
                [None],
            ):
                self.push(StorageRef(type_name, key, count))
            case _:
                raise self.misused("a persistent id that is no storage")


def _pop_mark(machine: _Machine) -> None:
    machine.to_mark()


def _pop(machine: _Machine) -> None:
    # POP takes away a mark if nothing stands above it.
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


def _two_items(machine: _Machine) -> list[Node]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


def _signed(width: int) -> Callable[[_Machine], None]:
    return lambda machine: machine.integer(width)


def _short(machine: _Machine) -> None:
    start = machine.cursor.skip(2)
    machine.push(int.from_bytes(machine.cursor.data[start : start + 2], "little"))


_STOP: Final = ord(".")
_ACTIONS: Final[dict[int, Callable[[_Machine], None]]] = {
    0x80: lambda m: m.ignore(1),  # PROTO
    0x95: lambda m: m.ignore(8),  # FRAME
    ord("("): lambda m: m.marks.append(len(m.stack)),  # MARK
    ord("0"): _pop,  # POP
    ord("1"): _pop_mark,  # POP_MARK
    ord("2"): lambda m: m.push(m.top()),  # DUP
    ord("N"): lambda m: m.push(None),  # NONE
    0x88: lambda m: m.push(True),  # NEWTRUE
    0x89: lambda m: m.push(False),  # NEWFALSE
    ord("J"): _signed(4),  # BININT
    ord("K"): lambda m: m.push(m.cursor.u8()),  # BININT1
    ord("M"): _short,  # BININT2
    0x8A: lambda m: m.integer(m.cursor.u8()),  # LONG1
    0x8B: lambda m: m.integer(m.cursor.u32()),  # LONG4
    ord("G"): lambda m: m.blob(8),  # BINFLOAT
    ord("X"): lambda m: m.text(m.cursor.u32()),  # BINUNICODE
    0x8C: lambda m: m.text(m.cursor.u8()),  # SHORT_BINUNICODE
    0x8D: lambda m: m.text(m.cursor.u64()),  # BINUNICODE8
    ord("T"): lambda m: m.blob(m.cursor.u32()),  # BINSTRING
    ord("U"): lambda m: m.blob(m.cursor.u8()),  # SHORT_BINSTRING
    ord("B"): lambda m: m.blob(m.cursor.u32()),  # BINBYTES
    ord("C"): lambda m: m.blob(m.cursor.u8()),  # SHORT_BINBYTES
    0x8E: lambda m: m.blob(m.cursor.u64()),  # BINBYTES8
    0x96: lambda m: m.blob(m.cursor.u64()),  # BYTEARRAY8
    ord("]"): lambda m: m.push(Sequence([])),  # EMPTY_LIST
    ord(")"): lambda m: m.push(Sequence([])),  # EMPTY_TUPLE
    ord("}"): lambda m: m.push(Record()),  # EMPTY_DICT
    0x8F: lambda m: m.push(Sequence([])),  # EMPTY_SET
    ord("l"): lambda m: m.push(Sequence(m.to_mark())),  # LIST
    ord("t"): lambda m: m.push(Sequence(m.to_mark())),  # TUPLE
    0x91: lambda m: m.push(Sequence(m.to_mark())),  # FROZENSET
    ord("d"): _Machine.make_dictionary,  # DICT
    0x85: lambda m: m.take(1),  # TUPLE1
    0x86: lambda m: m.take(2),  # TUPLE2
    0x87: lambda m: m.take(3),  # TUPLE3
    ord("a"): lambda m: m.extend([m.pop()]),  # APPEND
    ord("e"): lambda m: m.extend(m.to_mark()),  # APPENDS
    0x90: lambda m: m.extend(m.to_mark()),  # ADDITEMS
    ord("s"): lambda m: m.set_items(_two_items(m)),  # SETITEM
    ord("u"): lambda m: m.set_items(m.to_mark()),  # SETITEMS
    ord("c"): lambda m: m.push(Global(m.line(), m.line())),  # GLOBAL
    0x93: _Machine.stack_global,  # STACK_GLOBAL
    ord("R"): _Machine.reduce,  # REDUCE
    ord("b"): _Machine.build,  # BUILD
    0x81: lambda m: m.new_object(1),  # NEWOBJ
    0x92: lambda m: m.new_object(2),  # NEWOBJ_EX
    ord("Q"): _Machine.persistent,  # BINPERSID
    ord("q"): lambda m: m.remember(m.cursor.u8()),  # BINPUT
    ord("r"): lambda m: m.remember(m.cursor.u32()),  # LONG_BINPUT
    0x94: lambda m: m.remember(len(m.memo)),  # MEMOIZE
    ord("h"): lambda m: m.recall(m.cursor.u8()),  # BINGET
    ord("j"): lambda m: m.recall(m.cursor.u32()),  # LONG_BINGET
}
