"""A chain, as a file or in memory: opened, checked, followed from any of its versions."""

import contextlib
import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from sapwood.chain.container import (
    RECORD_SIZE,
    SEAL_SIZE,
    Link,
    Version,
    check_manifest,
    read_links,
    seal_of,
    version_of,
)
from sapwood.chain.link_row import LinkRow
from sapwood.chain.relay import carried, shifted
from sapwood.errors import BadData, CorruptPatch, WrongBase, WrongCall, storage_error
from sapwood.formats.model import Model, Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.atomic_file import restore_folder
from sapwood.patch.digest import identify
from sapwood.patch.file_region import FileRegion
from sapwood.patch.guardrails import Facts
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.manifest import Manifest, Shape
from sapwood.patch.patch import Patch, PathLike, without_waiting
from sapwood.patch.signing import VerifyingKey
from sapwood.patch.target_writer import write_target
from sapwood.patch.workers import thread_count

__all__ = ["Chain", "Route"]

# Digits of a digest by which a version may be named; fewer are its number.
_FEWEST_DIGITS: Final = 8
_PIECE: Final = 1 << 20


class Route(NamedTuple):
    """From which version to which, counted from 1 (0: from nothing), and the bytes of the links between."""

    start: int
    end: int
    size: int


class Chain:
    """A chain of patches: a file, or bytes in memory. Its records have been read; a patch is when needed.

    Attributes:
        path: Where it is; "" in memory.
        size: Bytes.
        links: What each link's record says.
        versions: Every model on the way; ``versions[0]`` is version 1.
        unfinished: Bytes behind the last link that an interrupted append or a download left; 0 if whole.
    """

    def __init__(self, source: PathLike | bytes) -> None:
        """Open a chain by path, or from bytes.

        Raises:
            MissingInput: No such file.
            CorruptPatch, UnsupportedPatch, LimitExceeded: No chain, a damaged one, or one of a later version.
            BrokenChain: Its links do not lead from one version to the next.
        """
        self._source = source
        self.path = "" if isinstance(source, bytes) else os.fspath(source)
        with self._open() as stream:
            self.size = stream.seek(0, io.SEEK_END)
            self.links, self._end, self.unfinished = read_links(stream, self.size)
        first = [link.base for link in self.links[:1] if link.base.shape is not Shape.NONE]
        self.versions: tuple[Version, ...] = (*first, *(link.target for link in self.links))

    @contextlib.contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if isinstance(self._source, bytes):
            yield io.BytesIO(self._source)
            return
        try:
            # Opened as it is, a pipe would wait for a writer before it could be refused.
            stream = open(self.path, "rb", opener=without_waiting)  # noqa: SIM115  closed below
        except OSError as error:
            raise storage_error(error, self.path) from error
        with stream, self._named():
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise WrongCall("is not a regular file", path=self.path)
            yield stream

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Errors in the chain's data, and in reading it, carry its path."""
        try:
            yield
        except BadData as error:
            error.path = error.path or self.path
            raise
        except OSError as error:
            raise storage_error(error, self.path) from error

    def to_bytes(self) -> bytes:
        """The whole chain."""
        with self._open() as stream:
            return stream.read()

    def patch(self, number: int) -> Patch:
        """The patch of a link, counted from 1; where it is, without a copy.

        Raises:
            WrongCall: There is no such link. BrokenChain: It holds another patch than its record says.
        """
        if not 1 <= number <= len(self.links):
            raise WrongCall("no such link", path=self.path, expected=f"1 to {len(self.links)}", found=number)
        link = self.links[number - 1]
        with self._named():
            if isinstance(self._source, bytes):
                opened = Patch(self._source[link.offset : link.offset + link.size])
            else:
                opened = Patch(FileRegion(self.path, link.offset, link.size))
            check_manifest(link, opened.manifest)
        return opened

    def check_finished(self) -> None:
        """Refuse a chain with an unfinished link at its end.

        Raises:
            CorruptPatch: An append was interrupted, or the file is cut short: which, nobody can tell.
        """
        if self.unfinished:
            raise CorruptPatch(
                f"the chain ends within link {len(self.links) + 1}",
                path=self.path,
                offset=self._end,
                found=f"{self.unfinished} bytes",
                advice="Fetch it again; or append again, which cuts what an interrupted append left.",
            )

    def number_of(self, version: str | int | Version) -> int:
        """A version's number, by its number, its digest (8 hexadecimal digits or more), or itself.

        Raises:
            WrongCall: There is no such version, or more than one begins so.
        """
        if isinstance(version, Version):
            found = [i for i, known in enumerate(self.versions, 1) if known == version]
        elif isinstance(version, int) or re.fullmatch(r"\d{1,7}", version):
            found = [int(version)] if 1 <= int(version) <= len(self.versions) else []
        elif len(version) >= _FEWEST_DIGITS:
            named = enumerate(self.versions, 1)
            found = [i for i, known in named if known.digest.hex().startswith(version.lower())]
        else:
            found = []
        if len(found) != 1:
            raise WrongCall(
                f"the chain has {'more than one' if found else 'no'} such version",
                path=self.path,
                expected=f"1 to {len(self.versions)}, or 8 digits or more of a digest",
                found=version.digest.hex() if isinstance(version, Version) else version,
            )
        return found[0]

    def between(self, start: int, end: int) -> LinkRow:
        """The patches that lead from one version to a later one; from 0, those from nothing."""
        # Link n leads from version n; without a base it leads to it.
        return LinkRow(self.links[start - self.first : end - self.first], self.patch)

    @property
    def first(self) -> int:
        """Number of the version that link 1 leads from: 1, or 0 if it needs none."""
        return len(self.versions) - len(self.links)

    @property
    def hash(self) -> HashKind:
        """What the digests of all its versions are made by: links of two hashes do not lead on."""
        return self.versions[0].hash if self.versions else HashKind.BLAKE3

    def find(self, model: Model | None, threads: int | None = None) -> int:
        """The number of the version that a model is; 0 for none where the chain begins without a base.

        Raises:
            WrongBase: It is none of the chain's versions.
        """
        if model is None and self.first == 0:
            return 0
        if model is None:
            raise WrongBase("the chain needs a base", path=self.path, expected=self._shown())
        version = version_of(identify(model, thread_count(threads), self.hash))
        if version not in self.versions:
            raise WrongBase(
                "the base is none of the chain's versions",
                path=model.root,
                expected=self._shown(),
                found=version.digest.hex(),
                advice="See chain info for the versions that the chain knows.",
            )
        return self.versions.index(version) + 1

    def _shown(self) -> str:
        return f"one of {len(self.versions)} versions"

    def apply(
        self,
        base: Source | None,
        out: PathLike | None = None,
        *,
        from_any: bool = False,
        to: str | int | None = None,
        verify_key: VerifyingKey | PathLike | None = None,
        min_version: int = 0,
        max_size: int | None = None,
        device: Facts | PathLike | None = None,
        in_place: bool = False,
        threads: int | None = None,
        progress: Progress | None = None,
        routed: Callable[[Route], object] | None = None,
    ) -> bytes | dict[str, bytes] | None:
        """Build a version from an earlier one, over all links between them.

        Every link's base and target are checked by their digests. The output appears whole or not at all;
        versions in between get no name (see ``relay``).

        Args:
            base: The model at hand: version 1, or with ``from_any`` any version; None where the chain
                begins without a base.
            out: Where the version goes. Without it it is returned: bytes, or path -> bytes for a folder.
            from_any: Find by its digest which version the base is, and apply the links from there on.
            to: The version to build, by number or digest; the last one by default.
            verify_key: Refuse a link on the way that this key (or the file of one) did not sign.
            min_version: Refuse if the version counter of the last link on the way is lower.
            max_size: Refuse if a version on the way takes more bytes, before anything is written.
            device: As for ``sapwood.apply``, for each link on the way.
            in_place: The version replaces the base, in one step.
            threads: As many as the processor has by default.
            progress: Called with bytes done and in all, over all versions that are built.
            routed: Called with the way, once it is known and before it is gone.

        Raises:
            WrongBase: The base is not version 1, or with ``from_any`` none of the chain's.
            WrongCall: ``to`` names no version, or one before the base.
            BrokenChain, CorruptPatch, DigestMismatch, BadSignature, RollbackRefused, LimitExceeded,
            GuardrailRefused, StorageFailure: As for ``sapwood.apply``; no output was left.
        """
        self.check_finished()
        end = len(self.versions) if to is None else self.number_of(to)
        if in_place:
            if out is not None or not isinstance(base, str | os.PathLike):
                raise WrongCall("in place, the base is a path and there is no other output")
            out = os.path.realpath(base)
            restore_folder(out)
        folder = None if out is None else str(Path(out).absolute().parent)
        with contextlib.ExitStack() as stack, self._named():
            model = stack.enter_context(open_model(base, layouts=False)) if base is not None else None
            # With no link to check the base, it is checked here.
            start = self.find(model, threads) if from_any or end <= self.first else self.first
            if start > end:
                raise WrongCall(
                    "a chain does not lead back", path=self.path, expected=f"{start} or later", found=end
                )
            patches = self.between(start, end)
            for number, patch in enumerate(patches, 1):
                last = number == len(patches)
                patch.check(
                    verify_key=verify_key,
                    min_version=min_version if last else 0,
                    max_size=max_size,
                    device=device,
                )
            if routed is not None:
                routed(Route(start, end, patches.coded))
            if not patches:
                return self._copy(model, out, in_place=in_place, threads=threads)
            total, before = patches.built, patches[:-1].built
            carry = carried(
                model, patches[:-1], folder=folder, threads=threads, progress=progress, total=total
            )
            model = stack.enter_context(carry)
            told = shifted(progress, before, total)
            final = patches[-1]
            if out is None:
                return final.apply(model, threads=threads, progress=told)
            with write_target(out, final.manifest, replace_folder=in_place) as writer:
                final.apply_to(model, writer, threads=threads, progress=told, folder=folder)
        return None

    def _copy(
        self, model: Model | None, out: PathLike | None, *, in_place: bool, threads: int | None
    ) -> bytes | dict[str, bytes] | None:
        """The base is the version wanted: give it as any other, or leave it where it is."""
        if model is None:
            raise WrongCall("the chain leads from nothing to nothing", path=self.path)
        if out is None:
            files = {file.path: bytes(file.data) for file in model.files}
            return files if model.is_folder else files[""]
        if not in_place:
            identity = identify(model, thread_count(threads))
            with write_target(out, Manifest(identity, identity, ()), replace_folder=False) as writer:
                for file in model.files:
                    writer.start(file.path)
                    for at in range(0, len(file.data), _PIECE):
                        writer.write(file.data[at : at + _PIECE])
        return None

    def verify(
        self,
        base: Source | None = None,
        *,
        key: VerifyingKey | PathLike | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Check every link: its seal, its patch, that it is the one its record tells of, and its signature.

        With ``base``, any version of the chain, or where link 1 needs none, the versions after it are built
        too. ``progress`` counts those, or else the chain's own bytes.

        Raises:
            BadData: By the branch's classes, what is wrong.
        """
        self.check_finished()
        with contextlib.ExitStack() as stack, self._named():
            stream = stack.enter_context(self._open())
            for link in self.links:
                self._check_seal(stream, link)
                patch = self.patch(link.number)
                if base is not None or link.base.shape is not Shape.NONE:
                    patch.verify(key=key, threads=threads)
                else:
                    patch.check(verify_key=key)
                if progress is not None and base is None and self.first:
                    progress(link.end, self.size)
            if base is None and self.first:
                return
            model = stack.enter_context(open_model(base, layouts=False)) if base is not None else None
            patches = self.between(self.find(model, threads), len(self.versions))
            stack.enter_context(
                carried(model, patches, folder=None, threads=threads, progress=progress, total=patches.built)
            )

    def _check_seal(self, stream: BinaryIO, link: Link) -> None:
        stream.seek(link.offset - RECORD_SIZE)
        record = stream.read(RECORD_SIZE)
        found, told = seal_of(record, stream, link.size), stream.read(SEAL_SIZE)
        if found != told:
            raise CorruptPatch(
                f"link {link.number} is damaged: its seal differs",
                path=self.path,
                offset=link.offset,
                expected=told.hex(),
                found=found.hex(),
                advice="Fetch the chain again, or make it anew from its good links (chain extract).",
            )

    def extract(self, number: int, out: PathLike | None = None) -> Patch:
        """A link's patch as a file of its own, byte for byte; without ``out`` in memory.

        Raises:
            WrongCall: There is no such link. CorruptPatch: It is damaged.
        """
        patch = self.patch(number)
        with self._open() as stream:
            self._check_seal(stream, self.links[number - 1])
        if out is None:
            return Patch(patch.to_bytes())
        patch.write(out)
        return Patch(out)
