"""Protobuf messages made by hand, so that they can be wrong."""

__all__ = ["number", "packed", "part", "varint"]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, content: bytes | str, length: int | None = None) -> bytes:
    """A message, bytes or a text; ``length`` is a lie about its length."""
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data) if length is None else length) + data


def packed(field: int, values: list[int]) -> bytes:
    return part(field, b"".join(map(varint, values)))
