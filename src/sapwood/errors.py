"""Every error Sapwood raises on purpose: one family, in three branches that say whose fault it is.

The number is the exit code of the command line. Numbers are part of the interface and are never reused.

    SapwoodError              1
    ├── WrongCall             2   the caller's mistake
    │   ├── MissingInput      3
    │   ├── GuardrailRefused  4
    │   ├── MergeConflict    29
    │   └── UnknownRevision  27
    ├── BadData              10   what was read is not what it should be
    │   ├── CorruptPatch     11
    │   ├── WrongBase        12
    │   ├── DigestMismatch   13
    │   ├── BadSignature     14
    │   ├── RollbackRefused  15
    │   ├── UnsupportedPatch 16
    │   ├── LimitExceeded    17
    │   ├── MalformedModel   18
    │   ├── BrokenChain      19
    │   ├── DamagedStore     24
    │   ├── MissingObject    25
    │   ├── CorruptStream    30
    │   ├── UnsupportedStream 31
    │   ├── WrongByteModel   32
    │   ├── BrokenStream     35
    │   └── CorruptByteModel 36
    └── Unavailable          20   a device, a server or a package fails
        ├── StorageFailure   21
        ├── DiskFull         22
        ├── MissingDependency 23
        ├── RemoteFailure    26
        ├── RefMoved         28
        ├── LinkFailed       33
        └── StreamRefused    34

Names do not end in ``Error``: each already says what is wrong, and the base class carries the word.
"""

import errno
import os
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

__all__ = [
    "BadData",
    "BadSignature",
    "BrokenChain",
    "BrokenStream",
    "CorruptByteModel",
    "CorruptPatch",
    "CorruptStream",
    "DamagedStore",
    "DigestMismatch",
    "DiskFull",
    "ExitCode",
    "GuardrailRefused",
    "LimitExceeded",
    "LinkFailed",
    "MalformedModel",
    "MergeConflict",
    "MissingDependency",
    "MissingInput",
    "MissingObject",
    "RefMoved",
    "RemoteFailure",
    "RollbackRefused",
    "SapwoodError",
    "StorageFailure",
    "StreamRefused",
    "Unavailable",
    "UnknownRevision",
    "UnsupportedPatch",
    "UnsupportedStream",
    "WrongBase",
    "WrongByteModel",
    "WrongCall",
    "exit_codes",
    "storage_error",
]

# One fact never fills the screen: 160 shows a SHA-512 in hex (128 digits) whole.
_LONGEST_FACT = 160


class SapwoodError(Exception):
    """Anything Sapwood refuses or cannot do.

    Args:
        message: What is wrong, as a short clause without a final stop.
        path: The file or folder it is about.
        offset: Where in that file, in bytes from its start.
        expected: What should have been there. Bytes are shown in hex.
        found: What was there.
        advice: What the user can do about it, as whole sentences.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        offset: int | None = None,
        expected: object = None,
        found: object = None,
        advice: str = "",
    ) -> None:
        """Keep the facts as attributes of the same names."""
        super().__init__(message)
        self.message = message
        self.path = path
        self.offset = offset
        self.expected = expected
        self.found = found
        self.advice = advice

    def __str__(self) -> str:
        """One line: ``path: message at offset N (expected E, found F). advice``."""
        line = _printable(self.message)
        if self.path:
            line = f"{_printable(self.path)}: {line}"
        if self.offset is not None:
            line += f" at offset {self.offset}"
        facts = [
            f"{label} {_fact(value)}"
            for label, value in (("expected", self.expected), ("found", self.found))
            if value is not None
        ]
        if facts:
            line += f" ({', '.join(facts)})"
        if self.advice:
            line += f". {_printable(self.advice)}"
        return line


class WrongCall(SapwoodError):
    """The call makes no sense: an option, an argument or a place to write is wrong."""

    exit_code: ClassVar[int] = 2


class MissingInput(WrongCall):
    """A file or folder that was named is not there."""

    exit_code: ClassVar[int] = 3


class GuardrailRefused(WrongCall):
    """The patch is sound, but not for the device that is described."""

    # The caller brought together what does not belong together: neither the patch nor the device is at fault.
    exit_code: ClassVar[int] = 4


class MergeConflict(WrongCall):
    """Two sides of a merge changed the same thing, and the strategy cannot make one of both."""

    # The models are sound: the user, or another strategy, has to decide.
    exit_code: ClassVar[int] = 29


class UnknownRevision(WrongCall):
    """No commit goes by that name, or several do."""

    exit_code: ClassVar[int] = 27


class BadData(SapwoodError):
    """What was read is not what it should be."""

    exit_code: ClassVar[int] = 10


class CorruptPatch(BadData):
    """The patch is damaged, cut short or not a patch."""

    exit_code: ClassVar[int] = 11


class WrongBase(BadData):
    """The base is not the one the patch was made for."""

    exit_code: ClassVar[int] = 12


class DigestMismatch(BadData):
    """The result does not have the digest that was promised."""

    exit_code: ClassVar[int] = 13


class BadSignature(BadData):
    """The signature is missing, wrong or made with another key."""

    exit_code: ClassVar[int] = 14


class RollbackRefused(BadData):
    """The patch leads to a version that is not newer than the one in place."""

    exit_code: ClassVar[int] = 15


class UnsupportedPatch(BadData):
    """The patch needs a newer Sapwood: an unknown version, codec or flag."""

    exit_code: ClassVar[int] = 16


class LimitExceeded(BadData):
    """The data asks for more than a limit allows."""

    exit_code: ClassVar[int] = 17


class MalformedModel(BadData):
    """A model file breaks the rules of its own format."""

    exit_code: ClassVar[int] = 18


class BrokenChain(BadData):
    """The links of a chain do not lead from one version to the next."""

    exit_code: ClassVar[int] = 19


class DamagedStore(BadData):
    """A store's pack, file or index is damaged."""

    exit_code: ClassVar[int] = 24


