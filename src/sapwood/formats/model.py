"""A model is a file or a folder of files, opened read-only and laid out.

Files are in the order of their paths. A symbolic link to a file is read as that file, because hub snapshots
are links to blobs; a link to a folder, and what is neither file nor folder, is refused. Files in
which another file of the model keeps its tensors are laid out by that file.
"""

import contextlib
import dataclasses
import io
import mmap
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from sapwood.errors import LimitExceeded, StorageFailure, WrongCall, storage_error
from sapwood.formats import limits, opaque
from sapwood.formats.detect import read_layout
from sapwood.formats.layout import FormatWarning, Layout
from sapwood.formats.link import link

__all__ = ["Model", "ModelFile", "Source", "model_of_views", "open_model"]

# Smaller files are read whole: a map costs a file descriptor for as long as the model is open.
_SMALLEST_MAP: Final = 1 << 16


@dataclasses.dataclass
class ModelFile:
    """One file: its path in the model with ``/`` ("" for a lone file), its bytes, and what they are."""

    path: str
    data: memoryview
    layout: Layout


@dataclasses.dataclass
class Model:
    """An open model; use it as a context manager, or close it. Its memoryviews end with it.

    Attributes:
        root: The path it was opened by; "" for bytes and streams.
        is_folder: Whether ``files`` came from a folder.
        files: Sorted by path.
    """

    root: str
    is_folder: bool
    files: tuple[ModelFile, ...]
    _resources: contextlib.ExitStack = dataclasses.field(default_factory=contextlib.ExitStack, repr=False)

    @property
    def warnings(self) -> tuple[FormatWarning, ...]:
        """What is not understood of the files, each told once."""
        return tuple(dict.fromkeys(warning for file in self.files for warning in file.layout.warnings))

    def close(self) -> None:
        """Let go of the files. Doing it twice is harmless."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Model
"""Where a model may come from; one that is open already stays open."""


def open_model(source: Source, *, layouts: bool = True) -> Model:
    """Open a model by path, from bytes, or from a stream (read from where it stands to its end).

    A stream over a file is mapped and not read, so that it costs no memory. Without ``layouts`` every file is
    one opaque span: for who wants the bytes only.

    Raises:
        MissingInput: The path, or what a link in the folder leads to, is not there.
        WrongCall: The source is neither a file nor a folder, or the folder holds what a patch cannot carry.
        LimitExceeded: A folder has too many files, or is too deep.
        StorageFailure: The file system failed.
    """
    if isinstance(source, Model):
        return Model(source.root, source.is_folder, source.files)
    with contextlib.ExitStack() as resources:
        is_folder = False
        root = ""
        if isinstance(source, str | os.PathLike):
            root = os.fspath(source)
            if "\0" in root:
                raise WrongCall("a path has no zero bytes", path=root)
            is_folder = Path(root).is_dir()
            paths = list(_walk(root)) if is_folder else [""]
            views = {path: _map(Path(root, path) if path else Path(root), resources) for path in paths}
        elif isinstance(source, bytes | bytearray | memoryview):
            views = {"": memoryview(source).toreadonly()}
        else:
            views = {"": _stream(source, resources)}
        for view in views.values():
            resources.callback(_release, view)
        model = model_of_views(views, is_folder=is_folder, root=root, layouts=layouts)
        return dataclasses.replace(model, _resources=resources.pop_all())
    raise AssertionError  # an ExitStack does not swallow what nobody told it to


def model_of_views(
    views: Mapping[str, memoryview], *, is_folder: bool, root: str = "", layouts: bool = True
) -> Model:
    """The model of files held by someone else, by their paths; a lone file's is ""."""
    files = tuple(
        ModelFile(path, view, read_layout(view, path or root) if layouts else opaque.read(view))
        for path, view in sorted(views.items())
    )
    if layouts:
        linked = link({file.path: (file.data, file.layout) for file in files}, root)
        for file, layout in zip(files, linked, strict=True):
            file.layout = layout
    return Model(root, is_folder, files)


def _walk(root: str) -> Iterator[str]:
    """Paths of all files below ``root``, with ``/``; sorted only within a folder."""
    waiting = [""]
    count = 0
    while waiting:
        folder = waiting.pop()
        place = Path(root, folder)
        try:
            names = sorted(entry.name for entry in place.iterdir())
        except OSError as error:
            raise storage_error(error, str(place)) from error
        for name in names:
            count += 1
            path = f"{folder}/{name}" if folder else name
            if count > limits.MAX_FOLDER_FILES or path.count("/") > limits.MAX_FOLDER_DEPTH:
                raise LimitExceeded("the folder has too many files or levels", path=root)
            if _is_folder(place / name):
                waiting.append(path)
            else:
                yield path


def _is_folder(place: Path) -> bool:
    """Whether to walk on there; refuses what a patch could not carry."""
    path = str(place)
    if not _is_text(path):
        raise WrongCall("the name of a file is not text", path=path)
    try:
        is_link = place.is_symlink()
        mode = place.stat().st_mode
    except OSError as error:
        raise storage_error(error, path) from error
    if is_link and stat.S_ISDIR(mode):
        raise WrongCall(
            "a symbolic link to a folder is not followed", path=path, advice="Copy the folder instead."
        )
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise WrongCall("neither a file nor a folder", path=path)
    return stat.S_ISDIR(mode)


def _is_text(path: str) -> bool:
    # Bytes that are no UTF-8 come out of the file system as lone surrogates.
    return not any("\ud800" <= character <= "\udfff" for character in path)


def _map(place: Path, resources: contextlib.ExitStack) -> memoryview:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer before it can be refused.
        with open(place, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            return _map_file(file, 0, str(place), resources)
    except OSError as error:
        raise storage_error(error, str(place)) from error


def _map_file(
    file: io.BufferedReader | io.FileIO, start: int, path: str, resources: contextlib.ExitStack
) -> memoryview:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise WrongCall("neither a file nor a folder", path=path)
    if status.st_size < _SMALLEST_MAP:
        file.seek(start)
        return memoryview(file.read())
    try:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:
        raise StorageFailure("the file was cut short while it was opened", path=path) from error
    resources.callback(_release, mapped)
    return memoryview(mapped)[start:]


def _release(held: memoryview | mmap.mmap) -> None:
    # A caller may still hold an array over the bytes; they then end with that array.
    with contextlib.suppress(BufferError):
        if isinstance(held, memoryview):
            held.release()
        else:
            held.close()


def _stream(source: BinaryIO, resources: contextlib.ExitStack) -> memoryview:
    # Only a bare file may be mapped: a decompressing stream has a file descriptor too, of other bytes.
    if isinstance(source, io.FileIO) or (
        isinstance(source, io.BufferedReader) and isinstance(source.raw, io.FileIO)
    ):
        path = str(source.name)
        try:
            if stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                view = _map_file(source, source.tell(), path, resources)
                source.seek(0, os.SEEK_END)
                return view
        except OSError as error:
            raise storage_error(error, path) from error
    try:
        return memoryview(source.read())
    except OSError as error:
        raise storage_error(error, "") from error
