"""Links put into a chain file: a new file as a whole, or one more link behind those of an old one.

An append writes behind the last link and touches nothing before it. Record and patch are flushed to the disk
before the seal is written, so a seal says that its link is there. What a killed append leaves is cut by the
next one. The file is locked meanwhile, and followed through no link: it may lead into a cache.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Final

from sapwood.chain.container import (
    Link,
    Links,
    link_of,
    read_links,
    record_bytes,
    seal_of,
)
from sapwood.errors import BadData, StorageFailure, WrongCall, storage_error
from sapwood.patch.patch import Patch

__all__ = ["append_link", "lock_chain", "write_link"]

_PIECE: Final = 1 << 20


def _write_all(out: BinaryIO, data: bytes) -> None:
    # A file without a buffer may take a part only.
    left = memoryview(data)
    while left:
        left = left[out.write(left) :]


def write_link(out: BinaryIO, link: Link, patch: Patch, *, durable: bool) -> None:
    """Write a link where it belongs, its seal last; with ``durable``, once the rest is on the disk."""
    record = record_bytes(link)
    out.seek(link.offset - len(record))
    _write_all(out, record)
    left = link.size
    with patch.stream() as stream:
        while left and (data := stream.read(min(left, _PIECE))):
            _write_all(out, data)
            left -= len(data)
    if left:
        raise StorageFailure("the patch was cut short while it was read")
    out.flush()
    if durable:
        os.fsync(out.fileno())
    # Read back: the seal is of what was written, and not of what was meant.
    out.seek(link.offset)
    seal = seal_of(record, out, link.size)
    out.seek(link.offset + link.size)
    _write_all(out, seal)
    out.flush()
    if durable:
        os.fsync(out.fileno())


@contextlib.contextmanager
def lock_chain(path: str) -> Iterator[tuple[BinaryIO, Links]]:
    """Open a chain to append to it; nobody else can meanwhile.

    Raises:
        WrongCall: It is a link, or no regular file. StorageFailure: Another append is under way.
    """
    # Only on the systems that Sapwood runs on; importing the package should not depend on it.
    import fcntl  # noqa: PLC0415

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise WrongCall(
                "is a folder or a link", path=path, advice="Name the chain's own file."
            ) from error
        raise storage_error(error, path) from error
    # Without a buffer: what a failed write left in one would be written once more at the end.
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise WrongCall("is not a regular file", path=path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StorageFailure(
                "another append is under way", path=path, advice="Wait until it is done."
            ) from error
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            found = read_links(file, os.fstat(descriptor).st_size)
        except BadData as error:
            error.path = path
            raise
        except OSError as error:
            raise storage_error(error, path) from error
        yield file, found


def append_link(file: BinaryIO, path: str, found: Links, patch: Patch) -> Links:
    """Put one more link behind those of a locked chain; returns them all. On any error it is as it was.

    Raises:
        BrokenChain: The patch does not lead on. StorageFailure, DiskFull: It could not be written.
    """
    link = link_of(found.links, patch.manifest, patch.size)
    try:
        os.ftruncate(file.fileno(), found.end)
        try:
            write_link(file, link, patch, durable=True)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(file.fileno(), found.end)
                os.fsync(file.fileno())
            raise
    except OSError as error:
        raise storage_error(error, path) from error
    return Links((*found.links, link), link.end, 0)
