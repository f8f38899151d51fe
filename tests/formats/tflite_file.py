"""Writes small .tflite files, front to back, so that every offset is known to the test."""

import struct
from collections.abc import Callable, Mapping

Writer = Callable[["FlatFile"], int]


class FlatFile:
    """A FlatBuffer in the making. A writer appends something and returns where it begins."""

    def __init__(self, identifier: bytes = b"TFL3", header: bytes = b"") -> None:
        self.data = bytearray(4) + identifier + header

    def align(self, width: int, ahead: int = 0) -> None:
        self.data += bytes(-(len(self.data) + ahead) % width)

    def table(self, numbers: Mapping[int, tuple[str, int]], children: Mapping[int, Writer]) -> int:
        fields = max([*numbers, *children, -1]) + 1
        inline = bytearray(4)
        places = [0] * fields
        for field in range(fields):
            if field in numbers or field in children:
                code, value = numbers.get(field, ("I", 0))
                inline += bytes(-len(inline) % struct.calcsize(code))
                places[field] = len(inline)
                inline += struct.pack(f"<{code}", value)
        self.align(8, ahead=4 + 2 * fields)
        vtable = len(self.data)
        self.data += struct.pack(f"<HH{fields}H", 4 + 2 * fields, len(inline), *places)
        at = len(self.data)
        inline[:4] = struct.pack("<i", at - vtable)
        self.data += inline
        for field, writer in children.items():
            place = at + places[field]
            struct.pack_into("<I", self.data, place, writer(self) - place)
        return at

    def vector(self, items: bytes, count: int, align: int = 4) -> int:
        self.align(align, ahead=4)
        at = len(self.data)
        self.data += struct.pack("<I", count) + items
        return at

    def tables(self, writers: list[Writer]) -> int:
        at = self.vector(bytes(4 * len(writers)), len(writers))
        for index, writer in enumerate(writers):
            place = at + 4 + 4 * index
            struct.pack_into("<I", self.data, place, writer(self) - place)
        return at


def text(value: str) -> Writer:
    return lambda file: file.vector(value.encode() + b"\0", len(value.encode()))


def numbers(values: tuple[int, ...]) -> Writer:
    return lambda file: file.vector(struct.pack(f"<{len(values)}i", *values), len(values))


def inner_buffer(content: bytes) -> Writer:
    return lambda file: file.table(
        {}, {0: lambda f: f.vector(content, len(content), align=16)} if content else {}
    )


def outer_buffer(offset: int, size: int) -> Writer:
    return lambda file: file.table({1: ("Q", offset), 2: ("Q", size)}, {})


def tensor(name: str, kind: int, shape: tuple[int, ...], buffer: int, *, sparse: bool = False) -> Writer:
    def write(file: FlatFile) -> int:
        children = {0: numbers(shape), 3: text(name)}
        if sparse:
            children[6] = lambda f: f.table({}, {})
        return file.table({1: ("b", kind), 2: ("I", buffer)}, children)

    return write


def model(tensors: list[Writer], buffers: list[Writer], *, version: int = 3) -> bytes:
    """A file with one subgraph."""
    file = FlatFile()
    root = file.table(
        {0: ("I", version)},
        {
            2: lambda f: f.tables([lambda g: g.table({}, {0: lambda h: h.tables(tensors)})]),
            4: lambda f: f.tables(buffers),
        },
    )
    struct.pack_into("<I", file.data, 0, root)
    return bytes(file.data)
