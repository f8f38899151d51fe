"""The public calls about devices. Each ``sapwood device`` command is one of these."""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Final

from sapwood import _core
from sapwood.device.part import Part
from sapwood.device.simulator import Cut, SimulatedDevice
from sapwood.errors import CorruptPatch, UnsupportedPatch, WrongCall
from sapwood.formats.model import Source, open_model
from sapwood.patch.atomic_file import atomic_output
from sapwood.patch.guardrails import Facts
from sapwood.patch.patch import Patch, PatchSource, PathLike, facts_of
from sapwood.patch.signing import VerifyingKey, verifying_key

__all__ = ["DeviceImage", "DevicePlan", "DeviceSimulation", "device_image", "device_plan", "device_simulate"]

Progress = Callable[[int, int], None]
_MILLION: Final = 1e6


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceImage:
    """A device's flash: ``models_size`` bytes for models, then ``journal_size`` for the journal."""

    data: bytes
    models_size: int
    journal_size: int

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)


@dataclasses.dataclass(frozen=True, slots=True)
class DevicePlan:
    """What an update takes on a part. Sizes in bytes, times in seconds.

    Attributes:
        part: The part, with all sizes.
        chunks: What SWD_CHUNKS must be, at least.
        memory: The engine and the decoder's state, with so many chunks; the stack and the platform's digest
            come to it.
        programmed: Written to flash, the journal too.
        erased: Sectors erased, the journal's too.
        most_erased: Erases of the sector that wears most.
        link_seconds: To bring the patch; in place it is read twice.
        flash_seconds: To erase and program. Decoding is not in it.
    """

    part: Part
    patch_size: int
    base_size: int
    target_size: int
    chunks: int
    memory: int
    programmed: int
    erased: int
    most_erased: int
    link_seconds: float
    flash_seconds: float


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceSimulation:
    """What power cuts did to an update.

    Attributes:
        part: The part, with all sizes.
        operations: Programs and erases of the update without a cut.
        points: Runs that lost power.
        failures: What was wrong after a cut, by (kind, operation).
    """

    part: Part
    operations: int
    points: int
    failures: tuple[tuple[str, int, str], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class _Update:
    """An update in memory."""

    part: Part
    base: bytes
    target: bytes
    patch: bytes
    chunks: int
    key: VerifyingKey | None
    facts: Facts | None

    def device(self) -> SimulatedDevice:
        return SimulatedDevice(self.part, self.base, key=self.key, facts=self.facts)


def _read_update(
    base: Source | None,
    patch: PatchSource,
    part: Part,
    key: VerifyingKey | PathLike | None,
    facts: Facts | PathLike | None,
) -> _Update:
    opened = Patch.of(patch)
    profile = opened.manifest.profile
    if profile is None:
        raise UnsupportedPatch(
            "the patch is not of the device profile",
            advice="Make it with sapwood diff --profile device.",
        )
    old = b"" if base is None else _file(base)
    new = opened.apply(base)
    if not isinstance(new, bytes):
        raise CorruptPatch("a device patch that makes a folder")
    sized = part.with_room(len(old), len(new), profile.behind)
    chunks = len(opened.manifest.chunks)
    read = None if facts is None else facts_of(facts)
    return _Update(sized, old, new, opened.to_bytes(), chunks, verifying_key(key), read)


def _file(model: Source) -> bytes:
    with open_model(model) as opened:
        if opened.is_folder:
            raise WrongCall("a device holds a model of one file", found="a folder")
        return bytes(opened.files[0].data)


def device_image(
    model: Source | None, out: PathLike | None = None, *, part: Part | None = None, counter: int = 0
) -> DeviceImage:
    """The flash of a device that runs ``model``: models in front, the journal behind them.

    Args:
        model: A file; None: a device without a model.
        out: Also write it there.
        part: What the device is like.
        counter: The version counter that patches must not go below.

    Raises:
        LimitExceeded: The model does not fit.
    """
    content = b"" if model is None else _file(model)
    sized = (part or Part()).with_room(len(content), len(content), 0)
    data = SimulatedDevice(sized, content, counter=counter).image
    if out is not None:
        with atomic_output(out) as stream:
            stream.write(data)
    return DeviceImage(data, sized.models_size or 0, sized.journal_size or 0)


def device_plan(
    base: Source | None,
    patch: PatchSource,
    *,
    part: Part | None = None,
    key: VerifyingKey | PathLike | None = None,
    facts: Facts | PathLike | None = None,
) -> DevicePlan:
    """What an update takes on a part, by running it on a simulated one.

    Raises:
        SapwoodError: The device refuses the patch, as it would.
    """
    update = _read_update(base, patch, part or Part(), key, facts)
    device = update.device()
    device.update(update.patch)
    sized = update.part
    return DevicePlan(
        part=sized,
        patch_size=len(update.patch),
        base_size=len(update.base),
        target_size=len(update.target),
        chunks=update.chunks,
        memory=_core.UPDATE_MEMORY + update.chunks * _core.UPDATE_CHUNK + sized.state,
        programmed=device.programmed,
        erased=device.erased,
        most_erased=device.most_erased,
        link_seconds=len(update.patch) * (2 if sized.in_place else 1) / sized.link,
        flash_seconds=device.erased * sized.erase_ms / 1000
        + device.programmed / sized.unit * sized.program_us / _MILLION,
    )


def device_simulate(
    base: Source | None,
    patch: PatchSource,
    *,
    part: Part | None = None,
    every: int = 1,
    kinds: tuple[Cut, ...] = tuple(Cut),
    more: int = 0,
    key: VerifyingKey | PathLike | None = None,
    facts: Facts | PathLike | None = None,
    progress: Progress | None = None,
) -> DeviceSimulation:
    """Cut the power at an update's flash operations, one run each, and look at the device after each cut.

    Args:
        base: The model on the device; None: there is none.
        patch: The update.
        part: What the device is like.
        every: Only each so-manyth operation.
        kinds: How the operation that loses power ends.
        more: Runs that lose power again, at a random operation, before one may finish.
        key: The device refuses patches that this key did not sign.
        facts: What the device offers, by the names of guards, or a JSON file of it.
        progress: Called with runs done and in all.

    Raises:
        SapwoodError: The device refuses the patch, without any cut.
    """
    if every < 1 or more < 0:
        raise WrongCall("no such cuts", expected="every at least 1, more at least 0", found=(every, more))
    update = _read_update(base, patch, part or Part(), key, facts)
    device = update.device()
    device.update(update.patch)
    operations = device.operations
    models = (update.base, update.target)
    points = range(0, operations, every)
    failures = []
    lost = 0
    # By operation first: the device keeps how far the update came.
    for i, (at, kind) in enumerate(itertools.product(points, kinds), start=1):
        cut, failure = device.cut(update.patch, models, at, kind, more=more)
        lost += cut
        if failure is not None:
            failures.append((kind.name.lower(), at, failure))
        if progress is not None:
            progress(i, len(kinds) * len(points))
    return DeviceSimulation(update.part, operations, lost, tuple(failures))
