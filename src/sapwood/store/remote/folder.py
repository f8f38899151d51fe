"""A remote in a folder, of this machine or a mounted one."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from sapwood.errors import DamagedStore, WrongCall
from sapwood.patch.atomic_file import atomic_output
from sapwood.store.disk import lock, told

__all__ = ["FolderPlace"]

_LOCK = "lock"


class FolderPlace:
    """See ``Place``. Its conditional write is a lock and a rename."""

    def __init__(self, path: str) -> None:
        self._root = Path(path).absolute()
        if self._root.exists() and not self._root.is_dir():
            raise WrongCall("is not a folder", path=path, advice="Name a folder for the remote.")

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._root)

    def read(self, path: str) -> bytes | None:
        """A file; None if there is none."""
        with told(self._root / path):
            try:
                return (self._root / path).read_bytes()
            except FileNotFoundError:
                return None

    def read_span(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of a file."""
        full = self._root / path
        with told(full):
            try:
                with full.open("rb") as file:
                    file.seek(offset)
                    data = file.read(length)
            except FileNotFoundError:
                data = b""
        if len(data) != length:
            raise DamagedStore("a file of the remote is missing or cut short", path=str(full), offset=offset)
        return data

    def add(self, path: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Write a file that never changes."""
        full = self._root / path
        size = sum(map(len, pieces))
        with told(full):
            if full.exists() and full.stat().st_size == size:
                return
            full.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(full) as out:
            out.writelines(pieces)

    def names(self, folder: str) -> dict[str, float] | None:
        """Files in a folder, not those in the making, and when each was written."""
        found = {}
        with (
            told(self._root / folder),
            contextlib.suppress(FileNotFoundError),
            os.scandir(self._root / folder) as entries,
        ):
            for entry in entries:
                if not entry.name.startswith("."):
                    # Another may remove it meanwhile.
                    with contextlib.suppress(FileNotFoundError):
                        found[entry.name] = entry.stat().st_mtime
        return dict(sorted(found.items()))

    def remove(self, path: str) -> None:
        """Remove a file."""
        with told(self._root / path):
            (self._root / path).unlink(missing_ok=True)

    def read_versioned(self, path: str) -> tuple[bytes | None, object]:
        """A file that changes; its version is the digest of its bytes."""
        data = self.read(path)
        return data, None if data is None else hashlib.sha256(data).digest()

    def swap(self, path: str, data: bytes, version: object) -> bool:
        """Replace a file if it is still of that version."""
        with told(self._root):
            self._root.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if self.read_versioned(path)[1] != version:
                return False
            with atomic_output(self._root / path) as out:
                out.write(data)
        return True

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with told(self._root / _LOCK):
            descriptor = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            with told(self._root / _LOCK):
                lock(descriptor)
            yield
        finally:
            os.close(descriptor)
