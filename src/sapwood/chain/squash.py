"""One patch for several links: put together from their blocks, or made anew from the models.

Put together, it needs no model and no time for coding; its target cannot be built and compared here, but is
checked by its digest whenever it is applied. Made anew, it is the patch that ``diff`` makes.
"""

import contextlib
import dataclasses
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from sapwood.chain.chain import Chain
from sapwood.chain.compose import composed
from sapwood.chain.emit import blocks_of
from sapwood.chain.recipe import Recipe, Stash, needs_model
from sapwood.chain.relay import carried
from sapwood.codec.encode import Level
from sapwood.errors import WrongCall, storage_error
from sapwood.formats.model import Model, Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.assemble import Assembler
from sapwood.patch.atomic_file import atomic_output
from sapwood.patch.calls import as_level
from sapwood.patch.container import PLAIN_DIGEST, SIGNED_DIGEST
from sapwood.patch.device_plan import DeviceLimits
from sapwood.patch.diff import diff_models, write_patch
from sapwood.patch.manifest import Profile
from sapwood.patch.patch import Patch, PathLike
from sapwood.patch.signing import SigningKey, VerifyingKey, key_id, signing_key
from sapwood.patch.spool import open_spool
from sapwood.patch.workers import thread_count

__all__ = ["Squash", "chain_squash"]

_IN_MEMORY: Final = 64 << 20


class Squash(NamedTuple):
    """What squashing made.

    Attributes:
        patch: From version ``start`` to version ``end``.
        composed: Whether it was put together from the links' blocks; else it was made anew from the models.
        links_size: Bytes of the links that it stands for.
        unsigned: Whether signatures of the links were lost: they are not those of this patch.
    """

    patch: Patch
    composed: bool
    start: int
    end: int
    links_size: int
    unsigned: bool


@contextlib.contextmanager
def _stash(folder: str | None) -> Iterator[BinaryIO]:
    try:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=folder) as file:
            yield file  # type: ignore[misc]  # it has all of BinaryIO that is used
    except OSError as error:
        raise storage_error(error, folder or tempfile.gettempdir()) from error


def _put_together(
    patches: Sequence[Patch],
    out: BinaryIO,
    *,
    level: Level,
    key: SigningKey | None,
    folder: str | None,
    progress: Progress | None,
) -> None:
    """Write the patch that the links' blocks come to, without a model.

    Raises:
        WrongCall: The blocks do not allow it.
    """
    for number, patch in enumerate(patches, 1):
        if patch.manifest.profile is not None:
            raise needs_model(f"link {number} is for devices, and such a patch is not put together")
        if patch.manifest.second_base.digest:
            raise needs_model(f"link {number} has a second base, and such a patch is not put together")
        if patch.manifest.kept:
            raise needs_model(f"link {number} reads again what it made, and such a patch is not put together")
    base = patches[0].manifest.base
    last = patches[-1].manifest
    with _stash(folder) as stashed, open_spool(folder) as chunks:
        recipe = Recipe.same(Stash(stashed), base.size)
        for number, patch in enumerate(patches, 1):
            recipe = composed(recipe, patch, level)
            if progress is not None:
                progress(number, len(patches))
        digest_size = PLAIN_DIGEST if key is None else SIGNED_DIGEST
        assembler = Assembler(
            base.size, digest_size, chunks.write, _nothing, _nothing, last.target.size, hash=last.hash
        )
        for block in blocks_of(recipe, base.size):
            assembler.block(block)
        manifest = dataclasses.replace(
            last,
            base=base,
            chunks=assembler.finish(),
            key_id=key_id(key),
        )
        write_patch(out, manifest, key, chunks)


def _nothing(_offset: int, _length: int) -> memoryview:
    raise AssertionError("splices come finished: nobody looks at the models")


def _limits(profiles: Sequence[Profile], links: int) -> DeviceLimits | None:
    """Whoever could apply every link can apply a patch within these; None if one is not for devices."""
    if len(profiles) < links:
        return None
    return DeviceLimits(
        min(p.state for p in profiles),
        max(p.behind for p in profiles),
        all(p.integers for p in profiles),
    )


