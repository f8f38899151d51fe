"""OpenZL: the graph that came out smallest here, alone and over the XOR with the base.

Each piece is split into byte planes and each plane takes the better of order-0 entropy coding, zstd and
storing. Over the XOR that beat the generic graph, field LZ and the float splitters on bf16, f16 and f32
(level default).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from bench.peers.alignment import WIDTHS, align, align_again, difference, restore
from bench.peers.frame import pack, unpack
from bench.peers.peer import Bytes, Peer
from bench.peers.width import sample, smallest

# Elements per frame: large enough for its tables, small enough to adapt and to spread over threads.
PIECE = 1 << 20


class OpenZLXor(Peer):
    name = "openzl xor"
    package = "openzl.ext"
    uses_threads = True

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        plan = align(base, target)
        parts = [plan.head]
        for dtype, runs in plan.groups().items():
            parts.append(
                _code(difference(base, target, runs), WIDTHS.get(dtype, 1) if dtype else None, threads)
            )
        return pack(parts)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        parts = unpack(patch)
        plan = align_again(base, bytes(parts[0]))
        target = np.empty(plan.target_size, dtype=np.uint8)
        target[: len(plan.lead)] = np.frombuffer(plan.lead, dtype=np.uint8)
        for coded, runs in zip(parts[1:], plan.groups().values(), strict=True):
            restore(base, _decoded(bytes(coded), threads), runs, target)
        return target


class OpenZLPlain(OpenZLXor):
    name = "openzl"

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        return _code(target, None, threads)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        return _decoded(patch, threads)


def _code(data: Bytes, width: int | None, threads: int) -> bytes:
    width = width or _guess(data)
    whole = len(data) // width * width
    pieces = [data[at : min(at + PIECE * width, whole)] for at in range(0, whole, PIECE * width)]
    with ThreadPoolExecutor(threads) as pool:
        return pack([data[whole:].tobytes(), *pool.map(partial(_compress, width=width), pieces)])


def _decoded(coded: bytes, threads: int) -> Bytes:
    tail, *pieces = unpack(coded)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(_decompress, pieces))
    return np.concatenate([*parts, np.frombuffer(tail, dtype=np.uint8)])


def _compress(data: Bytes, width: int) -> bytes:
    import openzl.ext as zl

    compressor = zl.Compressor()
    compressor.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
    graphs, nodes = zl.graphs, zl.nodes
    plain = [graphs.Entropy()(compressor), graphs.Zstd()(compressor), graphs.Store()(compressor)]
    best = graphs.BruteForce(plain)(compressor)
    if width == 1:
        kind, numbers = zl.Type.Serial, data
    else:
        kind, numbers = zl.Type.Numeric, data.view(f"u{width}")
        best = nodes.ConvertNumToStructLE()(compressor, nodes.TransposeSplit()(compressor, best))
    compressor.select_starting_graph(best)
    context = zl.CCtx()
    context.ref_compressor(compressor)
    return bytes(context.compress([zl.Input(kind, numbers)]))


def _decompress(coded: memoryview) -> Bytes:
    import openzl.ext as zl

    content = zl.DCtx().decompress(bytes(coded))[0].content
    return np.array(content.as_nparray()).view(np.uint8)


def _guess(data: Bytes) -> int:
    slices = sample(data)
    return smallest(
        (1, 4, 2), lambda w: sum(len(_compress(data[s][: len(data[s]) // w * w], w)) for s in slices)
    )
