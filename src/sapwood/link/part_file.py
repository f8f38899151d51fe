"""A file that grows as it comes over a link, and goes on growing after a restart.

``OUT.part`` has the bytes, ``OUT.part.json`` says whose they are. The file gets its name when its digest was
found right and its bytes are on the disk; a reader never sees half of it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from sapwood.errors import WrongCall, storage_error
from sapwood.link.incoming import Hasher

__all__ = ["PartFile"]

_SAVE_SECONDS: Final = 5.0
_COPY: Final = 1 << 20
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class PartFile:
    """The bytes that came of one stream.

    Args:
        final: The file's name in the end.
        identity: Of the stream. What another one has left is thrown away.
        beside: In the names of the parts, where another process is at the usual ones.

    Attributes:
        kept: Bytes that are here.
        hasher: SHA-256 of them.
    """

    def __init__(self, final: Path, identity: bytes, beside: str = "") -> None:
        self._final = final
        self._part = final.with_name(f"{final.stem}{beside}{final.suffix}.part")
        self._state = self._part.with_name(self._part.name + ".json")
        self._identity = identity
        self._saved_at = time.monotonic()
        self.hasher: Hasher = hashlib.sha256()
        self.kept = 0
        try:
            self._file = self._opened()
        except OSError as error:
            raise storage_error(error, str(self._part)) from error
        try:
            self._resume()
        except OSError as error:
            self._file.close()
            raise storage_error(error, str(self._part)) from error

    def write(self, content: bytes) -> None:
        """Append."""
        try:
            self._file.write(content)
            self.kept += len(content)
            if time.monotonic() - self._saved_at >= _SAVE_SECONDS:
                self._save()
        except OSError as error:
            raise storage_error(error, str(self._part)) from error

    def pause(self) -> None:
        """Close it, to go on some time."""
        with contextlib.suppress(OSError):
            self._save()
        self._file.close()

    def discard(self) -> None:
        """Remove what came."""
        self._part.unlink(missing_ok=True)
        self._state.unlink(missing_ok=True)
        self._file.close()

    def finish(self, decode: Callable[[BinaryIO, BinaryIO], None] | None = None) -> None:
        """Give it its name; it is on the disk then.

        Args:
            decode: Reads what came and writes what the file shall have, if that is not the same.
        """
        whole = self._part
        try:
            self._file.flush()
            if decode is None:
                os.fsync(self._file.fileno())
            else:
                whole = self._part.with_name(self._part.name + ".plain")
                self._file.seek(0)
                with whole.open("wb") as plain:
                    decode(self._file, plain)
                    plain.flush()
                    os.fsync(plain.fileno())
            whole.replace(self._final)
            self._part.unlink(missing_ok=True)
            self._state.unlink(missing_ok=True)
            _sync_folder(self._final.parent)
        except OSError as error:
            raise storage_error(error, str(self._final)) from error
        finally:
            self._file.close()
            if decode is not None:
                whole.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        while True:
            file = self._part.open("r+b" if self._part.exists() else "w+b")
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.close()
                raise WrongCall("is being received by another process", path=str(self._final)) from error
            # Whoever had it may have finished, and taken the name away, before it was locked here.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self._part.stat()):
                    return file
            file.close()

    def _resume(self) -> None:
        size = self._usable()
        self._file.truncate(size)
        self._file.seek(0)
        while piece := self._file.read(_COPY):
            self.hasher.update(piece)
        self.kept = size
        self._save()

    def _usable(self) -> int:
        """How many of the bytes are surely those that were written."""
        try:
            state: dict[str, Any] = json.loads(self._state.read_bytes())
            same = bytes.fromhex(state["identity"]) == self._identity
            on_disk, boot = int(state["on_disk"]), str(state["boot"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        size = os.fstat(self._file.fileno()).st_size
        if not same or on_disk < 0:
            return 0
        # A killed process loses nothing that it wrote; a machine without power, what was not flushed.
        return size if boot and boot == _boot() else min(size, on_disk)

    def _save(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._saved_at = time.monotonic()
        state = {"identity": self._identity.hex(), "on_disk": self.kept, "boot": _boot()}
        new = self._state.with_name(self._state.name + ".new")
        new.write_text(json.dumps(state))
        new.replace(self._state)


def _boot() -> str:
    """Tells this run of the machine from others; empty where the system does not say."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
