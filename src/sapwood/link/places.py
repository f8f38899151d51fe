"""Where streams go that the other end offers: one file, one pipe, or a folder."""

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.bytecoder.known import Priors
from sapwood.errors import WrongCall, storage_error
from sapwood.link.coding import decode_whole
from sapwood.link.frames import Coding, Open
from sapwood.link.receiving import Refusal
from sapwood.link.sink import FileSink, PipeSink, Sink

__all__ = ["IntoFile", "IntoFolder", "IntoPipe"]

_LONGEST_NAME: Final = 200
"""A file system takes 255 bytes, and something stands behind the name while the file comes."""


class IntoFile:
    """The first stream, as this file, whatever its name."""

    def __init__(self, path: str, max_size: int | None = None) -> None:
        self._final = Path(path)
        self._max_size = max_size
        if not self._final.parent.is_dir():
            raise WrongCall("its folder does not exist", path=path, advice="Create the folder first.")
        if self._final.is_dir() or len(self._final.name.encode()) > _LONGEST_NAME:
            raise WrongCall("is not a name to write to", path=path)

    def __call__(self, opening: Open, models: Priors = ()) -> Sink | None:
        """The file, unless it holds this already."""
        return _file(self._final, opening, self._max_size, models)


class IntoPipe:
    """The first stream, as it comes."""

    def __init__(self, out: BinaryIO, max_size: int | None = None) -> None:
        self._out = out
        self._max_size = max_size
        self._taken = False

    def __call__(self, opening: Open, models: Priors = ()) -> Sink | None:
        """The pipe, once: what was written cannot be taken back."""
        if self._taken:
            raise Refusal("another stream was begun here, and cannot be taken back")
        sink = PipeSink(self._out, opening, self._max_size, models)
        self._taken = True
        return sink


class IntoFolder:
    """Every stream, as a file of the name that it brings. One of the same name is replaced."""

    def __init__(self, folder: str, max_size: int | None = None) -> None:
        self._folder = Path(folder)
        self._max_size = max_size
        if not self._folder.is_dir():
            raise WrongCall("is not a folder", path=folder, advice="Create it first.")

    def __call__(self, opening: Open, models: Priors = ()) -> Sink | None:
        """A file in this folder and in no other."""
        name = opening.name
        if (
            not name
            or name.startswith(".")
            or name.endswith((".part", ".part.json"))
            or "/" in name
            or not name.isprintable()
            or len(name.encode()) > _LONGEST_NAME
        ):
            raise Refusal("this is no name for a file here")
        final = self._folder / name
        if final.is_symlink() or (final.exists() and not final.is_file()):
            raise Refusal("something else has that name here")
        return _file(final, opening, self._max_size, models)


def _file(final: Path, opening: Open, max_size: int | None, models: Priors) -> Sink | None:
    try:
        if opening.coding == Coding.NONE and final.is_file() and final.stat().st_size == opening.length:
            with final.open("rb") as file:
                if hashlib.file_digest(file, "sha256").digest()[: len(opening.identity)] == opening.identity:
                    return None
    except OSError as error:
        raise storage_error(error, str(final)) from error
    decode = decode_whole(max_size, models) if opening.coding == Coding.LEARNED else None
    return FileSink(final, opening, max_size, decode)
