"""XOR and zstd -1: what reinforcement-learning frameworks send between trainer and rollout workers."""

from __future__ import annotations

import numpy as np
import zstandard

from bench.peers.alignment import align, align_again, difference, restore
from bench.peers.frame import pack, unpack
from bench.peers.peer import Bytes, Peer


class XorZstd(Peer):
    name = "xor+zstd-1"
    uses_threads = True
    level = 1

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        plan = align(base, target)
        coded = zstandard.ZstdCompressor(level=self.level, threads=threads if threads > 1 else 0).compress(
            difference(base, target, list(plan.runs)).data
        )
        return pack([plan.head, coded])

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        head, coded = unpack(patch)
        plan = align_again(base, bytes(head))
        target = np.empty(plan.target_size, dtype=np.uint8)
        target[: len(plan.lead)] = np.frombuffer(plan.lead, dtype=np.uint8)
        residual = np.frombuffer(zstandard.ZstdDecompressor().decompress(coded), dtype=np.uint8)
        restore(base, residual, list(plan.runs), target)
        return target
