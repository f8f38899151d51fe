"""What everything that keeps versions of a model looks like to the benchmark."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar


class Keeper(ABC):
    """One way to keep versions, at one setting.

    Its work file is there when ``commit`` is called, and gone when ``checkout`` is, which brings it back.

    name: how reports call it. program, package: what it needs, None if nothing.
    """

    name: str
    program: ClassVar[str | None] = None
    package: ClassVar[str | None] = None

    def __init__(self, room: Path) -> None:
        self.work = room / "work"
        self.store = room / "store"
        self.file = self.work / "model.safetensors"

    def missing(self) -> str | None:
        """What it lacks here, by name; None if it can run."""
        if self.program is not None and shutil.which(self.program) is None:
            return f"the program {self.program} is not on PATH"
        if self.package is not None:
            try:
                importlib.import_module(self.package)
            except ImportError as error:
                return f"the package {self.package} cannot be imported: {error}"
        return None

    def begin(self) -> None:  # noqa: B027  most have nothing to do
        """Make what holds the versions; ``work`` and ``store`` are there and empty."""

    @abstractmethod
    def commit(self) -> str:
        """Keep the work file; returns what ``checkout`` knows the version by."""

    @abstractmethod
    def checkout(self, version: str) -> None:
        """Bring the work file back as it was."""

    def stored(self) -> int:
        """Bytes of all that it needs to bring versions back."""
        return sum(path.stat().st_size for path in self.store.rglob("*") if path.is_file())

    def end(self) -> None:  # noqa: B027  most have nothing open
        """Close what is open."""

    def flush(self, since: int) -> None:
        """Flush the work file, and what was written to the store since then (nanoseconds since 1970).

        Part of every time: some flush on their own and some never do.
        """
        written = [
            path for path in self.store.rglob("*") if path.is_file() and path.stat().st_mtime_ns >= since
        ]
        for path in [self.file, *written]:
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)


def call(*command: str | Path, folder: Path, **environment: str) -> str:
    """What a program prints; it ends the run where it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} {command[1]} failed: {done.stderr.strip()[-400:]}")
    return done.stdout
