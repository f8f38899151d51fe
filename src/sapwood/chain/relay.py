"""A model carried over several patches, one after the other: versions in between are held, never named.

A version in between is kept in memory up to 64 MiB; a larger one in an unnamed file beside the output, which
is mapped. So it takes no more memory than one patch does, and a killed process leaves nothing behind. Two of
them at most are there at once.
"""

import contextlib
import mmap
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

from sapwood.errors import storage_error
from sapwood.formats.model import Model, model_of_views
from sapwood.patch.apply import Progress
from sapwood.patch.manifest import ModelIdentity, Shape
from sapwood.patch.patch import Patch
from sapwood.patch.room import check_room

__all__ = ["carried", "shifted"]

IN_MEMORY: Final = 64 << 20
"""Bytes of a version that is held in memory."""


class _Holder:
    """Takes a model's files end to end; a writer as ``Patch.apply_to`` wants it."""

    def __init__(self, identity: ModelIdentity, folder: str | None, resources: contextlib.ExitStack) -> None:
        self._identity = identity
        self._folder = folder or tempfile.gettempdir()
        self._resources = resources
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        if identity.size > IN_MEMORY:
            check_room(f"{self._folder}/version", identity.size)
            with self._translated():
                file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  closed with ``resources``
                self._file = resources.enter_context(file)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(error, self._folder) from error

    def start(self, path: str) -> None:
        """The next file: it follows the last one."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """More of it."""
        if self._file is None:
            self._memory += data
            return None
        with self._translated():
            return self._file.write(data)

    def model(self, *, layouts: bool) -> Model:
        """What was taken."""
        if self._file is None:
            view = memoryview(self._memory).toreadonly()
        else:
            with self._translated():
                self._file.flush()
                mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            view = memoryview(mapped)
        views: dict[str, memoryview] = {}
        at = 0
        is_folder = self._identity.shape is Shape.FOLDER
        for file in self._identity.files if is_folder else ():
            views[file.path] = view[at : at + file.size]
            at += file.size
        return model_of_views(views if is_folder else {"": view}, is_folder=is_folder, layouts=layouts)


def shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of one step of several: ``before`` bytes are done, ``total`` are to do in all."""
    if progress is None:
        return None
    told: Callable[[int, int], None] = progress
    return lambda done, _: told(before + done, total)


@contextlib.contextmanager
def carried(
    base: Model | None,
    patches: Sequence[Patch],
    *,
    folder: str | None,
    threads: int | None,
    progress: Progress | None = None,
    total: int = 0,
    layouts: bool = False,
) -> Iterator[Model | None]:
    """The model that the patches make of ``base``, for as long as the block lasts.

    Each patch checks its base and its target. ``folder`` is where a large version is kept; the system's by
    default. ``progress`` is called with target bytes done, over all patches, and ``total``.
    """
    held = contextlib.ExitStack()
    model, done = base, 0
    try:
        for i, patch in enumerate(patches):
            identity = patch.manifest.target
            with contextlib.ExitStack() as resources:
                holder = _Holder(identity, folder, resources)
                told = shifted(progress, done, total)
                patch.apply_to(model, holder, threads=threads, progress=told, folder=folder)
                model = holder.model(layouts=layouts and i == len(patches) - 1)
                # The version before it is not needed any more.
                held.close()
                held = resources.pop_all()
            done += identity.size
        yield model
    finally:
        held.close()
