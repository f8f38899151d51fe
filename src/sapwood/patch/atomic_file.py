"""Output that appears whole or not at all, on a file system that may fail or lose power at any moment.

It is written under a temporary name in its own folder, flushed to the disk, and only then given its name;
then the folder is flushed, so that the name lasts. On any error the temporary name is removed and what stood
at the final name is untouched. Only a killed process leaves its ``.sapwood-*.partial`` behind; the next
output in the same folder removes it.

A folder replaces another in one step where the system can swap two names (Linux). Elsewhere it takes two
renames: a process killed between them leaves the old folder whole, as ``.sapwood-*.old``, and nothing at the
final name; ``restore_folder``, which every writer of a folder calls first, gives it its name back.

Left out: locks on final names. Of two writers to one name, the last to finish wins, whole.
"""

import errno
import hashlib
import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sapwood.errors import WrongCall, storage_error
from sapwood.patch.exchange import exchange
from sapwood.patch.partial import hold, hold_folder, partial_name, release, remove_left_over
from sapwood.patch.writeback import start_writeback

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["OutputFolder", "atomic_folder", "atomic_output", "restore_folder"]

# Some network file systems cannot flush a folder and say so with one of these; they order renames themselves.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})

# The disk is never without work, nor asked for less than it likes to write at once.
_WRITEBACK_STEP = 1 << 20


