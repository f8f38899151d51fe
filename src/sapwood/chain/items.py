"""What is put into a chain, in order: models and patches, made into one patch for each link."""

import contextlib
import dataclasses
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sapwood.chain.container import Version, check_one_hash, version_of
from sapwood.chain.relay import carried
from sapwood.codec.encode import Level
from sapwood.errors import BrokenChain, WrongCall, storage_error
from sapwood.formats.model import Model, Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.calls import diff
from sapwood.patch.container import MAGIC
from sapwood.patch.digest import identify
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.patch import Patch, PathLike, without_waiting
from sapwood.patch.signing import SigningKey
from sapwood.patch.workers import thread_count

__all__ = ["Item", "Making", "Tip", "as_patch", "patches_of"]

Item = Source | Patch
"""A model, or a patch: an open one, or the path or bytes of one, known by its magic number."""


@dataclasses.dataclass
class Tip:
    """The end of a chain under construction.

    Attributes:
        number: Links so far.
        added: Those of them that were put in by this call.
        version: Where they lead; None before there is anything.
        is_known: Whether ``model`` and ``since`` make that version's model.
        model: An earlier version's model, or None where the links begin from nothing.
        since: The links from ``model`` on.
    """

    number: int = 0
    added: int = 0
    version: Version | None = None
    is_known: bool = True
    model: Model | None = None
    since: list[Patch] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Making:
    """How patches are made where models are given; as for ``sapwood.diff``.

    ``folder`` is where they wait, and large versions in between; without, patches are kept in memory.
    """

    level: str | Level = Level.DEFAULT
    threads: int | None = None
    version_counter: int = 0
    key: SigningKey | PathLike | None = None
    progress: Progress | None = None
    folder: str | None = None
    metadata: Mapping[str, str] | None = None
    guardrails: Mapping[str, object] | None = None


def _begins_as_patch(path: str) -> bool:
    try:
        with open(path, "rb", opener=without_waiting) as stream:
            return stat.S_ISREG(os.fstat(stream.fileno()).st_mode) and stream.read(len(MAGIC)) == MAGIC
    except IsADirectoryError:
        return False
    except OSError as error:
        raise storage_error(error, path) from error


def as_patch(item: Item) -> Patch | None:
    """The item as a patch; None if it is a model."""
    if isinstance(item, Patch):
        return item
    if isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        return Patch(path) if _begins_as_patch(path) else None
    if isinstance(item, bytes | bytearray | memoryview) and bytes(item[: len(MAGIC)]) == MAGIC:
        return Patch(bytes(item))
    return None


def patches_of(items: Iterable[Item], tip: Tip, making: Making) -> Iterator[Patch]:
    """A patch for each link that the items make behind ``tip``; each is there until the next is asked for.

    A model that is the version reached makes no link: it is what the next one is made from.

    Raises:
        BrokenChain: A patch does not lead on from the version reached.
        WrongCall: A link must be made, and the model of the version before it cannot be had.
    """
    with contextlib.ExitStack() as opened:
        for item in items:
            patch = as_patch(item)
            if patch is not None:
                _lead_on(tip, patch, making.threads)
                tip.since.append(patch)
                yield from _counted(tip, patch)
                continue
            with contextlib.ExitStack() as resources:
                model = resources.enter_context(open_model(item))  # type: ignore[arg-type]  # no patch, so a source
                kind = HashKind.BLAKE3 if tip.version is None else tip.version.hash
                version = version_of(identify(model, thread_count(making.threads), kind))
                if tip.version not in (None, version):
                    yield from _made(tip, model, making)
                tip.version, tip.is_known, tip.model, tip.since = version, True, model, []
                # The model before it is not needed any more.
                opened.close()
                opened.push(resources.pop_all())


def _counted(tip: Tip, patch: Patch) -> Iterator[Patch]:
    yield patch
    tip.number += 1
    tip.added += 1


def _lead_on(tip: Tip, patch: Patch, threads: int | None) -> None:
    base = version_of(patch.manifest.base)
    if tip.version is not None:
        if tip.number == 0 and tip.model is not None and tip.version.hash is not base.hash:
            # Before there is a link, a model goes by whatever hash the first one has.
            tip.version = version_of(identify(tip.model, thread_count(threads), base.hash))
        check_one_hash(tip.number + 1, tip.version, base)
    if tip.version is not None and tip.version != base:
        raise BrokenChain(
            f"link {tip.number + 1} does not begin where the chain stands",
            expected=tip.version.digest.hex(),
            found=base.digest.hex(),
            advice="Give the models and patches in order, without one left out.",
        )
    if tip.version is None:
        # What the patch begins from is not at hand, unless it begins from nothing.
        tip.is_known = patch.manifest.base.digest == b""
    tip.version = version_of(patch.manifest.target)


def _made(tip: Tip, model: Model, making: Making) -> Iterator[Patch]:
    """The patch from the version reached to ``model``."""
    if not tip.is_known:
        raise WrongCall(
            f"link {tip.number + 1} is made from two models, and that of the version before it is missing",
            expected=tip.version.digest.hex() if tip.version else None,
            advice="Give that model, or an earlier version's as base; or a patch in place of the model.",
        )
    if tip.version is not None and tip.version.hash is not HashKind.BLAKE3:
        raise WrongCall(
            f"link {tip.number + 1} follows links for devices, and a model becomes a link for hosts",
            advice="Give the patch that diff --profile device makes in place of the model.",
        )
    counter = making.version_counter + tip.added if making.version_counter else 0
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(
            carried(tip.model, tip.since, folder=making.folder, threads=making.threads, layouts=True)
        )
        out = None
        if making.folder is not None:
            try:
                room = stack.enter_context(tempfile.TemporaryDirectory(prefix=".sapwood-", dir=making.folder))
            except OSError as error:
                raise storage_error(error, making.folder) from error
            out = Path(room, "link")
        made = diff(
            base,
            model,
            out,
            level=making.level,
            threads=making.threads,
            version_counter=counter,
            key=making.key,
            metadata=making.metadata,
            guardrails=making.guardrails,
            progress=making.progress,
        )
        yield from _counted(tip, made)
