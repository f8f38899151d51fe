"""zstd --patch-from, by the zstd program: the Python package would load the base without long matches."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar

from bench.peers.peer import ProgramPeer


class ZstdPatch(ProgramPeer):
    program = "zstd"
    options: ClassVar[tuple[str, ...]]

    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        # The program itself advises one thread here: jobs of their own would see less of the base.
        options = ["--single-thread", "--long=31", f"--patch-from={base}"]
        _run(["zstd", "-q", "-f", *self.options, *options, str(target), "-o", str(patch)])

    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        options = ["-d", "-q", "-f", "--no-sparse", "--long=31", f"--patch-from={base}"]
        _run(["zstd", *options, str(patch), "-o", str(output)])


class ZstdPatch3(ZstdPatch):
    name = "zstd-3 patch-from"
    options = ("-3",)


class ZstdPatch19(ZstdPatch):
    """Level 19 with what the program advises for patches: a long target length and deep chains."""

    name = "zstd-19 patch-from"
    options = ("-19", "--zstd=targetLength=4096,chainLog=27")
    slow_above = 30_000_000


def _run(command: list[str]) -> None:
    # Its advice about parameters goes to stderr even with -q; keep it for a failure only.
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"zstd failed with {done.returncode}: {done.stderr.strip()[:300]}")
