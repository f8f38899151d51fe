"""Writes what is known of a TensorRT-RTX engine."""

import struct

__all__ = ["engine", "table"]


def table(starts: list[int], total: int, *, count: int | None = None, first: int = 0) -> bytes:
    """As engines have it, at no particular place, behind other numbers."""
    entries = b"".join(struct.pack("<QQ", first + i, start) for i, start in enumerate(starts))
    return b"\x80\1\0P" + entries + struct.pack("<IQ", len(starts) if count is None else count, total)


def engine(code: bytes, weights: bytes, **wrong: bytes | int) -> bytes:
    """What is known of an engine, with a code section of these bytes."""
    at = 112 + len(code)
    words = {
        "size": at + len(weights) + 4,
        "first": b"NGNE",
        "code_at": 112,
        "code_length": len(code),
        "tag": b"THGW",
        "at": at,
        "length": len(weights),
    } | wrong
    head = b"vtrt" + bytes(4) + struct.pack("<QQ", 2, words["size"]) + b"\1\7\1\x74vtrt"
    head = head.ljust(64, b"\0")
    head += struct.pack("<4s4xQQ", words["first"], words["code_at"], words["code_length"])
    head += struct.pack("<4s4xQQ", words["tag"], words["at"], words["length"])
    return head + code + weights + b"tail"
