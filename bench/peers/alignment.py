"""Which bytes of the base a fixed-offset peer should compare each byte of the target with.

The published XOR tools work tensor by tensor on safetensors files. So here tensors of two safetensors files
are paired by name, type and size, however their headers differ, and neighbours are merged into long runs.
Any other format is one run at equal offsets over the common length. The decoder finds the same runs from
the base and the target's header, which is the only thing a patch has to carry (compressed with the base's
header as dictionary).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import zstandard

from bench.peers.frame import pack, unpack
from bench.peers.peer import Bytes

WIDTHS = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "BF16": 2, "F16": 2, "I16": 2, "U16": 2}


@dataclass(frozen=True, slots=True)
class Run:
    """length bytes at target_offset, to compare with base_offset (None: nothing to compare with).

    dtype is the safetensors name, or "" when the format says nothing.
    """

    target_offset: int
    base_offset: int | None
    length: int
    dtype: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """The runs cover the target from len(lead) on; lead is stored whole in head."""

    head: bytes
    lead: bytes
    target_size: int
    runs: tuple[Run, ...]

    def groups(self) -> dict[str, list[Run]]:
        """The runs by dtype, in the order of the target."""
        found: dict[str, list[Run]] = {}
        for run in self.runs:
            found.setdefault(run.dtype, []).append(run)
        return found


def align(base: Bytes, target: Bytes) -> Alignment:
    """The alignment an encoder uses."""
    base_header, target_header = _header(base), _header(target)
    if base_header is None or target_header is None:
        head = pack([len(target).to_bytes(8, "little")])
        return _opaque(head, len(base), len(target))
    coded = _coder(base_header).compress(target_header)
    return _tensors(pack([len(target).to_bytes(8, "little"), coded]), base_header, target_header, len(target))


def align_again(base: Bytes, head: bytes) -> Alignment:
    """The alignment a decoder uses: the encoder's, from its head."""
    parts = unpack(head)
    size = int.from_bytes(parts[0], "little")
    if len(parts) == 1:
        return _opaque(head, len(base), size)
    header = _header(base)
    if header is None:
        raise ValueError("the patch was made for a safetensors base")
    dictionary = zstandard.ZstdCompressionDict(header, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    lead = zstandard.ZstdDecompressor(dict_data=dictionary).decompress(bytes(parts[1]))
    return _tensors(head, header, lead, size)


def difference(base: Bytes, target: Bytes, runs: list[Run]) -> Bytes:
    """target XOR base along the runs, concatenated; a run without a base is copied."""
    out = np.empty(sum(run.length for run in runs), dtype=np.uint8)
    at = 0
    for run in runs:
        new = target[run.target_offset : run.target_offset + run.length]
        if run.base_offset is None:
            out[at : at + run.length] = new
        else:
            _xor(base[run.base_offset : run.base_offset + run.length], new, out[at : at + run.length])
        at += run.length
    return out


def restore(base: Bytes, coded: Bytes, runs: list[Run], target: Bytes) -> None:
    """The inverse of difference: writes the runs into target."""
    at = 0
    for run in runs:
        new = target[run.target_offset : run.target_offset + run.length]
        if run.base_offset is None:
            new[:] = coded[at : at + run.length]
        else:
            _xor(base[run.base_offset : run.base_offset + run.length], coded[at : at + run.length], new)
        at += run.length


def _xor(a: Bytes, b: Bytes, out: Bytes) -> None:
    # Eight bytes at a time is no slower on any machine and faster where the byte loop is not vectorised.
    whole = len(out) // 8 * 8
    np.bitwise_xor(a[:whole].view(np.uint64), b[:whole].view(np.uint64), out=out[:whole].view(np.uint64))
    np.bitwise_xor(a[whole:], b[whole:], out=out[whole:])


def _coder(base_header: bytes) -> zstandard.ZstdCompressor:
    dictionary = zstandard.ZstdCompressionDict(base_header, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(level=19, dict_data=dictionary)


def _header(data: Bytes) -> bytes | None:
    """A safetensors file's length field and JSON header, or None for any other file."""
    if len(data) < 10:
        return None
    length = int.from_bytes(data[:8].tobytes(), "little")
    if length > len(data) - 8 or data[8] != ord("{"):
        return None
    return data[: 8 + length].tobytes()


def _opaque(head: bytes, base_size: int, size: int) -> Alignment:
    common = min(base_size, size)
    runs = [Run(0, 0, common, "")] if common else []
    if size > common:
        runs.append(Run(common, None, size - common, ""))
    return Alignment(head, b"", size, tuple(runs))


def _tensors(head: bytes, base_header: bytes, target_header: bytes, size: int) -> Alignment:
    old = {(name, dtype, end - start): start for name, dtype, start, end in _table(base_header)}
    runs: list[Run] = []
    at = len(target_header)
    for name, dtype, start, end in sorted(_table(target_header), key=lambda row: row[2]):
        if start > at:
            runs.append(Run(at, None, start - at, ""))
        if end > start:
            _append(runs, Run(start, old.get((name, dtype, end - start)), end - start, dtype))
        at = max(at, end)
    if at < size:
        runs.append(Run(at, None, size - at, ""))
    return Alignment(head, target_header, size, tuple(runs))


def _append(runs: list[Run], run: Run) -> None:
    last = runs[-1] if runs else None
    if last and last.dtype == run.dtype and last.target_offset + last.length == run.target_offset:
        follows = last.base_offset is not None and last.base_offset + last.length == run.base_offset
        if follows or (last.base_offset is None and run.base_offset is None):
            runs[-1] = Run(last.target_offset, last.base_offset, last.length + run.length, run.dtype)
            return
    runs.append(run)


def _table(header: bytes) -> list[tuple[str, str, int, int]]:
    rows = json.loads(header[8:])
    return [
        (name, row["dtype"], len(header) + row["data_offsets"][0], len(header) + row["data_offsets"][1])
        for name, row in rows.items()
        if name != "__metadata__"
    ]