def _make_anew(
    base: Model | None,
    patches: Sequence[Patch],
    out: BinaryIO,
    *,
    level: Level,
    threads: int,
    key: SigningKey | None,
    folder: str | None,
    progress: Progress | None,
) -> None:
    """Write the patch that ``diff`` makes from the base to what the links make of it."""
    last = patches[-1].manifest
    profiles = [patch.manifest.profile for patch in patches]
    with carried(base, patches, folder=folder, threads=threads, layouts=True) as target:
        if target is None:
            raise WrongCall("no link leads anywhere")
        diff_models(
            base,
            target,
            out,
            level=level,
            threads=threads,
            metadata=last.metadata,
            version_counter=last.version_counter,
            key=key,
            progress=progress,
            spool_folder=folder,
            device=_limits([profile for profile in profiles if profile is not None], len(profiles)),
            guardrails=last.guardrails,
        )


def chain_squash(
    chain: Chain | PathLike | bytes,
    out: PathLike | None = None,
    *,
    base: Source | None = None,
    start: str | int | None = None,
    to: str | int | None = None,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    key: SigningKey | PathLike | None = None,
    verify_key: VerifyingKey | PathLike | None = None,
    progress: Progress | None = None,
) -> Squash:
    """One patch from a version of a chain to a later one, in place of the links between.

    With ``base``, or where the chain begins from nothing, the later version is built and the patch made anew,
    exactly as by ``sapwood.diff``. Without, it is put together from the links' blocks, which is
    possible where later links do not change what earlier ones changed, or give it whole.

    Metadata, version counter and guards are the last link's. Signatures are not kept: ``key`` signs anew.

    Args:
        chain: A chain, its path or its bytes.
        out: Where to write the patch, whole or not at all; without, it is kept in memory.
        base: The model of version ``start``, or of an earlier one, known by its digest.
        start: The version to start from, by number or digest; by default the first.
        to: The version to lead to; by default the last.
        level: "fast", "default" or "max", as for ``sapwood.diff``.
        threads: As many as the processor has by default.
        key: Sign with this key, or the file of one, as ``sapwood.diff`` does.
        verify_key: Refuse links that this key (or the file of one) did not sign.
        progress: Called with what is done and what there is to do, in bytes or in links.

    Raises:
        WrongCall: A model is needed, or there is no such version.
        WrongBase: ``base`` is none of the chain's versions.
        BadSignature, BrokenChain, CorruptPatch, StorageFailure: As for ``Chain.apply``; no output was left.
    """
    opened = chain if isinstance(chain, Chain) else Chain(chain)
    opened.check_finished()
    first = opened.first if start is None else opened.number_of(start)
    last = len(opened.versions) if to is None else opened.number_of(to)
    if first >= last:
        raise WrongCall("a squash leads to a later version", expected=f"{first + 1} or later", found=last)
    patches = opened.between(first, last)
    for patch in patches:
        patch.check(verify_key=verify_key)
    private = signing_key(key)
    folder = None if out is None else str(Path(out).absolute().parent)
    chosen, count = as_level(level), thread_count(threads)
    anew = base is not None or opened.first == 0
    with contextlib.ExitStack() as stack:
        if anew:
            given = stack.enter_context(open_model(base)) if base is not None else None
            there = opened.find(given, threads)
            if there > first:
                raise WrongCall("a chain does not lead back", expected=f"{first} or earlier", found=there)
            before = carried(
                given, opened.between(there, first), folder=folder, threads=threads, layouts=True
            )
            model = stack.enter_context(before)
        stream: BinaryIO = io.BytesIO() if out is None else stack.enter_context(atomic_output(out))
        if anew:
            _make_anew(
                model,
                patches,
                stream,
                level=chosen,
                threads=count,
                key=private,
                folder=folder,
                progress=progress,
            )
        else:
            _put_together(patches, stream, level=chosen, key=private, folder=folder, progress=progress)
        made = stream.getvalue() if isinstance(stream, io.BytesIO) else b""
    return Squash(
        Patch(made if out is None else out),
        composed=not anew,
        start=first,
        end=last,
        links_size=patches.coded,
        unsigned=private is None and any(patch.signed for patch in patches),
    )
