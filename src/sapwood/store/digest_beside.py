"""BLAKE3 of pieces on a thread of its own, so that whoever writes them need not wait for it."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from blake3 import blake3

__all__ = ["DigestBeside"]

# Pieces that wait to be hashed, each of some MB: memory stays bounded where the disk is quicker.
_MOST_WAITING: Final = 4


class DigestBeside:
    """Use it as a context manager. With one thread allowed, all is done by whoever calls."""

    def __init__(self, threads: int) -> None:
        self._hasher = blake3()
        # One thread takes its work in order, as a digest needs it.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sapwood-digest") if threads > 1 else None
        self._waiting: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def update(self, piece: memoryview) -> None:
        """The next bytes, which must not change until ``digest`` has been called."""
        if self._thread is None:
            self._hasher.update(piece)
            return
        self._waiting.append(self._thread.submit(self._hasher.update, piece))
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft().result()

    def digest(self) -> bytes:
        """The digest of all pieces: 32 bytes."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._hasher.digest()
