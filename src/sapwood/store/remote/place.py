"""What a remote asks of the place where it lies: files that never change, and one that is swapped."""

from collections.abc import Sequence
from typing import Protocol

from sapwood.errors import WrongCall
from sapwood.store.remote.folder import FolderPlace

__all__ = ["Place", "open_place"]


class Place(Protocol):
    """A folder, a bucket, a web server. Paths are relative, of our own making. Safe for many threads."""

    @property
    def name(self) -> str:
        """As users know it."""

    def read(self, path: str) -> bytes | None:
        """A file; None if there is none.

        Raises:
            RemoteFailure, StorageFailure: It cannot be read.
        """

    def read_span(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of a file.

        Raises:
            DamagedStore: The file is missing, or shorter.
            RemoteFailure, StorageFailure: It cannot be read.
        """

    def add(self, path: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Write a file that never changes, whole when this returns; one that is there has the same bytes.

        Raises:
            RemoteFailure, StorageFailure, DiskFull: It cannot be written.
        """

    def names(self, folder: str) -> dict[str, float] | None:
        """Files in a folder by name, with when each was written (seconds since 1970).

        None where there is no way to tell.
        """

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is removed already.

        Raises:
            RemoteFailure, StorageFailure: It cannot be removed.
        """

    def read_versioned(self, path: str) -> tuple[bytes | None, object]:
        """A file that changes (None if there is none), and a token of the version read."""

    def swap(self, path: str, data: bytes, version: object) -> bool:
        """Replace a file if it is still of that version; False if it is not, or if that cannot be known.

        Raises:
            RemoteFailure: It cannot be written, or the place does not heed conditions.
        """


def open_place(where: str, options: dict[str, str] | None = None) -> Place:
    """The place at a path or URL: a folder, http(s)://, s3://, gs://, az:// and what else obstore knows.

    Raises:
        WrongCall: It is no place of a known kind. MissingDependency: obstore is not installed.
    """
    scheme, separator, rest = where.partition("://")
    if not separator:
        return FolderPlace(where)
    if scheme == "file":
        return FolderPlace(rest)
    if not rest:
        raise WrongCall("not the URL of a remote", found=where)
    from sapwood.store.remote.cloud import CloudPlace  # noqa: PLC0415  it needs an optional package

    return CloudPlace(where, options or {})
