"""Digests of files of the work tree."""

from pathlib import Path
from typing import Final

from blake3 import blake3

from sapwood.errors import storage_error

__all__ = ["file_digest"]

# Below this a second thread costs more than it gains.
_THREADS_FROM: Final = 8 << 20


def file_digest(path: Path) -> bytes:
    """BLAKE3 of a file's bytes.

    Raises:
        MissingInput, StorageFailure: It cannot be read.
    """
    try:
        threads = blake3.AUTO if path.stat().st_size >= _THREADS_FROM else 1
        return blake3(max_threads=threads).update_mmap(path).digest()
    except OSError as error:
        raise storage_error(error, str(path)) from error
