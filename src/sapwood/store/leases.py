"""What writers in flight rely on, so that no collection takes it away under them.

A writer holds a lock on a file of its own in ``leases/`` and appends to it the names of the objects that it
puts, finds there already, or makes deltas against, before it looks whether they are there. Who collects
locks out all such appending, reads them all, and decides. Locks end with their process: what is left of a
killed one is found unlocked, and removed. No clock has a part in it.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sapwood.store.disk import lock, told, write_all
from sapwood.store.kinds import DIGEST_SIZE, Digest

__all__ = ["Lease", "collecting"]

_GATE: Final = "gate"
_SUFFIX: Final = ".lease"


class Lease:
    """Objects that stay while it is held; of one thread at a time."""

    def __init__(self, folder: Path) -> None:
        """Take one. ``folder`` is the store's ``leases``."""
        self.name = os.urandom(8).hex()
        self._gate = folder / _GATE
        self._path = folder / (self.name + _SUFFIX)
        self._end = 0
        with told(self._path), _gate(self._gate, shared=True):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o666)
            lock(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def pin(self, digests: Iterable[Digest]) -> None:
        """Keep these, whether they are there already or come later."""
        with told(self._path), _gate(self._gate, shared=True):
            self._end = write_all(self._descriptor, [b"".join(digests)], self._end)

    def release(self) -> None:
        """Let go of them."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1


@contextlib.contextmanager
def _gate(path: Path, *, shared: bool) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        lock(descriptor, shared=shared)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def collecting(folder: Path) -> Iterator[tuple[set[Digest], set[str]]]:
    """What leases pin, and their names; until the block ends, none is taken and nothing more is pinned."""
    pinned: set[Digest] = set()
    names: set[str] = set()
    with contextlib.ExitStack() as held:
        with told(folder):
            held.enter_context(_gate(folder / _GATE, shared=False))
            for path in sorted(folder.glob(f"*{_SUFFIX}")):
                data = _held(path)
                if data is not None:
                    names.add(path.stem)
                    pinned |= {data[i : i + DIGEST_SIZE] for i in range(0, len(data), DIGEST_SIZE)}
        yield pinned, names


def _held(path: Path) -> bytes | None:
    """What a lease says; None if nobody holds it. What a killed process left is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if lock(descriptor, wait=False):
            path.unlink(missing_ok=True)
            return None
        return file.read()
