"""The files beside the repository: walked, read, written and removed without ever leaving their folder.

Folders on the way to a file are opened one in the other and never through a symbolic link, so that no tree,
and nobody who swaps a folder for a link meanwhile, leads a write elsewhere.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.errors import WrongCall, storage_error
from sapwood.repo.ignore import Ignored

__all__ = ["WorkTree"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class WorkTree:
    """The folder whose files are versioned.

    Attributes:
        root: The folder.
        shared: Bytes of files written that share the store's pages.
        copied: Bytes of files written otherwise.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shared = 0
        self.copied = 0

    def path_of(self, given: str | os.PathLike[str]) -> str:
        """The path in a tree of a place that a user named, relative to the process's folder; "" is the root.

        Raises:
            WrongCall: It lies outside.
        """
        shown = os.fspath(given)
        # Links inside the tree are kept: it is the link's own name that is versioned.
        place = Path(os.path.abspath(shown))  # noqa: PTH100  resolve() would follow a link in the last part
        place = place.parent.resolve() / place.name if place.name else place
        try:
            inside = place.relative_to(self.root)
        except ValueError as error:
            raise WrongCall("lies outside the work tree", path=shown, expected=str(self.root)) from error
        return "" if inside == Path() else inside.as_posix()

    def status(self, path: str) -> os.stat_result | None:
        """The status of the file there, following a link to it; None if no regular file is there."""
        try:
            status = (self.root / path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise storage_error(error, str(self.root / path)) from error
        return status if stat.S_ISREG(status.st_mode) else None

    def walk(
        self, ignored: Ignored, below: str = "", *, enter: Callable[[str], bool] = lambda _folder: True
    ) -> Iterator[str]:
        """Paths of all files below a folder that are not ignored, in order.

        A folder that ``enter`` (called with its path) does not let in is given as its path with ``/``, if it
        holds a file. Links to folders are not followed.
        """
        place = self.root / below
        try:
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise storage_error(error, str(place)) from error
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if ignored(path + "/"):
                    continue
                inside = self.walk(ignored, path, enter=enter if enter(path) else lambda _folder: True)
                if enter(path):
                    yield from inside
                elif next(inside, None) is not None:
                    yield path + "/"
            elif _is_file(entry) and not ignored(path):
                yield path

    @contextlib.contextmanager
    def writing(self, path: str) -> Iterator[BinaryIO]:
        """A file that takes its name, and the place of what is there, when the block ends without an error.

        Raises:
            WrongCall: A folder on the way is a symbolic link or a file, or a folder is there.
            StorageFailure, DiskFull: The file system failed.
        """
        folder, _, name = path.rpartition("/")
        temporary = f".sapwood-{os.urandom(8).hex()}.partial"
        with self._told(path), self._folder(folder, create=True) as inside:
            descriptor = os.open(temporary, _NEW, 0o666, dir_fd=inside)
            try:
                with os.fdopen(descriptor, "w+b") as file:
                    yield file
                os.rename(temporary, name, src_dir_fd=inside, dst_dir_fd=inside)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=inside)
                raise

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that are empty then. What is not there is removed already."""
        folder, _, name = path.rpartition("/")
        with self._told(path):
            try:
                with self._folder(folder, create=False) as inside:
                    os.unlink(name, dir_fd=inside)
            except FileNotFoundError:
                return
            while folder:
                above, _, name = folder.rpartition("/")
                with self._folder(above, create=False) as inside:
                    try:
                        os.rmdir(name, dir_fd=inside)
                    except OSError:
                        return
                folder = above

    @contextlib.contextmanager
    def _folder(self, path: str, *, create: bool) -> Iterator[int]:
        inside = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in filter(None, path.split("/")):
                if create:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, dir_fd=inside)
                try:
                    below = os.open(part, _FOLDER, dir_fd=inside)
                except NotADirectoryError as error:
                    raise WrongCall(
                        "a folder on the way is a symbolic link or a file",
                        path=path,
                        advice="Move it away; nothing is written through a link.",
                    ) from error
                os.close(inside)
                inside = below
            yield inside
        finally:
            os.close(inside)

    @contextlib.contextmanager
    def _told(self, path: str) -> Iterator[None]:
        try:
            yield
        except IsADirectoryError as error:
            raise WrongCall(
                "a folder is where a file should be", path=path, advice="Move it away."
            ) from error
        except OSError as error:
            raise storage_error(error, str(self.root / path)) from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
