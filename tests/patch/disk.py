"""Disks that fail, and what lies on them."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

__all__ = ["failing", "run_python", "tree"]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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