@contextmanager
def atomic_output(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing, reading and seeking; it takes the name ``path`` when the block ends well.

    A file already there keeps its permissions. A link is replaced, not followed: it may lead into a cache.

    Raises:
        WrongCall: ``path`` is a folder or a device, or its folder does not exist.
        StorageFailure: The file system failed; nothing was replaced, unless in the folder's last flush.
        DiskFull: There is no room; nothing was replaced.
    """
    shown = os.fspath(path)
    final = _final_name(shown)
    with _translated(shown):
        mode = _mode(final)
        if final.is_dir():
            raise WrongCall("is a folder", path=shown, advice="Name a file to write.")
        if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise WrongCall("is not a regular file", path=shown, advice="Name a file to write.")
        temporary, raw, lock = _new_output(final, shown)

    try:
        with _translated(shown):
            _keep_permissions(temporary, mode)
        file = io.BufferedRandom(raw)
        yield file
        file.flush()
        with _translated(shown):
            os.fsync(raw.fileno())
            file.close()
            temporary.replace(final)
    except BaseException:
        # Closing the raw file first drops what is still buffered: another write would fail again.
        with suppress(OSError):
            raw.close()
        with suppress(OSError):
            temporary.unlink()
        raise
    finally:
        release(lock)
    with _translated(shown):
        _sync_folder(final.parent)


class OutputFolder:
    """A folder being built out of sight; see ``atomic_folder``."""

    def __init__(self, folder: Path, shown: str) -> None:
        self._folder = folder
        self._shown = shown
        self._files: list[io.BufferedRandom] = []

    def create(self, name: str) -> BinaryIO:
        """Open a new file for writing, reading and seeking; ``name`` is relative, its parts joined by ``/``.

        Names may come from a patch, so this is the last guard against a path out of the folder.

        Raises:
            WrongCall: ``name`` leads out of the folder, or clashes with another file in it.
            StorageFailure: The file system failed. DiskFull: there is no room.
        """
        shown = f"{self._shown}/{name}"
        if any(part in {"", ".", ".."} for part in name.split("/")) or "\\" in name or "\0" in name:
            raise WrongCall("is not a relative path inside the output folder", path=name)
        path = self._folder / name
        with _translated(shown):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                raw = _Output(path, shown)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise WrongCall("clashes with another file of the output", path=shown) from error
        self._files.append(io.BufferedRandom(raw))
        return self._files[-1]

    def _finish(self) -> None:
        for file in self._files:
            file.close()
        with _translated(self._shown):
            _sync_tree(self._folder)

    def _abandon(self) -> None:
        for file in self._files:
            with suppress(OSError):
                file.raw.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool) -> Iterator[OutputFolder]:
    """Build a folder; it takes the name ``path`` when the block ends well, with every file in it flushed.

    Args:
        path: The folder to make. An empty folder there is always taken over.
        replace: Whether a folder with files in it may be replaced, all of it; otherwise it is refused.

    Raises:
        WrongCall: ``path`` is a file, a link, or a folder not to be replaced, or its folder does not exist.
        StorageFailure: The file system failed; what stood at ``path`` is untouched, unless it was in the last
            flush or in deleting the old folder.
        DiskFull: There is no room; what stood at ``path`` is untouched.
    """
    shown = os.fspath(path)
    restore_folder(path)
    final = _final_name(shown)
    with _translated(shown):
        mode = _mode(final)
        if mode is not None and not stat.S_ISDIR(mode):
            raise WrongCall("is not a folder", path=shown, advice="Name a folder to write.")
        if not replace and mode is not None and any(final.iterdir()):
            raise _occupied(shown)
        temporary, lock = _new_folder(final)

    folder = OutputFolder(temporary, shown)
    try:
        with _translated(shown):
            _keep_permissions(temporary, mode and mode | stat.S_IRWXU)
        yield folder
        folder._finish()  # noqa: SLF001  its caller is not to end it
        with _translated(shown):
            retired = _swap(temporary, final, shown, replace=replace)
    except BaseException:
        folder._abandon()  # noqa: SLF001
        raise
    finally:
        release(lock)
    with _translated(shown):
        _sync_folder(final.parent)
    if retired is not None:
        with _translated(str(retired)):
            _remove_tree(retired)


def restore_folder(path: str | os.PathLike[str]) -> None:
    """Give a folder its name back if a writer was killed between the two renames that replace it.

    Raises:
        StorageFailure: The file system failed. WrongCall: ``path`` is no name to write to.
    """
    shown = os.fspath(path)
    final = _final_name(shown)
    retired = _retired(final)
    with _translated(shown):
        if _mode(final) is None and _mode(retired) is not None:
            retired.rename(final)
            _sync_folder(final.parent)


class _Output(io.FileIO):
    """A new file whose failures speak in Sapwood's errors, however deep in a buffer the write happens."""

    def __init__(self, path: Path, shown: str) -> None:
        super().__init__(path, "x+b")
        self._shown = shown
        self._unsent = 0

    def write(self, data: "ReadableBuffer", /) -> int:
        with _translated(self._shown):
            written = super().write(data)
            self._unsent += written
            if self._unsent >= _WRITEBACK_STEP:
                start_writeback(self.fileno(), self.tell() - self._unsent, self._unsent)
                self._unsent = 0
            return written

    def truncate(self, size: int | None = None, /) -> int:
        with _translated(self._shown):
            return super().truncate(size)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error


def _final_name(path: str) -> Path:
    given = Path(path)
    if given.name in {"", ".."} or "\0" in path:
        raise WrongCall("is not a name to write to", path=path)
    with _translated(path):
        if not given.parent.is_dir():
            raise WrongCall("its folder does not exist", path=path, advice="Create the folder first.")
        # Fixed now: the caller may change the working folder before the block ends.
        return given.parent.resolve() / given.name


def _new_output(final: Path, shown: str) -> tuple[Path, "_Output", int]:
    remove_left_over(final.parent)
    while True:
        temporary = final.parent / partial_name()
        raw = _Output(temporary, shown)
        lock = hold(raw.fileno())
        if lock is not None:
            return temporary, raw, lock
        raw.close()


def _new_folder(final: Path) -> tuple[Path, int]:
    remove_left_over(final.parent)
    while True:
        temporary = final.parent / partial_name()
        temporary.mkdir()
        lock = hold_folder(temporary)
        if lock is not None:
            return temporary, lock


def _remove_tree(folder: Path) -> None:
    """Another process may be removing it as well: once it was swapped out, it holds no lock."""

    def stop(_function: object, _path: str, failure: tuple[type, BaseException, object]) -> None:
        if not isinstance(failure[1], FileNotFoundError):
            raise failure[1]

    shutil.rmtree(folder, onerror=stop)


def _retired(final: Path) -> Path:
    # Found again by the final name alone, which could make it too long: hence its digest.
    name = hashlib.sha256(os.fsencode(final.name)).hexdigest()[:16]
    return final.parent / f".sapwood-{name}.old"


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def _keep_permissions(temporary: Path, mode: int | None) -> None:
    if mode is not None and not stat.S_ISLNK(mode):
        temporary.chmod(mode & 0o777)


def _occupied(path: str) -> WrongCall:
    return WrongCall(
        "is a folder with files in it", path=path, advice="Name a new folder, or let it be replaced."
    )


def _swap(temporary: Path, final: Path, shown: str, *, replace: bool) -> Path | None:
    """Give ``temporary`` its final name; return where the old folder went, if there was one."""
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        if not replace:
            raise _occupied(shown) from error
    else:
        return None

    if exchange(temporary, final):
        return temporary
    retired = _retired(final)
    if retired.exists():
        shutil.rmtree(retired)
    final.rename(retired)
    try:
        temporary.rename(final)
    except BaseException:
        retired.rename(final)
        raise
    return retired


def _sync_tree(folder: Path) -> None:
    def stop(error: OSError) -> None:
        raise error

    for here, _, names in os.walk(folder, topdown=False, onerror=stop):
        for name in names:
            _sync(Path(here, name))
        _sync_folder(Path(here))


def _sync_folder(folder: Path) -> None:
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
