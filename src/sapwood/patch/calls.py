"""The public calls. Each command is one of these."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from sapwood.codec.encode import Level
from sapwood.errors import WrongCall
from sapwood.formats.model import Source, open_model
from sapwood.patch.apply import Progress
from sapwood.patch.atomic_file import atomic_output
from sapwood.patch.device_plan import DeviceLimits
from sapwood.patch.diff import diff_models
from sapwood.patch.guardrails import Facts, guards_of_model, guards_of_values, merge_guards
from sapwood.patch.manifest import Manifest
from sapwood.patch.patch import Patch, PatchSource, PathLike
from sapwood.patch.signing import SigningKey, VerifyingKey, signing_key
from sapwood.patch.workers import thread_count

__all__ = ["apply", "as_level", "compress", "decompress", "diff", "open_patch", "sign", "verify"]


def as_level(level: str | Level) -> Level:
    """A level by its name, in any case.

    Raises:
        WrongCall: There is none of this name.
    """
    if isinstance(level, Level):
        return level
    try:
        return Level[level.upper()]
    except KeyError:
        raise WrongCall("no such level", expected="fast, default or max", found=level) from None


DEFAULT_STATE: Final = 2048
"""Bytes of model memory of a device, unless said otherwise."""


def _limits(profile: str, state: int | None, behind: int | None, *, integers: bool) -> DeviceLimits | None:
    if profile == "device":
        return DeviceLimits(DEFAULT_STATE if state is None else state, behind, integers)
    if profile != "host":
        raise WrongCall("no such profile", expected="host or device", found=profile)
    for what, value in (("state", state), ("limit behind", behind)):
        if value is not None:
            raise WrongCall(f"only a patch of the device profile has a {what}", found=value)
    if integers:
        raise WrongCall("only a patch of the device profile can be of integers alone")
    return None


def diff(
    base: Source | None,
    target: Source,
    out: PathLike | None = None,
    *,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    metadata: Mapping[str, str] | None = None,
    version_counter: int = 0,
    key: SigningKey | PathLike | None = None,
    profile: str = "host",
    state: int | None = None,
    behind: int | None = None,
    integers: bool = False,
    guardrails: Mapping[str, object] | None = None,
    auto_meta: bool = False,
    adapter: Source | None = None,
    also: Source | None = None,
    progress: Progress | None = None,
) -> Patch:
    """Make the patch that turns ``base`` into ``target``.

    Args:
        base: A path (file or folder), bytes, or a stream; None for a patch without a base.
        target: Likewise.
        out: Where to write it; without, it is kept in memory.
        level: "fast", "default" or "max".
        threads: As many as the processor has by default. The bytes do not depend on it.
        metadata: Strings to carry in the manifest.
        version_counter: What ``min_version`` of apply is compared with.
        key: Sign with this Ed25519 private key, or this one for AES-CMAC, or the file of one.
        profile: "host", or "device" for a patch that a decoder with little memory applies; it has no levels.
        state: Bytes of the device decoder's model: 512 or 2048 (the default).
        behind: For a device that writes the target over the base: how many bytes before the place where it
            writes it can still read. 0: none. By default as many as there are.
        integers: For a device whose decoder is built without floats: they are coded as integers.
        guardrails: What a device must be, by the names of guards: "arena_bytes", "runtime_abi",
            "operator_set", "io_schema", "family", "model_version", or a vendor's number from 256 on.
        auto_meta: Take the guards that a TFLite target tells; those in ``guardrails`` go before.
        adapter: A low-rank adapter, as PEFT writes it, that was merged into the target. The patch does not
            need it; it gets smaller where the factors are known.
        also: A second, older base. Where the target follows from both it gets smaller; apply then needs both.
        progress: Called with target bytes done and in all.

    Raises:
        WrongCall: An input or the output makes no sense. MissingInput: An input is not there.
        StorageFailure: Reading or writing failed; no output was left.
    """
    private = signing_key(key)
    count, chosen, device = (
        thread_count(threads),
        as_level(level),
        _limits(profile, state, behind, integers=integers),
    )
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(open_model(base)) if base is not None else None
        new = stack.enter_context(open_model(target))
        second = stack.enter_context(open_model(also)) if also is not None else None
        merged = stack.enter_context(open_model(adapter)) if adapter is not None else None
        guards = merge_guards(guards_of_model(new) if auto_meta else (), guards_of_values(guardrails or {}))
        stream: BinaryIO = io.BytesIO() if out is None else stack.enter_context(atomic_output(out))
        report = diff_models(
            old,
            new,
            stream,
            level=chosen,
            threads=count,
            metadata=metadata,
            version_counter=version_counter,
            key=private,
            progress=progress,
            # Beside the output there is room for it; the system's folder may be in memory.
            spool_folder=None if out is None else str(Path(out).absolute().parent),
            device=device,
            guardrails=guards,
            adapter=merged,
            also=second,
        )
        made = stream.getvalue() if isinstance(stream, io.BytesIO) else b""
    return Patch(made if out is None else Path(out), report)


def open_patch(source: PathLike | bytes | bytearray | memoryview | BinaryIO) -> Patch:
    """Open a patch by path, from bytes or from a stream (which is read to its end)."""
    return Patch.of(source)


def apply(
    base: Source | None,
    patch: PatchSource,
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
    """Build the target of ``patch`` from ``base``.

    The digests of base and target are checked before the output appears, whole or not at all.

    Args:
        base: What the patch was made from; None if it was made without.
        patch: Path, bytes, stream, or an open patch.
        also: The second base, of a patch that was made with one.
        out: Where the target goes. Without it the target is returned: bytes, or path -> bytes for a folder.
        verify_key: Refuse a patch that this Ed25519 public key, AES-CMAC key or file of one did not sign.
        min_version: Refuse a patch whose version counter is lower.
        max_size: Refuse a patch whose target takes more bytes, before anything is written; for patches from
            strangers.
        device: What the device offers, by the names of guards, or a JSON file of it; without, guards are not
            checked: this machine is not the device.
        in_place: The target replaces the base, in one step.
        threads: As many as the processor has by default.
        progress: Called with target bytes done and in all.

    Raises:
        WrongBase, CorruptPatch, DigestMismatch, BadSignature, RollbackRefused: The inputs do not go together.
        LimitExceeded: The target is larger than ``max_size``, or the patch asks for more than a reader gives.
        GuardrailRefused: The patch is not for this device; nothing was read of its blocks.
        StorageFailure: Reading or writing failed; no output was left and the base is untouched.
    """
    return Patch.of(patch).apply(
        base,
        out,
        also=also,
        verify_key=verify_key,
        min_version=min_version,
        max_size=max_size,
        device=device,
        in_place=in_place,
        threads=threads,
        progress=progress,
    )


def verify(
    patch: PatchSource,
    base: Source | None = None,
    *,
    also: Source | None = None,
    key: VerifyingKey | PathLike | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Check a patch, as far as what is given allows; see :meth:`Patch.verify`. Returns its manifest."""
    opened = Patch.of(patch)
    opened.verify(base, also=also, key=key, threads=threads, progress=progress)
    return opened.manifest


def sign(
    patch: PatchSource,
    key: SigningKey | PathLike,
    out: PathLike | None = None,
) -> Patch:
    """Sign a patch, or sign it anew; the blocks stay as they are.

    ``out`` may be the patch's own path. Without it the signed patch is kept in memory.
    """
    opened = Patch.of(patch)
    private = signing_key(key)
    if out is None:
        memory = io.BytesIO()
        opened.write_signed(private, memory)
        return Patch(memory.getvalue(), opened.report)
    with atomic_output(out) as stream:
        opened.write_signed(private, stream)
    return Patch(Path(out), opened.report)


def compress(
    model: Source,
    out: PathLike | None = None,
    *,
    level: str | Level = Level.DEFAULT,
    threads: int | None = None,
    metadata: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Patch:
    """A patch without a base: the model on its own, smaller."""
    return diff(None, model, out, level=level, threads=threads, metadata=metadata, progress=progress)


def decompress(
    patch: PatchSource,
    out: PathLike | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> bytes | dict[str, bytes] | None:
    """The model of a patch without a base."""
    return apply(None, patch, out, threads=threads, progress=progress)
