"""Where an incoming stream goes: a file that outlives restarts, or a pipe."""

import hashlib
import os
import select
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.bytecoder.known import Priors
from sapwood.errors import LimitExceeded, storage_error
from sapwood.link.coding import DecodingPipe
from sapwood.link.frames import Coding, Open
from sapwood.link.incoming import Hasher
from sapwood.link.part_file import PartFile

__all__ = ["FileSink", "PipeSink", "Sink"]

_PIPE_PIECE: Final = 4096
"""What a pipe that is ready takes without blocking (POSIX: PIPE_BUF)."""


class Sink(ABC):
    """Takes the bytes of one stream, in order. Its errors are those of the storage."""

    kept: int
    """Bytes that came until now."""
    hasher: Hasher
    """SHA-256 of them."""

    @abstractmethod
    def write(self, content: bytes) -> None:
        """The next bytes."""

    @abstractmethod
    def finish(self) -> None:
        """All came, and the digest is right: when this returns, the bytes are safe. May take long."""

    @abstractmethod
    def pause(self) -> None:
        """Nothing more comes for now, maybe not in this process."""

    @abstractmethod
    def discard(self) -> None:
        """What came is of no use."""

    @property
    def waiting(self) -> int:
        """Bytes that were taken and still need room in memory."""
        return 0

    def descriptors(self) -> Iterator[tuple[int, int]]:
        """What to wait for before ``drain``."""
        return iter(())

    def drain(self, ready: frozenset[int]) -> None:  # noqa: B027  a file takes all at once
        """Hand on what can be handed on without waiting."""


class FileSink(Sink):
    """A file.

    Args:
        final: Its name in the end.
        opening: How the stream is offered.
        max_size: Refuse more bytes.
        decode: Reads in the end what came, and writes what the file shall have, if that is not the same.
        beside: In the names of the file's parts, where another process is at the usual ones.
    """

    def __init__(
        self,
        final: Path,
        opening: Open,
        max_size: int | None,
        decode: Callable[[BinaryIO, BinaryIO], None] | None = None,
        beside: str = "",
    ) -> None:
        self._max_size = max_size
        self._decode = decode
        _check_size(opening.length, max_size)
        self._part = PartFile(final, opening.identity, beside)

    @property
    def kept(self) -> int:  # type: ignore[override]
        """Bytes in the file."""
        return self._part.kept

    @property
    def hasher(self) -> Hasher:  # type: ignore[override]
        """SHA-256 of the file."""
        return self._part.hasher

    def write(self, content: bytes) -> None:
        """Append to the file."""
        _check_size(self._part.kept + len(content), self._max_size)
        self._part.write(content)

    def finish(self) -> None:
        """Give the file its name."""
        self._part.finish(self._decode)

    def pause(self) -> None:
        """Save how far it is."""
        self._part.pause()

    def discard(self) -> None:
        """Remove the file."""
        self._part.discard()


class PipeSink(Sink):
    """A pipe, or whatever standard output is. What was written cannot be taken back.

    Args:
        out: Where the bytes go.
        opening: How the stream is offered.
        max_size: Refuse more bytes, coded and decoded.
        models: Trained models that a coded stream may need.
    """

    def __init__(self, out: BinaryIO, opening: Open, max_size: int | None, models: Priors) -> None:
        _check_size(opening.length, max_size)
        self.kept = 0
        self.hasher = hashlib.sha256()
        self._max_size = max_size
        self._held = bytearray()
        self._decoding = DecodingPipe(out, max_size, models) if opening.coding == Coding.LEARNED else None
        self._descriptor = self._decoding.descriptor if self._decoding else out.fileno()

    def write(self, content: bytes) -> None:
        """Hold it until the pipe is ready."""
        self.kept += len(content)
        _check_size(self.kept, self._max_size)
        self._held += content

    @property
    def waiting(self) -> int:
        """Bytes that the pipe has not taken."""
        return len(self._held)

    def descriptors(self) -> Iterator[tuple[int, int]]:
        """The pipe, while something waits."""
        if self._held:
            yield self._descriptor, select.POLLOUT

    def drain(self, ready: frozenset[int]) -> None:
        """Write as much as cannot block."""
        if self._held and self._descriptor in ready:
            try:
                count = os.write(self._descriptor, self._held[:_PIPE_PIECE])
            except BrokenPipeError:
                if self._decoding is None:
                    raise
                self._decoding.finish()  # It ended early, and says why.
                raise
            except OSError as error:
                raise storage_error(error, "the output") from error
            del self._held[:count]

    def finish(self) -> None:
        """Wait for the decoder."""
        if self._decoding is not None:
            self._decoding.finish()

    def pause(self) -> None:
        """Nothing: a pipe has no second chance."""

    def discard(self) -> None:
        """Nothing can be taken back."""


def _check_size(size: int | None, limit: int | None) -> None:
    if limit is not None and size is not None and size > limit:
        raise LimitExceeded("the stream is too long", expected=f"at most {limit} bytes", found=size)