class MissingObject(BadData):
    """An object that is asked for is not in the store."""

    exit_code: ClassVar[int] = 25


class CorruptStream(BadData):
    """The stream of learned bytes is damaged, cut short or none."""

    exit_code: ClassVar[int] = 30


class UnsupportedStream(BadData):
    """The stream needs a newer Sapwood: an unknown version, level or flag."""

    exit_code: ClassVar[int] = 31


class WrongByteModel(BadData):
    """The stream was encoded with a trained model that is not here."""

    exit_code: ClassVar[int] = 32


class BrokenStream(BadData):
    """A stream over a link broke off, or is not what its sender promised."""

    exit_code: ClassVar[int] = 35


class CorruptByteModel(BadData):
    """The trained model of bytes is damaged, cut short or none."""

    exit_code: ClassVar[int] = 36


class Unavailable(SapwoodError):
    """Something outside the data fails: a device, a server, a package."""

    exit_code: ClassVar[int] = 20


class StorageFailure(Unavailable):
    """The file system failed to read or write."""

    exit_code: ClassVar[int] = 21


class DiskFull(Unavailable):
    """There is no room left for the output."""

    exit_code: ClassVar[int] = 22


class MissingDependency(Unavailable):
    """An optional package that this needs is not installed."""

    exit_code: ClassVar[int] = 23


class RemoteFailure(Unavailable):
    """A remote cannot be reached, fails, or does not do what it must."""

    exit_code: ClassVar[int] = 26


class RefMoved(Unavailable):
    """A branch moved meanwhile: another writer was first, and nothing was changed."""

    exit_code: ClassVar[int] = 28


class LinkFailed(Unavailable):
    """The line of a link cannot be opened, or nobody answers at its other end."""

    exit_code: ClassVar[int] = 33


class StreamRefused(Unavailable):
    """The other end of a link did not take a stream."""

    exit_code: ClassVar[int] = 34


class ExitCode(NamedTuple):
    """One row of the published table of exit codes."""

    code: int
    name: str
    meaning: str


def exit_codes() -> tuple[ExitCode, ...]:
    """The table of exit codes, in ascending order; 0 (success) is not in it."""
    meanings = ((kind, (kind.__doc__ or "").partition("\n")[0]) for kind in _family())
    return tuple(sorted(ExitCode(kind.exit_code, kind.__name__, meaning) for kind, meaning in meanings))


def storage_error(error: OSError, path: str) -> SapwoodError:
    """Say an ``OSError`` about ``path`` in this family; raise the answer ``from error`` to keep the cause."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _NO_ROOM:
        return DiskFull("no room left to write", path=path, advice="Free some space, or use another disk.")
    if error.errno in _NOT_ALLOWED:
        return StorageFailure(f"not allowed: {reason}", path=path, advice="Check its owner and permissions.")
    if error.errno == errno.ENOENT:
        return MissingInput("no such file or folder", path=path)
    return StorageFailure(f"the file system failed: {reason}", path=path)


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def _family() -> Iterator[type[SapwoodError]]:
    waiting: list[type[SapwoodError]] = [SapwoodError]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        yield kind


def _fact(value: object) -> str:
    text = bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else _printable(str(value))
    return text if len(text) <= _LONGEST_FACT else f"{text[:_LONGEST_FACT]}…"


def _printable(text: str) -> str:
    # Names come from untrusted files: a terminal must not obey an escape code, and one line stays one line.
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
