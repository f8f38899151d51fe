"""HDiffPatch with the compressors that came out smallest: brotli 11 for small files, LZMA2 for large ones.

Measured on int8 and f32 models of 40 to 340 KB against LZMA, LZMA2, xz, zstd 22 and bzip2: brotli was 1 to 8 %
under the next. Above 30 MB brotli 11 would take minutes.
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

        large = len(target) > self.slow_above
        config = (
            hdiffpatch.Lzma2Config(level=9, window=27, threads=threads)
            if large
            else hdiffpatch.BrotliConfig(level=11, window=24)
        )
        # Its own check after diffing is off: the benchmark decodes every patch anyway.
        return bytes(hdiffpatch.diff(base.tobytes(), target.tobytes(), config, validate=False))

    def decode(self, base: Bytes, patch: bytes, threads: int) -> bytes:
        import hdiffpatch

        return bytes(hdiffpatch.apply(base.tobytes(), patch))
