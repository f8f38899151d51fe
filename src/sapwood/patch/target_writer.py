"""Where the target goes: its files one after the other, which appear whole or not at all."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from sapwood.errors import WrongCall
from sapwood.patch.atomic_file import atomic_folder, atomic_output
from sapwood.patch.manifest import Manifest, Shape
from sapwood.patch.room import check_room

__all__ = ["TargetWriter", "write_target"]


class TargetWriter(Protocol):
    """Takes the target's files, one after the other."""

    def start(self, path: str) -> None:
        """The next file begins; its path is "" for a lone file."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """More bytes of the file. They are only lent: copy what is to be kept."""


class _FileWriter:
    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write

    def start(self, path: str) -> None:
        """A lone file is open already."""


class _FolderWriter:
    def __init__(self, create: Callable[[str], BinaryIO]) -> None:
        self._create = create
        self._file: BinaryIO | None = None

    def start(self, path: str) -> None:
        self.finish()
        self._file = self._create(path)

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        if self._file is None:
            raise WrongCall("a file of the target is written before it is started")
        return self._file.write(data)

    def finish(self) -> None:
        if self._file is not None:
            self._file.close()


@contextlib.contextmanager
def write_target(
    path: str | os.PathLike[str], manifest: Manifest, *, replace_folder: bool
) -> Iterator[TargetWriter]:
    """Where the target goes: it appears whole when the block ends well, and not at all otherwise.

    Raises:
        DiskFull: There is less room than the target takes, seen before anything is written.
    """
    check_room(os.fspath(path), manifest.target.size)
    if manifest.target.shape is Shape.FILE:
        with atomic_output(path) as file:
            yield _FileWriter(file)
        return
    with atomic_folder(Path(path), replace=replace_folder) as folder:
        writer = _FolderWriter(folder.create)
        yield writer
        writer.finish()
