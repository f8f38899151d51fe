"""Writes small ExecuTorch files, front to back: segments begin at BASE, whatever stands before them."""

import struct
from collections.abc import Sequence

from tests.formats.tflite_file import FlatFile, Writer, inner_buffer, numbers, text

__all__ = [
    "BASE",
    "constant_data",
    "data_file",
    "delegate",
    "graph",
    "named",
    "program",
    "segment",
    "tensor",
    "xnn_value",
]

BASE = 16384
ALL_ONES = (1 << 64) - 1


def longs(values: Sequence[int]) -> Writer:
    return lambda file: file.vector(struct.pack(f"<{len(values)}Q", *values), len(values), align=8)


def tables(writers: list[Writer]) -> Writer:
    return lambda file: file.tables(writers)


def segment(offset: int, size: int) -> Writer:
    return lambda file: file.table({0: ("Q", offset), 1: ("Q", size)}, {})


def offsets(index: int, values: Sequence[int]) -> Writer:
    return lambda file: file.table({0: ("I", index)}, {1: longs(values)})


def named(key: str, index: int, layout: Writer | None = None) -> Writer:
    children = {0: text(key)} | ({2: layout} if layout else {})
    return lambda file: file.table({1: ("I", index)}, children)


def tensor(
    kind: int,
    shape: tuple[int, ...],
    index: int,
    *,
    order: bytes | None = None,
    mutable: int | None = None,
    name: str = "",
    location: int = 0,
) -> Writer:
    """A value of a plan that is a tensor."""
    order = bytes(range(len(shape))) if order is None else order

    def write(file: FlatFile) -> int:
        children: dict[int, Writer] = {2: numbers(shape), 3: lambda f: f.vector(order, len(order))}
        if mutable is not None:
            children[6] = lambda f: f.table({}, {})
        if name or mutable or location:
            extra = {0: ("Q", mutable or 0), 2: ("b", location)}
            children[9] = lambda f: f.table(extra, {1: text(name)})
        return file.table({0: ("b", kind), 5: ("I", index)}, children)

    return lambda file: file.table({0: ("B", 5)}, {1: write})


def delegate(index: int, *, inline: bool = False, name: str = "Backend") -> Writer:
    place: Writer = lambda f: f.table({0: ("b", int(not inline)), 1: ("I", index)}, {})  # noqa: E731
    return lambda file: file.table({}, {0: text(name), 1: place})


def _finish(file: FlatFile, root: int, behind: bytes) -> bytes:
    struct.pack_into("<I", file.data, 0, root)
    assert len(file.data) <= BASE
    return bytes(file.data.ljust(BASE, b"\0")) + behind


def program(
    values: list[Writer],
    behind: bytes = b"",
    *,
    delegates: Sequence[Writer] = (),
    segments: Sequence[Writer] | None = None,
    constants: tuple[int, Sequence[int]] | None = None,
    mutable: Sequence[tuple[int, Sequence[int]]] = (),
    keys: Sequence[Writer] = (),
    buffers: Sequence[bytes] = (),
    inline: Sequence[bytes] = (),
) -> bytes:
    """A .pte file of one plan; one segment is all of ``behind`` unless told otherwise."""
    file = FlatFile(b"ET12", struct.pack("<4sIQQ", b"eh00", 24, BASE, BASE))
    if segments is None:
        segments = [segment(0, len(behind))]
    plan: Writer = lambda f: f.table({}, {2: tables(values), 7: tables(list(delegates))})  # noqa: E731
    children: dict[int, Writer] = {
        1: tables([plan]),
        2: tables([inner_buffer(content) for content in buffers]),
        3: tables([inner_buffer(content) for content in inline]),
        4: tables(list(segments)),
        6: tables([offsets(*one) for one in mutable]),
        7: tables(list(keys)),
    }
    if constants is not None:
        children[5] = offsets(*constants)
    return _finish(file, file.table({}, children), behind)


def data_file(found: list[Writer], segments: list[Writer], behind: bytes) -> bytes:
    """A .ptd file."""
    header = struct.pack("<4sIQQQQ", b"FH01", 40, 48, BASE, BASE, len(behind))
    file = FlatFile(b"FT01", header)
    return _finish(file, file.table({}, {1: tables(segments), 2: tables(found)}), behind)


def xnn_value(kind: int, shape: tuple[int, ...], constant: int, *, quantised: bool = False) -> Writer:
    inner: Writer = lambda f: f.table({0: ("H", kind), 3: ("I", constant)}, {2: numbers(shape)})  # noqa: E731
    whole: Writer = (lambda f: f.table({}, {0: inner})) if quantised else inner
    return lambda file: file.table({0: ("B", 2 if quantised else 1)}, {1: whole})


def constant_data(offset: int, size: int, key: str = "") -> Writer:
    return lambda file: file.table({0: ("Q", offset), 1: ("Q", size)}, {2: text(key)})


def graph(values: list[Writer], constants: list[Writer], behind: bytes = b"", **header: int) -> bytes:
    """An XNNPACK delegate's data."""
    file = FlatFile(b"XN01")
    root = file.table({}, {2: tables(values), 8: tables([constant_data(ALL_ONES, 0), *constants])})
    struct.pack_into("<I", file.data, 0, root)
    places = {"graph": 32, "base": 32 + len(file.data), "size": len(behind)} | header
    head = bytes(4) + struct.pack(
        "<4sHIIIQ", b"XH00", 30, places["graph"], len(file.data), places["base"], places["size"]
    )
    return head.ljust(32, b"\0") + bytes(file.data) + behind
