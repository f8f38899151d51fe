"""Writes small PyTorch archives without torch: pickles by their opcodes, in a zip of stored members."""

import io
import struct
import zipfile
from collections.abc import Mapping

MARK, TUPLE, REDUCE, STOP, SETITEMS = b"(", b"t", b"R", b".", b"u"


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def sizes(values: tuple[int, ...]) -> bytes:
    return MARK + b"".join(number(value) for value in values) + TUPLE


def storage(kind: str, key: str, count: int) -> bytes:
    return (
        MARK + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(count) + TUPLE + b"Q"
    )


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    steps = [1]
    for size in reversed(shape[1:]):
        steps.append(steps[-1] * size)
    return tuple(reversed(steps[: len(shape)]))


def view(
    store: bytes,
    shape: tuple[int, ...],
    *,
    start: int = 0,
    steps: tuple[int, ...] | None = None,
    function: str = "_rebuild_tensor_v2",
    rest: bytes = b"\x89" + b"}",
) -> bytes:
    steps = strides(shape) if steps is None else steps
    arguments = store + number(start) + sizes(shape) + sizes(steps) + rest
    return name("torch._utils", function) + MARK + arguments + TUPLE + REDUCE


def parameter(tensor: bytes) -> bytes:
    return name("torch._utils", "_rebuild_parameter") + MARK + tensor + b"\x88" + b"}" + TUPLE + REDUCE


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}" + MARK + b"".join(text(key) + value for key, value in items.items()) + SETITEMS


def ordered(items: Mapping[str, bytes]) -> bytes:
    pairs = b"".join(text(key) + value for key, value in items.items())
    return name("collections", "OrderedDict") + b")" + REDUCE + MARK + pairs + SETITEMS


def instance(of: str, state: bytes) -> bytes:
    return name("__torch__", of) + b")\x81" + state + b"b"


def pickled(top: bytes) -> bytes:
    return b"\x80\x02" + top + STOP


def archive(
    members: Mapping[str, bytes], *, root: str = "archive", deflated: frozenset[str] = frozenset()
) -> bytes:
    """A zip archive whose members lie under one folder, as PyTorchStreamWriter makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for member, content in members.items():
            method = zipfile.ZIP_DEFLATED if member in deflated else zipfile.ZIP_STORED
            file.writestr(zipfile.ZipInfo(f"{root}/{member}"), content, compress_type=method)
    return out.getvalue()
