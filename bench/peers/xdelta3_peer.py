"""xdelta3 -9 with a source window that holds the whole base (VCDIFF, with its own secondary compressor)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.peers.peer import ProgramPeer


class Xdelta3(ProgramPeer):
    name = "xdelta3"
    program = "xdelta3"

    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        window = _window(base)
        command = ["xdelta3", "-e", "-9", "-S", "djw", "-f", "-B", window, "-W", "16777216", "-A"]
        subprocess.run([*command, "-s", str(base), str(target), str(patch)], check=True)

    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        command = ["xdelta3", "-d", "-f", "-B", _window(base), "-s", str(base), str(patch), str(output)]
        subprocess.run(command, check=True)


def _window(base: Path) -> str:
    """The next power of two from the base's size on; xdelta3 wants at least 512 KiB."""
    return str(1 << max(19, (base.stat().st_size - 1).bit_length()))
