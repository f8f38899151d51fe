"""Bytes that wait for what goes before them: kept in memory, or in a file if they are many."""

import contextlib
import tempfile
from collections.abc import Iterator
from typing import IO, Final

from sapwood.errors import storage_error

__all__ = ["Spool", "open_spool"]

# Bytes that are kept in memory.
_IN_MEMORY: Final = 64 << 20
_STEP: Final = 1 << 20


class Spool:
    """Takes bytes, and gives them back in the same order; see ``open_spool``."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._pieces: list[bytes] = []
        self._held = 0
        self._file: IO[bytes] | None = None

    def write(self, data: bytes) -> None:
        """More bytes. They are kept as they are: joining them would copy all of them."""
        if self._file is None and self._held + len(data) > _IN_MEMORY:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  closed with the spool
            self._file.writelines(self._pieces)
            self._pieces.clear()
        if self._file is not None:
            self._file.write(data)
        else:
            self._pieces.append(data)
            self._held += len(data)

    def clear(self) -> None:
        """Drop all of them."""
        self._pieces.clear()
        self._held = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def pieces(self) -> Iterator[bytes]:
        """All of them, in order."""
        yield from self._pieces
        if self._file is not None:
            self._file.seek(0)
            while data := self._file.read(_STEP):
                yield data


@contextlib.contextmanager
def open_spool(folder: str | None) -> Iterator[Spool]:
    """A spool for as long as the block lasts; above 64 MiB it is an unnamed file in ``folder``.

    Raises:
        StorageFailure: The file failed. DiskFull: there is no room.
    """
    spool = Spool(folder)
    try:
        try:
            yield spool
        finally:
            spool.clear()
    except OSError as error:
        # The output tells its own failures: what is left is the temporary file.
        raise storage_error(error, folder or tempfile.gettempdir()) from error
