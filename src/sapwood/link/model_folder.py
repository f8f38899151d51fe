"""Trained models of the byte coder that came over links: a folder of files, named by their identity."""

import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.bytecoder import Prior
from sapwood.bytecoder.prior import MOST_FILE
from sapwood.errors import BadData, WrongByteModel, WrongCall, storage_error
from sapwood.link.frames import Open
from sapwood.link.sink import FileSink

__all__ = ["MOST_KEPT", "ModelFolder"]

MOST_KEPT: Final = 16
"""Models, and as many halves of models: what was used longest ago makes room."""
_MOST_READ: Final = 2
"""Models in memory: one takes up to some ten MB when it is used."""
_SUFFIX: Final = ".ncmodel"


class ModelFolder(Mapping[bytes, Prior]):
    """The models by identity; each is read, and checked, when it is asked for. Threads may share it.

    Args:
        folder: Made when the first model comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[bytes, Prior] = {}
        self._reading = threading.Lock()

    def __getitem__(self, identity: bytes) -> Prior:
        """The model; ``KeyError`` if it is not here, or damaged."""
        with self._reading:
            prior = self._read.pop(identity, None) or self._load(identity)
            self._read[identity] = prior
            while len(self._read) > _MOST_READ:
                del self._read[next(iter(self._read))]
            return prior

    def __iter__(self) -> Iterator[bytes]:
        """Identities of those that are here."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            with contextlib.suppress(ValueError):
                yield bytes.fromhex(path.stem)

    def __len__(self) -> int:
        """How many are here."""
        return sum(1 for _ in self)

    def sink(self, opening: Open) -> FileSink | None:
        """Where a model goes that the other end offers; None if it is here already.

        Raises:
            LimitExceeded: It is longer than any model.
            StorageFailure: The folder cannot be used.
        """
        if opening.identity in self:
            return None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room()
        except OSError as error:
            raise storage_error(error, str(self._folder)) from error
        path, check = self._path(opening.identity), _checking(opening.identity)
        try:
            return FileSink(path, opening, MOST_FILE, check)
        except WrongCall:
            # Another link brings it just now: each takes it whole, and the last replaces the same bytes.
            return FileSink(path, opening, MOST_FILE, check, beside=f".{secrets.token_hex(4)}")

    def _load(self, identity: bytes) -> Prior:
        path = self._path(identity)
        try:
            prior = Prior(path.read_bytes())
            if prior.identity != identity:
                raise KeyError(identity)
        except (OSError, BadData) as error:
            # What cannot be read, or is damaged, is not here: it is sent again, and replaced.
            raise KeyError(identity) from error
        with contextlib.suppress(OSError):
            os.utime(path)
        return prior

    def _path(self, identity: bytes) -> Path:
        return self._folder / (identity.hex() + _SUFFIX)

    def _make_room(self) -> None:
        for pattern in (f"*{_SUFFIX}", f"*{_SUFFIX}.part"):
            files = sorted(self._folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            for path in files[MOST_KEPT - 1 :]:
                path.unlink(missing_ok=True)
                path.with_name(path.name + ".json").unlink(missing_ok=True)


def _checking(identity: bytes) -> Callable[[BinaryIO, BinaryIO], None]:
    """Takes a model that came only if it is one, and the one that was promised."""

    def check(came: BinaryIO, kept: BinaryIO) -> None:
        data = came.read(MOST_FILE + 1)
        prior = Prior(data)
        if prior.identity != identity:
            raise WrongByteModel(
                "another trained model came than was promised", expected=identity, found=prior.identity
            )
        kept.write(data)

    return check
