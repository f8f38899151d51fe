"""Manifests and splices with any values in any field."""

import lzma

from sapwood.codec.varint import ByteReader, put_bytes, put_signed, put_unsigned
from tests.patch import seal

# What splice.py and the specification say of raw LZMA.
LZMA_FILTER = [{"id": lzma.FILTER_LZMA1, "dict_size": 2 << 20, "lc": 0, "lp": 0, "pb": 0}]


def records(patch: bytes) -> dict[int, bytes]:
    reader = ByteReader(seal.manifest_body(patch)[1])
    found = {}
    while reader.left:
        tag = reader.unsigned("tag")
        found[tag] = bytes(reader.prefixed("record"))
    return found


def with_records(patch: bytes, found: dict[int, bytes]) -> bytes:
    body = bytearray()
    for tag, data in found.items():
        put_unsigned(body, tag)
        put_bytes(body, data)
    return seal.with_manifest(patch, bytes(body))


def unsigned(*values: int) -> bytes:
    out = bytearray()
    for value in values:
        put_unsigned(out, value)
    return bytes(out)


def splice(runs: list[tuple[int, int, int]], literals: bytes, count: int | None = None) -> bytes:
    """The content of a splice whose runs are (literals before, move, length)."""
    out = bytearray(unsigned(len(runs) if count is None else count))
    out += unsigned(*(run[0] for run in runs))
    for _, move, _ in runs:
        put_signed(out, move)
    return bytes(out) + unsigned(*(run[2] for run in runs)) + literals


def packed(content: bytes) -> bytes:
    """The content as LZMA, which bombs best."""
    raw = lzma.compress(content, format=lzma.FORMAT_RAW, filters=LZMA_FILTER)
    return b"\1" + unsigned(len(content)) + raw
