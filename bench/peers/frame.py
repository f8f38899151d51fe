"""A list of byte strings as one: counts and lengths as LEB128, so that small patches pay a few bytes only."""

from __future__ import annotations

from collections.abc import Sequence


def pack(parts: Sequence[bytes]) -> bytes:
    return b"".join([_number(len(parts)), *(_number(len(p)) for p in parts), *parts])


def unpack(data: bytes) -> list[memoryview]:
    view, at = memoryview(data), 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = view[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    parts = []
    for length in [number() for _ in range(number())]:
        parts.append(view[at : at + length])
        at += length
    return parts


def _number(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
