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
# Bytes split and compressed by one thread at a time: zstd's window at this level, or more, for each plane.
PIECE = 8 << 20


class BitX(Peer):
    name = "bitx"
    uses_threads = True

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        plan = align(base, target)
        parts = [plan.head]
        jobs: list[tuple[Bytes, int]] = []
        for dtype, runs in plan.groups().items():
            residual = difference(base, target, runs)
            width = WIDTHS.get(dtype, 1) if dtype else _guess(residual)
            parts.append(bytes([width]))
            jobs += [(residual[at : at + PIECE], width) for at in range(0, len(residual), PIECE)]
        with ThreadPoolExecutor(threads) as pool:
            for planes in pool.map(_code, jobs):
                parts += planes
        return pack(parts)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        parts = iter(unpack(patch))
        plan = align_again(base, bytes(next(parts)))
        target = np.empty(plan.target_size, dtype=np.uint8)
        target[: len(plan.lead)] = np.frombuffer(plan.lead, dtype=np.uint8)
        groups = plan.groups().values()
        widths = [next(parts)[0] for _ in groups]
        with ThreadPoolExecutor(threads) as pool:
            for runs, width in zip(groups, widths, strict=True):
                residual = np.empty(sum(run.length for run in runs), dtype=np.uint8)
                pieces = [residual[at : at + PIECE] for at in range(0, len(residual), PIECE)]
                jobs = [([next(parts) for _ in range(width + 1)], piece, width) for piece in pieces]
                for _ in pool.map(_decode, jobs):
                    pass
                restore(base, residual, runs, target)
        return target


def _code(job: tuple[Bytes, int]) -> list[bytes]:
    piece, width = job
    return [_compress(plane) for plane in _split(piece, width)]


def _decode(job: tuple[list[memoryview], Bytes, int]) -> None:
    coded, piece, width = job
    *planes, rest = [_decompress(part) for part in coded]
    whole = len(piece) // width * width
    elements = piece[:whole].reshape(-1, width)
    for i, plane in enumerate(planes):
        elements[:, i] = plane
    piece[whole:] = rest


def _split(residual: Bytes, width: int) -> list[Bytes]:
    """The byte planes, and the bytes left over after the last whole element."""
    whole = len(residual) // width * width
    if width == 1:
        return [residual, residual[whole:]]
    elements = residual[:whole].reshape(-1, width)
    return [np.ascontiguousarray(elements[:, i]) for i in range(width)] + [residual[whole:]]


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
