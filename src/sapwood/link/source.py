"""What goes into an outgoing stream: a file, or a pipe that is kept for a while."""

import hashlib
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.bytecoder import Prior
from sapwood.errors import SapwoodError, storage_error

__all__ = ["FileSource", "ModelSource", "PipeSource", "Source"]

_IDENTITY: Final = 16
_PIECE: Final = 1 << 20
_REPLAY: Final = 4 << 20
"""What of a pipe is kept for a receiver that was started anew."""


class Source(ABC):
    """Bytes from any offset that can still be had."""

    identity: bytes
    """16 bytes that stand for this content."""
    length: int | None
    """None: not known."""
    descriptor: int | None = None
    """What to wait for before ``read``, if it may have to wait."""

    @abstractmethod
    def seek(self, offset: int) -> bool:
        """Go on there; whether that can be done."""

    @abstractmethod
    def read(self, count: int) -> bytes:
        """The next bytes, at most so many; none at the end. Waits only if ``descriptor`` is not ready."""

    @abstractmethod
    def digest(self) -> bytes | None:
        """SHA-256 of all, at the end; None if the end is not where it was to be."""

    @property
    @abstractmethod
    def must_wait(self) -> bool:
        """Whether the next bytes have to come from ``descriptor``."""

    def close(self) -> None:  # noqa: B027  a pipe is its opener's
        """Give back what is held."""


class FileSource(Source):
    """A plain file; read once before, for its digest.

    Args:
        file: Open for reading; closed with the source.
        shown: Its name in errors.
    """

    def __init__(self, file: BinaryIO, shown: str) -> None:
        self._file = file
        self._shown = shown
        self._at = 0
        try:
            file.seek(0)
            hasher = hashlib.sha256()
            while piece := file.read(_PIECE):
                hasher.update(piece)
            self._digest = hasher.digest()
            self.length = file.tell()
        except OSError as error:
            raise storage_error(error, shown) from error
        self.identity = self._digest[:_IDENTITY]

    @classmethod
    def open(cls, path: str) -> "FileSource":
        """The file of that name."""
        try:
            return cls(Path(path).open("rb"), path)
        except OSError as error:
            raise storage_error(error, path) from error

    def seek(self, offset: int) -> bool:
        """Anywhere in the file."""
        self._at = offset
        return self.length is not None and offset <= self.length

    def read(self, count: int) -> bytes:
        """Up to where the end was when the digest was taken."""
        count = min(count, (self.length or 0) - self._at)
        try:
            data = os.pread(self._file.fileno(), count, self._at)
        except OSError as error:
            raise storage_error(error, self._shown) from error
        self._at += len(data)
        return data

    def digest(self) -> bytes | None:
        """As it was at the start; if the file was changed since, the receiver finds out."""
        return self._digest if self._at == self.length else None

    @property
    def must_wait(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ModelSource(Source):
    """A trained model of the byte coder, under the identity that coded streams name it by."""

    def __init__(self, prior: Prior) -> None:
        self.identity = prior.identity
        self.length = len(prior.data)
        self._data = prior.data
        self._at = 0

    def seek(self, offset: int) -> bool:
        """Anywhere in the model."""
        self._at = offset
        return offset <= len(self._data)

    def read(self, count: int) -> bytes:
        """From memory."""
        data = self._data[self._at : self._at + count]
        self._at += len(data)
        return data

    def digest(self) -> bytes | None:
        """Of the file."""
        return hashlib.sha256(self._data).digest()

    @property
    def must_wait(self) -> bool:
        """Never."""
        return False


class PipeSource(Source):
    """A pipe, a terminal: comes once. The last 4 MiB are kept.

    Args:
        descriptor: Where to read.
        failure: Why it ended, if it ended early.
    """

    def __init__(self, descriptor: int, failure: Callable[[], SapwoodError | None] = lambda: None) -> None:
        self.identity = secrets.token_bytes(_IDENTITY)
        self.length = None
        self.descriptor = descriptor
        self._failure = failure
        self._hasher = hashlib.sha256()
        self._kept = bytearray()
        self._read = 0
        self._at = 0

    def seek(self, offset: int) -> bool:
        """To what is kept, or to what comes next."""
        self._at = offset
        return self._read - len(self._kept) <= offset <= self._read

    def read(self, count: int) -> bytes:
        """First what is kept, then what comes."""
        if self._at < self._read:
            start = len(self._kept) - (self._read - self._at)
            data = bytes(self._kept[start : start + count])
        else:
            data = self._next(count)
            self._hasher.update(data)
            self._read += len(data)
            self._kept += data
            if len(self._kept) > 2 * _REPLAY:
                del self._kept[:-_REPLAY]
        self._at += len(data)
        return data

    def _next(self, count: int) -> bytes:
        try:
            data = os.read(self.descriptor or 0, count)
        except OSError as error:
            raise storage_error(error, "the input") from error
        failure = None if data else self._failure()
        if failure is not None:
            raise failure
        return data

    def digest(self) -> bytes | None:
        """Of all that was read."""
        return self._hasher.digest()

    @property
    def must_wait(self) -> bool:
        """Unless something is sent again."""
        return self._at == self._read
