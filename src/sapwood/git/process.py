"""Git's long-running filter: one process for all files of a git command (gitattributes(5)).

Everything goes in packets: four hexadecimal digits, which count themselves too, and the bytes; ``0000`` ends
a list, or a content. For each file git sends what to do, the path, and the content. The answer, which must
not begin before all of that has come, is a status, the content, and the status again if it has changed.
"""

import io
import shutil
import tempfile
from collections.abc import Callable
from typing import IO, BinaryIO, Final, cast

from sapwood.errors import BadData, MissingObject, SapwoodError
from sapwood.git.checkout import GitCheckout
from sapwood.git.filter import clean, open_store, smudge

__all__ = ["serve"]

_MOST: Final = 65516
"""Bytes that a packet carries."""
_LENGTH: Final = 4
_SERVER: Final = [b"git-filter-server", b"version=2"]
_ABILITIES: Final = [b"capability=clean", b"capability=smudge"]
# What is longer than that on its way out, and so no pointer, waits in a file.
_IN_MEMORY: Final = 1 << 20


def serve(
    checkout: GitCheckout, source: io.BufferedReader, sink: BinaryIO, tell: Callable[[str], None]
) -> None:
    """Answer git until it closes ``source``. ``tell`` is called with what users should read.

    A file that cannot be filtered gets the status "error", which git takes as its settings say; others go on.

    Raises:
        BadData: This is not git's protocol, or not version 2 of it.
    """
    hello = _list(source)
    if hello[:1] != [b"git-filter-client"] or b"version=2" not in hello:
        raise BadData("not git's filter protocol, version 2", found=b" ".join(hello)[:80])
    _send(sink, _SERVER)
    offered = _list(source)
    _send(sink, [ability for ability in _ABILITIES if ability in offered])
    while source.peek(1):
        request = dict(line.partition(b"=")[::2] for line in _list(source))
        path = request.get(b"pathname", b"").decode(errors="surrogateescape")
        content = cast(BinaryIO, io.BufferedReader(_Content(source), _MOST))
        answer = _Answer(sink)
        try:
            command = request.get(b"command", b"")
            absent = _filter(checkout, command, path, content, cast(BinaryIO, answer))
        except SapwoodError as error:
            tell(str(error))
            while content.read(_MOST):
                pass
            answer.fail()
        else:
            answer.end()
            if absent is not None:
                tell(str(absent))


def _filter(
    checkout: GitCheckout, command: bytes, path: str, content: BinaryIO, answer: BinaryIO
) -> MissingObject | None:
    if command == b"clean":
        with open_store(checkout.store, create=True) as store:
            answer.write(clean(store, content, path, checkout.pointer(path)))
        return None
    if command != b"smudge":
        raise BadData("git asks for what this filter did not offer", path=path, found=command)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as held:
        shutil.copyfileobj(content, held)
        held.seek(0)
        return smudge(checkout.store, cast(BinaryIO, held), path, answer)


class _Content(io.RawIOBase):
    """The packets of one file as a stream, to their end."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._held: memoryview | None = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, room: "memoryview") -> int:  # type: ignore[override]  # what BufferedReader calls it with
        while self._held is not None and not self._held:
            packet = _packet(self._source)
            self._held = None if packet is None else memoryview(packet)
        if self._held is None:
            return 0
        size = min(len(room), len(self._held))
        room[:size] = self._held[:size]
        self._held = self._held[size:]
        return size


class _Answer:
    """The answer for one file: a success, until it is said to have failed."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._begun = False

    def write(self, data: bytes | memoryview) -> int:
        """More of the content."""
        self._begin()
        view = memoryview(data)
        for at in range(0, len(view), _MOST):
            _write(self._sink, view[at : at + _MOST])
        return len(view)

    def end(self) -> None:
        self._begin()
        _send(self._sink, [])
        _send(self._sink, [])

    def fail(self) -> None:
        """What was written of the content does not count."""
        if self._begun:
            _send(self._sink, [])
        _send(self._sink, [b"status=error"])

    def _begin(self) -> None:
        if not self._begun:
            _send(self._sink, [b"status=success"])
            self._begun = True


def _packet(source: IO[bytes]) -> bytes | None:
    """The next packet's bytes; None for the end of a list.

    Raises:
        BadData: It is none, or cut short.
    """
    digits = source.read(_LENGTH)
    size = int(digits, 16) if len(digits) == _LENGTH and set(digits) <= set(b"0123456789abcdefABCDEF") else -1
    if size == 0:
        return None
    data = source.read(size - _LENGTH) if _LENGTH < size <= _MOST + _LENGTH else b""
    if size != len(data) + _LENGTH:
        raise BadData("not a packet of git's, or one cut short", found=digits)
    return data


def _list(source: IO[bytes]) -> list[bytes]:
    """Lines up to the end of a list."""
    lines = []
    while (packet := _packet(source)) is not None:
        lines.append(packet.removesuffix(b"\n"))
    return lines


def _send(sink: BinaryIO, lines: list[bytes]) -> None:
    """A list, with its end."""
    for line in lines:
        _write(sink, line + b"\n")
    sink.write(b"0000")
    sink.flush()


def _write(sink: BinaryIO, data: bytes | memoryview) -> None:
    sink.write(b"%04x" % (len(data) + _LENGTH))
    sink.write(data)
