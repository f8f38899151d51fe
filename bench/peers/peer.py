"""What every competitor looks like to the benchmark.

A peer turns (base, target) into a patch and back, either between buffers or between files. Peers that are
libraries implement the buffer calls; peers that are programs implement the file calls. Timings always use the
file calls, so that every peer pays for reading its inputs and writing its output.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


class Peer(ABC):
    """One competitor at one setting.

    name: how reports call it. package: the module it imports, and the name that installs it. slow_above:
    size in bytes of the target above which a run is skipped unless it is asked for (0: never), because the
    peer needs minutes there. uses_threads: whether a second thread changes anything. flushes: whether its
    file calls end only when their output is on the disk.
    """

    name: str
    package: ClassVar[str] = "zstandard"
    slow_above: ClassVar[int] = 0
    uses_threads: ClassVar[bool] = False
    flushes: ClassVar[bool] = False

    def available(self) -> str | None:
        """The reason why this peer cannot run here, or None when it can.

        It really imports the package, so that one which is there but broken is named too, and so that no
        timing includes the import.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(self.package)
        except Exception as error:  # noqa: BLE001  whatever a foreign package raises is its reason
            return f"{self.package}: {error!r:.150}"
        return None

    @abstractmethod
    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        """The patch from base to target."""

    @abstractmethod
    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes | bytes:
        """The target, from base and a patch made by encode."""

    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        patch.write_bytes(self.encode(read(base), read(target), threads))

    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        data = self.decode(read(base), patch.read_bytes(), threads)
        output.write_bytes(data.data if isinstance(data, np.ndarray) else data)


class FilePeer(Peer):
    """A peer that works on files: its buffer calls go through temporary ones."""

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            a, b, patch = Path(folder, "a"), Path(folder, "b"), Path(folder, "p")
            base.tofile(a)
            target.tofile(b)
            self.encode_file(a, b, patch, threads)
            return patch.read_bytes()

    def decode(self, base: Bytes, patch: bytes, threads: int) -> Bytes:
        with tempfile.TemporaryDirectory() as folder:
            a, p, out = Path(folder, "a"), Path(folder, "p"), Path(folder, "o")
            base.tofile(a)
            p.write_bytes(patch)
            self.decode_file(a, p, out, threads)
            return read(out)

    @abstractmethod
    def encode_file(self, base: Path, target: Path, patch: Path, threads: int) -> None:
        """Write the patch from base to target."""

    @abstractmethod
    def decode_file(self, base: Path, patch: Path, output: Path, threads: int) -> None:
        """Write the target, from base and a patch made by encode_file."""


class ProgramPeer(FilePeer):
    """A peer that is a command."""

    program: ClassVar[str]

    def available(self) -> str | None:
        return None if shutil.which(self.program) else f"the program {self.program} is not installed"


def read(path: Path) -> Bytes:
    """The file's bytes as a uint8 array, shape (size,)."""
    return np.fromfile(path, dtype=np.uint8)
