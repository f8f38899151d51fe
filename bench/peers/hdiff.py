"""HDiffPatch with the smaller of LZMA2 and brotli 11; LZMA2 alone above 30 MB.

Measured on models of 40 KB to 10 MB against LZMA, xz, zstd 22 and bzip2. Brotli 11 is mostly the smaller
by 1 to 8 %, but would take minutes on large diffs.
"""

from __future__ import annotations

from bench.peers.peer import Bytes, Peer


class HDiff(Peer):
    name = "hdiffpatch"
    package = "hdiffpatch"
    slow_above = 30_000_000
    uses_threads = True

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        import hdiffpatch

        lzma = hdiffpatch.Lzma2Config(level=9, window=27, threads=threads)
        # Its own check after diffing is off: the benchmark decodes every patch anyway.
        patch = bytes(hdiffpatch.diff(base.tobytes(), target.tobytes(), lzma, validate=False))
        if len(target) > self.slow_above:
            return patch
        brotli = hdiffpatch.BrotliConfig(level=11, window=24)
        return min(patch, bytes(hdiffpatch.recompress(patch, brotli)), key=len)

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import hdiffpatch

        return bytes(hdiffpatch.apply(base.tobytes(), patch))
