"""The files of a store as read-only maps, few of them open at once."""

import contextlib
import mmap
import os
from pathlib import Path
from typing import Final

from sapwood.errors import DamagedStore, storage_error
from sapwood.store.recent import Recent

__all__ = ["Places"]

# Each map holds a file descriptor, and a process may have some thousand. A view keeps its map by itself.
_MOST_MAPS: Final = 128


class Places:
    """Maps of a store's files; safe for many threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._maps: Recent[str, mmap.mmap] = Recent(_MOST_MAPS)

    def view(self, place: str, offset: int, size: int) -> memoryview:
        """Bytes of a file, without a copy. The view may outlive the store.

        Raises:
            FileNotFoundError: The file is gone.
            DamagedStore: It is shorter than that. StorageFailure: It cannot be read.
        """
        if size == 0:
            return memoryview(b"")
        held = self._maps.get(place)
        if held is None or len(held) < offset + size:
            held = _map(self._root / place, offset + size)
            self._maps.put(place, held)
        return memoryview(held)[offset : offset + size]

    def close(self) -> None:
        """Drop all maps; views stay good."""
        self._maps.clear()


def _map(path: Path, least: int) -> mmap.mmap:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            while (size := os.fstat(descriptor).st_size) >= least:
                # A writer may give back room between the two calls: the file then has another size.
                with contextlib.suppress(ValueError):
                    return mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
            raise DamagedStore(
                "a file of the store was cut short",
                path=str(path),
                expected=f"{least} bytes at least",
                found=size,
                advice="Run fsck: it names what is lost.",
            )
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise storage_error(error, str(path)) from error
