"""ZipNN: byte planes and Huffman coding, alone and over the XOR with the base (its published delta mode).

Its own delta call wants whole files of equal size, so the XOR is made here, tensor by tensor. The package
crashes on lengths that are not whole elements, so the last bytes are kept as they are.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from bench.peers.alignment import align, align_again, difference, restore
from bench.peers.frame import pack, unpack
from bench.peers.peer import Bytes, Peer
from bench.peers.width import sample, smallest

TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16", "I32": "float32", "U32": "float32"}
KINDS = ("float32", "bfloat16", "float16", "float8_e4m3fn")


class ZipNNXor(Peer):
    name = "zipnn xor"
    package = "zipnn"
    uses_threads = True

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        plan = align(base, target)
        parts = [plan.head]
        for dtype, runs in plan.groups().items():
            parts += _code(difference(base, target, runs), TYPES.get(dtype), threads)
        return pack(parts)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        parts = unpack(patch)
        plan = align_again(base, bytes(parts[0]))
        target = np.empty(plan.target_size, dtype=np.uint8)
        target[: len(plan.lead)] = np.frombuffer(plan.lead, dtype=np.uint8)
        for i, runs in enumerate(plan.groups().values()):
            restore(base, _decoded(parts[1 + 3 * i : 4 + 3 * i], threads), runs, target)
        return target


class ZipNNPlain(ZipNNXor):
    name = "zipnn"

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        return pack(_code(target, None, threads))

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        return _decoded(unpack(patch), threads)


def _code(data: Bytes, kind: str | None, threads: int) -> list[bytes]:
    """The element type's number, the coded whole elements, and the tail."""
    kind = kind or _guess(data)
    whole = len(data) // 8 * 8
    coded = _zipnn(kind, threads).compress(bytearray(data[:whole])) if whole else b""
    return [bytes([KINDS.index(kind)]), bytes(coded), data[whole:].tobytes()]


def _decoded(parts: list[memoryview], threads: int) -> Bytes:
    number, coded, tail = parts
    body = _zipnn(KINDS[number[0]], threads).decompress(bytes(coded)) if len(coded) else b""
    return np.frombuffer(b"".join((body, tail)) if len(tail) else body, dtype=np.uint8)


def _zipnn(kind: str, threads: int) -> Any:
    with warnings.catch_warnings():
        # It imports torch, whose deprecation warnings are not ours to show.
        warnings.simplefilter("ignore")
        from zipnn import ZipNN

    return ZipNN(
        bytearray_dtype=kind,
        input_format="byte",
        threads=threads,
        # Keep every plane that shrinks at all, and never give up early: smaller output than the defaults.
        compression_threshold=1.0,
        check_th_after_percent=100,
    )


def _guess(data: Bytes) -> str:
    samples = [data[s][: (s.stop - s.start) // 8 * 8] for s in sample(data)]
    return smallest(KINDS, lambda kind: sum(len(_zipnn(kind, 1).compress(bytearray(s))) for s in samples))
