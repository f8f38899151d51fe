"""The public calls that make a chain and make it longer; what it then does is ``Chain``'s."""

import contextlib
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from sapwood.chain.chain import Chain
from sapwood.chain.container import HEAD, Link, link_of
from sapwood.chain.grow import append_link, lock_chain, write_link
from sapwood.chain.items import Item, Making, Tip, patches_of
from sapwood.codec.encode import Level
from sapwood.errors import WrongCall
from sapwood.formats.model import Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.atomic_file import atomic_output
from sapwood.patch.patch import PathLike
from sapwood.patch.signing import SigningKey

__all__ = ["chain_append", "chain_create", "open_chain"]


def open_chain(source: PathLike | bytes) -> Chain:
    """Open a chain by path, or from bytes; see :class:`Chain`."""
    return Chain(source)


def chain_create(
    items: Iterable[Item],
    out: PathLike | None = None,
    *,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    version_counter: int = 0,
    key: SigningKey | PathLike | None = None,
    metadata: Mapping[str, str] | None = None,
    guardrails: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> Chain:
    """Make a chain of models and patches, given in the order of the versions.

    Two models one behind the other become a link, made as by ``sapwood.diff``. A patch is a link as it is,
    its signature with it. A model behind a patch is the version that the patch leads to, or the one after it.

    Args:
        items: Paths, bytes, streams or open ones. What begins as a patch is one.
        out: Where to write the chain, whole or not at all; without, it is kept in memory.
        level: "fast", "default" or "max".
        threads: As many as the processor has by default.
        version_counter: Of the first link, if it is made here; every later one's is higher by one.
        key: Sign the links made here with this key, or the file of one, as ``sapwood.diff`` does.
        metadata: Strings to carry in each link made here.
        guardrails: What a device must be to take a link made here, as for ``sapwood.diff``.
        progress: Called with target bytes done and in all, anew for each link.

    Raises:
        BrokenChain: The items do not lead from one version to the next.
        WrongCall: There are too few, or a link cannot be made because a model is missing.
        StorageFailure: Reading or writing failed; no output was left.
    """
    folder = None if out is None else str(Path(out).absolute().parent)
    making = Making(level, threads, version_counter, key, progress, folder, metadata, guardrails)
    links: list[Link] = []
    with contextlib.ExitStack() as stack:
        stream: BinaryIO = io.BytesIO() if out is None else stack.enter_context(atomic_output(out))
        stream.write(HEAD)
        for patch in patches_of(items, Tip(), making):
            links.append(link_of(links, patch.manifest, patch.size))
            write_link(stream, links[-1], patch, durable=False)
        if not links:
            raise WrongCall("a chain has one link at least", advice="Give two models, or a patch.")
        made = stream.getvalue() if isinstance(stream, io.BytesIO) else b""
    return Chain(made if out is None else out)


def chain_append(
    chain: PathLike,
    items: Iterable[Item],
    *,
    base: Source | None = None,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    version_counter: int = 0,
    key: SigningKey | PathLike | None = None,
    metadata: Mapping[str, str] | None = None,
    guardrails: Mapping[str, object] | None = None,
    progress: Progress | None = None,
) -> Chain:
    """Put models and patches behind a chain's last version; each is on the disk before the next is begun.

    A model needs that of the last version, which ``base`` is, or from which it is built, an earlier one.

    Args:
        chain: The chain's file.
        items: As for ``chain_create``.
        base: Any version of the chain, known by its digest.
        level: "fast", "default" or "max".
        threads: As many as the processor has by default.
        version_counter: Of the first link made here; every later one's is higher by one.
        key: Sign the links made here with this key, or the file of one, as ``sapwood.diff`` does.
        metadata: Strings to carry in each link made here.
        guardrails: What a device must be to take a link made here, as for ``sapwood.diff``.
        progress: Called with target bytes done and in all, anew for each link.

    Raises:
        BrokenChain: The items do not lead on from the last version, or lead back to one.
        WrongBase: ``base`` is none of the chain's versions.
        WrongCall: A link cannot be made because a model is missing; or ``chain`` is no file to append to.
        StorageFailure: Another append is under way, or writing failed. The links before are as they were.
    """
    path = os.fspath(chain)
    folder = str(Path(path).absolute().parent)
    making = Making(level, threads, version_counter, key, progress, folder, metadata, guardrails)
    with lock_chain(path) as (file, there), contextlib.ExitStack() as stack:
        opened = Chain(path)
        links = there
        tip = Tip(len(links.links), version=opened.versions[-1] if opened.versions else None)
        if base is not None:
            tip.model = stack.enter_context(open_model(base, layouts=True))
            start = opened.find(tip.model, threads)
        else:
            start, tip.is_known = 0, opened.first == 0
        if tip.is_known:
            tip.since = list(opened.between(start, len(opened.versions)))
        for patch in patches_of(items, tip, making):
            links = append_link(file, path, links, patch)
    return Chain(path)
