"""Pages that two files share until one is written to, on file systems such as Btrfs and XFS (reflinks).

Linux's FICLONERANGE (ioctl_ficlonerange(2)) takes whole blocks of the file system, at multiples of their size
in both files. Bytes that begin at the same place within a page in both can so be shared but for their ends.
"""

import os
import stat
import struct
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from sapwood.store.kinds import Form, ObjectInfo
from sapwood.store.record import ALIGNMENT

__all__ = ["SharingSink", "shares_pages"]

# <linux/fs.h>: _IOW(0x94, 13, struct file_clone_range). Where another number is meant, the call fails.
_FICLONERANGE: Final = 0x4020940D
_RANGE: Final = struct.Struct("=qQQQ")
_NOTHING: Final = range(0)


def _share(source: int, start: int, size: int, target: int, at: int) -> bool:
    """Have ``size`` bytes of two open files be the same pages; False if that cannot be."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONERANGE, _RANGE.pack(source, start, size, at))
    except OSError:
        # Another file system, or none that shares; whatever else is wrong, a copy will tell.
        return False
    return True


def shares_pages(folder: Path) -> bool:
    """Whether files of a folder can share pages."""
    try:
        with tempfile.TemporaryFile(dir=folder) as one, tempfile.TemporaryFile(dir=folder) as other:
            one.write(bytes(ALIGNMENT))
            one.flush()
            return _share(one.fileno(), 0, ALIGNMENT, other.fileno(), 0)
    except OSError:
        return False


class SharingSink:
    """Writes objects in a row to a file, which shares with the store the pages that it can.

    Attributes:
        shared: Bytes that it shares, and were not copied.
    """

    def __init__(self, root: Path, sink: BinaryIO) -> None:
        """``root`` is the store's folder; ``sink`` an empty file, or anything else that takes bytes."""
        self._root = root
        self._sink = sink
        self._descriptor = _empty_file(sink)
        self._at = 0
        self._pages = _NOTHING
        self.shared = 0

    @property
    def may_share(self) -> bool:
        """Whether there is any hope, so that ``begin`` needs to be called."""
        return self._descriptor is not None

    def begin(self, info: ObjectInfo) -> None:
        """The bytes of an object come next."""
        self._pages = _NOTHING
        if self._descriptor is None or info.form is not Form.RAW or (info.offset - self._at) % ALIGNMENT:
            return
        first = -(-self._at // ALIGNMENT) * ALIGNMENT
        behind = (self._at + info.length) // ALIGNMENT * ALIGNMENT
        if behind <= first:
            return
        if self._take(info, first, behind):
            self._pages = range(first, behind)
            self.shared += behind - first
        else:
            self._descriptor = None

    def _take(self, info: ObjectInfo, first: int, behind: int) -> bool:
        assert self._descriptor is not None  # noqa: S101  the caller looked
        try:
            source = os.open(self._root / info.place, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # A repack may have moved it; its bytes come from the map.
            return False
        try:
            start = info.offset + first - self._at
            return _share(source, start, behind - first, self._descriptor, first)
        finally:
            os.close(source)

    def write(self, piece: memoryview) -> None:
        """The next bytes of the object; those on shared pages are there already."""
        end = self._at + len(piece)
        pages = self._pages
        if not pages or end <= pages.start or self._at >= pages.stop:
            self._sink.write(piece)
        else:
            self._sink.write(piece[: max(pages.start - self._at, 0)])
            self._sink.seek(min(end, pages.stop))
            self._sink.write(piece[pages.stop - self._at :] if end > pages.stop else b"")
        self._at = end


def _empty_file(sink: BinaryIO) -> int | None:
    """The descriptor of an empty file that can be written to anywhere; None if it is something else."""
    if sys.platform != "linux":
        return None
    try:
        descriptor = sink.fileno()
        status = os.fstat(descriptor)
        appends = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND
        empty = stat.S_ISREG(status.st_mode) and not status.st_size and not sink.tell()
    except (AttributeError, OSError, ValueError):
        return None
    return descriptor if empty and not appends else None
