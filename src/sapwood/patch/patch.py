"""A patch, as a file or in memory: opened, checked, applied, signed."""

import contextlib
import dataclasses
import io
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Self

from sapwood.errors import BadData, LimitExceeded, WrongCall, storage_error
from sapwood.formats.model import Model, Source, open_model
from sapwood.patch.apply import Progress, open_checked, rebuild
from sapwood.patch.atomic_file import atomic_output, restore_folder
from sapwood.patch.check_base import check_shapes
from sapwood.patch.container import SIGNED_DIGEST, Opening, check_end, chunk_digest, opening_bytes, read_chunk
from sapwood.patch.file_region import FileRegion, RegionStream
from sapwood.patch.guardrails import Facts, check_guards, read_facts
from sapwood.patch.manifest import Manifest, Shape
from sapwood.patch.report import DiffReport
from sapwood.patch.signing import (
    PathLike,
    SigningKey,
    VerifyingKey,
    authentication_by,
    key_id,
    verifying_key,
)
from sapwood.patch.target_writer import TargetWriter, write_target
from sapwood.patch.workers import thread_count

__all__ = [
    "Patch",
    "PatchSource",
    "PathLike",
    "facts_of",
    "without_waiting",
]

_MOST_FACTS = 1 << 20


def facts_of(device: Facts | PathLike) -> Facts:
    """The facts, or those in a JSON file."""
    if isinstance(device, Mapping):
        return device
    path = os.fspath(device)
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise WrongCall("is not a regular file", path=path)
            text = stream.read(_MOST_FACTS + 1)
    except OSError as error:
        raise storage_error(error, path) from error
    if len(text) > _MOST_FACTS:
        raise WrongCall("the facts of a device are too long", path=path, expected=f"{_MOST_FACTS} bytes")
    return read_facts(text)


class Patch:
    """A patch: a file, or bytes in memory. Its manifest has been parsed; its blocks are read when needed.

    Attributes:
        manifest: What it is from, to, and made of.
        authentication: Whether it carries a signature or a MAC. Only a key tells whether that is good.
        signed: Whether it carries either.
        size: Bytes.
        report: What the diff that made it did; None for one that was opened.
    """

    def __init__(self, source: PathLike | bytes | FileRegion, report: DiffReport | None = None) -> None:
        """Open a patch by path, from bytes, or in a part of a file.

        Raises:
            MissingInput: No such file.
            CorruptPatch, UnsupportedPatch, LimitExceeded: No patch, a damaged one, or one of a later version.
        """
        self._source = source
        self.report = report
        with self.stream() as stream:
            opening = open_checked(stream)
            self.size = stream.seek(0, io.SEEK_END)
        self.manifest: Manifest = opening.manifest
        self.authentication = opening.authentication
        self.signed = bool(opening.signature)

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Its bytes, for as long as the block lasts; what fails in reading them carries the path."""
        if isinstance(self._source, bytes):
            yield io.BytesIO(self._source)
            return
        region = self._source if isinstance(self._source, FileRegion) else None
        path = os.fspath(self._source.path if isinstance(self._source, FileRegion) else self._source)
        try:
            # Opened as it is, a pipe would wait for a writer before it could be refused.
            stream = open(path, "rb", opener=without_waiting)  # noqa: SIM115  closed below
        except OSError as error:
            raise storage_error(error, path) from error
        with stream, _named(path):
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise WrongCall("is not a regular file", path=path)
            yield io.BufferedReader(RegionStream(stream, region)) if region else stream

    @classmethod
    def of(cls, source: "Self | PathLike | bytes | bytearray | memoryview | BinaryIO") -> "Patch":
        """The patch itself, or the one at a path, in bytes or in a stream."""
        if isinstance(source, Patch):
            return source
        if isinstance(source, str | os.PathLike):
            return cls(source)
        data = source if isinstance(source, bytes | bytearray | memoryview) else source.read()
        if not isinstance(data, bytes | bytearray | memoryview):
            raise WrongCall("a patch is read from a stream of bytes", found=type(data).__name__)
        return cls(bytes(data))

    def to_bytes(self) -> bytes:
        """The whole patch."""
        with self.stream() as stream:
            return stream.read()

    def write(self, path: PathLike) -> None:
        """Write the patch to a file, whole or not at all."""
        with self.stream() as stream, atomic_output(path) as out:
            while data := stream.read(1 << 20):
                out.write(data)

    def check(
        self,
        *,
        verify_key: VerifyingKey | PathLike | None = None,
        min_version: int = 0,
        max_size: int | None = None,
        device: Facts | PathLike | None = None,
    ) -> None:
        """Refuse what :meth:`apply` would refuse before it reads a block, but for another base."""
        with self.stream() as stream:
            opening = open_checked(stream, verifying_key(verify_key), min_version, max_size)
        if device is not None:
            check_guards(opening.manifest.guardrails, facts_of(device))

    def apply(
        self,
        base: Source | None,
        out: PathLike | None = None,
        *,
        also: Source | None = None,
        verify_key: VerifyingKey | PathLike | None = None,
        min_version: int = 0,
        max_size: int | None = None,
        device: Facts | PathLike | None = None,
        in_place: bool = False,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> bytes | dict[str, bytes] | None:
        """Build the target; see :func:`apply`."""
        if in_place:
            if out is not None or not isinstance(base, str | os.PathLike):
                raise WrongCall("in place, the base is a path and there is no other output")
            out = os.path.realpath(base)
            restore_folder(out)
        count = thread_count(threads)
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(self.stream())
            opening = open_checked(stream, verifying_key(verify_key), min_version, max_size)
            if device is not None:
                check_guards(opening.manifest.guardrails, facts_of(device))
            model, second = _models(stack, base, also)
            # Before an output is begun.
            check_shapes(opening.manifest, model, second)
            if out is None:
                return _in_memory(stream, opening, (model, second), count, progress)
            folder = str(Path(out).absolute().parent)
            with write_target(out, opening.manifest, replace_folder=in_place) as writer:
                rebuild(
                    stream,
                    opening,
                    model,
                    writer,
                    also=second,
                    threads=count,
                    progress=progress,
                    folder=folder,
                )
        return None

    def apply_to(
        self,
        base: Source | None,
        writer: TargetWriter,
        *,
        also: Source | None = None,
        verify_key: VerifyingKey | PathLike | None = None,
        min_version: int = 0,
        max_size: int | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
        folder: str | None = None,
    ) -> None:
        """Build the target into a writer of one's own; what it took counts only once this returns.

        ``folder``: for the unnamed file of a patch that reads more than 64 MiB of the target again.
        """
        count = thread_count(threads)
        with contextlib.ExitStack() as stack:
            stream = stack.enter_context(self.stream())
            opening = open_checked(stream, verifying_key(verify_key), min_version, max_size)
            model, second = _models(stack, base, also)
            rebuild(
                stream,
                opening,
                model,
                writer,
                also=second,
                threads=count,
                progress=progress,
                folder=folder,
            )

    def verify(
        self,
        base: Source | None = None,
        *,
        also: Source | None = None,
        key: VerifyingKey | PathLike | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Check signature (with ``key``) and digests; with ``base``, or if it needs none, build the target.

        Raises:
            BadData: By the branch's classes, what is wrong.
        """
        count = thread_count(threads)
        with self.stream() as stream:
            opening = open_checked(stream, verifying_key(key))
            if base is None and opening.manifest.base.shape is not Shape.NONE:
                at = opening.size
                for chunk in opening.manifest.chunks:
                    read_chunk(stream, chunk, at, opening.manifest.hash)
                    at += chunk.coded
                check_end(stream, at)
                return
            with contextlib.ExitStack() as stack:
                model, second = _models(stack, base, also)
                rebuild(stream, opening, model, _Nowhere(), also=second, threads=count, progress=progress)

    def write_signed(self, key: SigningKey, out: BinaryIO) -> None:
        """Write the patch as signed by ``key``; the blocks stay as they are."""
        with self.stream() as stream:
            opening = open_checked(stream)
            at = opening.size
            chunks = []
            for chunk in opening.manifest.chunks:
                coded = read_chunk(stream, chunk, at, opening.manifest.hash)
                digest = chunk_digest(coded, SIGNED_DIGEST, opening.manifest.hash)
                chunks.append(dataclasses.replace(chunk, digest=digest))
                at += chunk.coded
            check_end(stream, at)
            manifest = dataclasses.replace(opening.manifest, chunks=tuple(chunks), key_id=key_id(key))
            head = opening_bytes(manifest, authentication_by(key))
            out.write(head)
            out.write(key.sign(head))
            stream.seek(opening.size)
            while data := stream.read(1 << 20):
                out.write(data)


