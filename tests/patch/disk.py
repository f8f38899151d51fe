"""Disks that fail, and what lies on them."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

__all__ = ["KILLED_BETWEEN_RENAMES", "failing", "run_python", "tree", "write_tree"]

KILLED_BETWEEN_RENAMES = """
import os, signal, sys
from sapwood.patch import atomic_file
atomic_file.exchange = lambda *_: False
real, calls = os.rename, []
def rename(source, to):
    calls.append(to)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, to)
os.rename = rename
"""
"""Before code that gives a folder its name where none can be exchanged: it dies when the old one is away."""


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write_tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def failing(code: int, on_call: int = 1) -> Callable[..., None]:
    calls = 0

    def fail(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == on_call:
            raise OSError(code, os.strerror(code))

    return fail


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
