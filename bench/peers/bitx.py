"""BitX (ZipLLM, NSDI 2026): XOR with the base, byte planes by element width, zstd -3 on each plane.

No implementation is on PyPI, so this is the published method in NumPy, done with care: long runs, one pass
per plane, preallocated buffers, planes compressed on separate threads.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import zstandard

from bench.peers.alignment import WIDTHS, align, align_again, difference, restore
from bench.peers.frame import pack, unpack
from bench.peers.peer import Bytes, Peer
from bench.peers.width import sample, smallest

LEVEL = 3


class BitX(Peer):
    name = "bitx"
    uses_threads = True

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        plan = align(base, target)
        parts = [plan.head]
        planes: list[Bytes] = []
        for dtype, runs in plan.groups().items():
            residual = difference(base, target, runs)
            width = WIDTHS.get(dtype, 1) if dtype else _guess(residual)
            parts.append(bytes([width]))
            planes += _split(residual, width)
        with ThreadPoolExecutor(threads) as pool:
            parts += pool.map(_compress, planes)
        return pack(parts)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        parts = unpack(patch)
        plan = align_again(base, bytes(parts[0]))
        target = np.empty(plan.target_size, dtype=np.uint8)
        target[: len(plan.lead)] = np.frombuffer(plan.lead, dtype=np.uint8)
        groups = plan.groups()
        widths = [part[0] for part in parts[1 : 1 + len(groups)]]
        with ThreadPoolExecutor(threads) as pool:
            planes = list(pool.map(_decompress, parts[1 + len(groups) :]))
        for runs, width in zip(groups.values(), widths, strict=True):
            residual = _join(planes[: width + 1], width)
            del planes[: width + 1]
            restore(base, residual, runs, target)
        return target


def _split(residual: Bytes, width: int) -> list[Bytes]:
    """The byte planes, and the bytes left over after the last whole element."""
    whole = len(residual) // width * width
    if width == 1:
        return [residual, residual[whole:]]
    elements = residual[:whole].reshape(-1, width)
    return [np.ascontiguousarray(elements[:, i]) for i in range(width)] + [residual[whole:]]


def _join(planes: list[Bytes], width: int) -> Bytes:
    if width == 1:
        return planes[0]
    count = len(planes[0])
    out = np.empty(count * width + len(planes[width]), dtype=np.uint8)
    elements = out[: count * width].reshape(-1, width)
    for i in range(width):
        elements[:, i] = planes[i]
    out[count * width :] = planes[width]
    return out


def _compress(plane: Bytes) -> bytes:
    if not len(plane):
        return b""
    # A context of its own per call: zstandard's contexts may not be shared between threads.
    return zstandard.ZstdCompressor(level=LEVEL).compress(plane.data)


def _decompress(coded: memoryview) -> Bytes:
    if not len(coded):
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(zstandard.ZstdDecompressor().decompress(coded), dtype=np.uint8)


def _guess(residual: Bytes) -> int:
    slices = sample(residual)
    return smallest(
        (1, 4, 2), lambda width: sum(len(_compress(p)) for s in slices for p in _split(residual[s], width))
    )
