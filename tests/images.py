"""Images of file systems in files, mounted for a test."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["mounted", "new_image"]

# What was never written takes no room.
SIZE = 1 << 30
_QUIET = {"ext4": ["-q", "-F"], "btrfs": ["-q"], "xfs": ["-q"]}


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    ran = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"this machine does not let tests mount such an image: {ran.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def new_image(path: Path, kind: str = "ext4") -> None:
    program = f"mkfs.{kind}"
    if os.geteuid() != 0 or shutil.which(program) is None:
        pytest.skip(f"mounting an image needs root and {program}")
    with path.open("wb") as file:
        file.truncate(SIZE)
    subprocess.run([program, *_QUIET[kind], str(path)], check=True)