class _Nowhere:
    """A target that is only checked."""

    def start(self, path: str) -> None:
        """Nothing is kept."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """Nothing is kept."""


class _Memory:
    """A target in memory."""

    def __init__(self) -> None:
        self._files: dict[str, io.BytesIO] = {}
        self._open = io.BytesIO()

    def start(self, path: str) -> None:
        """The next file."""
        self._open = self._files[path] = io.BytesIO()

    def write(self, data: bytes | bytearray | memoryview, /) -> object:
        """More of it."""
        return self._open.write(data)

    def files(self) -> dict[str, bytes]:
        """What was written, without another copy."""
        return {path: file.getvalue() for path, file in self._files.items()}


def _models(
    stack: contextlib.ExitStack, base: Source | None, also: Source | None
) -> tuple[Model | None, Model | None]:
    """Both bases, as bytes, for as long as the stack is open."""
    first, second = (
        stack.enter_context(open_model(source, layouts=False)) if source is not None else None
        for source in (base, also)
    )
    return first, second


def _in_memory(
    stream: BinaryIO,
    opening: Opening,
    bases: tuple[Model | None, Model | None],
    threads: int,
    progress: Progress | None,
) -> bytes | dict[str, bytes]:
    size, memory_size = opening.manifest.target.size, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory_size:
        raise LimitExceeded(
            "the target does not fit in memory",
            expected=f"at most {memory_size} bytes",
            found=f"{size} bytes",
            advice="Give the name of an output file.",
        )
    memory = _Memory()
    base, also = bases
    rebuild(stream, opening, base, memory, also=also, threads=threads, progress=progress)
    files = memory.files()
    return files[""] if opening.manifest.target.shape is Shape.FILE else files


def without_waiting(path: str, flags: int) -> int:
    """An opener for ``open`` that does not wait for the writer of a pipe, so that it can be refused."""
    return os.open(path, flags | os.O_NONBLOCK)


@contextlib.contextmanager
def _named(path: str) -> Iterator[None]:
    """Errors in a file's data, and in reading it, carry its path."""
    try:
        yield
    except BadData as error:
        error.path = error.path or path
        raise
    except OSError as error:
        # Outputs tell their own failures: what is left is reading here.
        raise storage_error(error, path) from error


PatchSource = Patch | PathLike | bytes | bytearray | memoryview | BinaryIO
"""Where a patch may come from."""
