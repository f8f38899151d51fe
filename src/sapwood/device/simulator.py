"""The C update engine on a simulated device: flash that keeps the rules of NOR, and a power switch."""

import dataclasses
import enum
import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature

from sapwood import _core
from sapwood.device.part import Part
from sapwood.errors import (
    BadData,
    BadSignature,
    CorruptPatch,
    GuardrailRefused,
    LimitExceeded,
    RollbackRefused,
    SapwoodError,
    StorageFailure,
    UnsupportedPatch,
    WrongBase,
    WrongCall,
)
from sapwood.patch.authentication import Authentication
from sapwood.patch.guard import Guard
from sapwood.patch.guardrails import Facts, check_guards
from sapwood.patch.signing import VerifyingKey, authentication_by

__all__ = ["Cut", "Model", "SimulatedDevice"]

_DONE: Final = 0
# By swd_result of core/include/sapwood_device.h.
_REFUSALS: Final[Mapping[int, tuple[type[SapwoodError], str]]] = {
    -1: (WrongCall, "the part contradicts itself"),
    -2: (CorruptPatch, "the device found the patch damaged"),
    -3: (UnsupportedPatch, "the patch is not one for devices"),
    -4: (BadSignature, "the device wants a signature, and it is missing or wrong"),
    -5: (RollbackRefused, "the device runs a later version"),
    -6: (GuardrailRefused, "a guardrail does not hold on the device"),
    -7: (WrongBase, "the device runs another model than the patch's base"),
    -8: (LimitExceeded, "the patch wants more memory or flash than the device has"),
    -9: (CorruptPatch, "what the device made is not what the patch says"),
    -10: (StorageFailure, "the flash failed"),
    -11: (CorruptPatch, "the patch ends too early"),
    -12: (BadData, "there is no model on the device"),
}
_ADVICE: Final[Mapping[int, str]] = {
    -3: "Make it with sapwood diff --profile device.",
    -8: "Give the part more flash (--models) or state, or make the patch with a smaller --behind.",
}


class Cut(enum.IntEnum):
    """How the flash operation that loses power ends."""

    BEFORE = 0
    TORN = 1
    AFTER = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """The model that a device boots."""

    address: int
    size: int
    counter: int
    digest: bytes


def _verifier(key: VerifyingKey) -> Callable[[bytes, bytes], bool]:
    def is_signed(message: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    return is_signed


def _judge(facts: Facts) -> Callable[[int, bytes], bool]:
    def holds(kind: int, content: bytes) -> bool:
        try:
            check_guards([Guard(kind, content)], facts)
        except SapwoodError:
            return False
        return True

    return holds


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _expect_done(result: int) -> None:
    """Raise what a device's refusal means on a host."""
    if result != _DONE:
        kind, message = _REFUSALS[result]
        raise kind(message, advice=_ADVICE.get(result, ""))


class SimulatedDevice:
    """A device that runs ``model``: models in front in its flash, the journal behind them.

    Args:
        part: What it is like, with all sizes known (:meth:`Part.with_room`).
        model: The model's bytes; empty: there is none.
        counter: The version counter of the model.
        key: Refuse patches that this key did not sign.
        facts: What the device offers, by the names of guards.
    """

    def __init__(
        self,
        part: Part,
        model: bytes,
        *,
        counter: int = 0,
        key: VerifyingKey | None = None,
        facts: Facts | None = None,
    ) -> None:
        """Write the model and the first record of the journal."""
        if part.models_size is None or part.journal_size is None:
            raise AssertionError("a part without sizes")
        self._core = _core.SimulatedDevice(
            part.models_size,
            part.journal_size,
            part.sector,
            part.unit,
            part.checkpoint,
            part.in_place,
            part.state,
            _sha256,
            None if key is None else _verifier(key),
            authentication_by(key) is Authentication.AES_CMAC,
            _judge(facts or {}),
        )
        if model:
            address = part.models_size - part.sectors(len(model)) * part.sector if part.in_place else 0
            room = part.models_size if part.in_place else part.models_size // 2
            if len(model) > room:
                raise LimitExceeded("the model does not fit the flash", expected=room, found=len(model))
            _expect_done(self._core.provision(model, address, counter, _sha256(model)))
        self._core.keep()
        self._before = (self._core.programmed, self._core.erased, self._core.erases)

    def boot(self) -> Model:
        """Which model counts.

        Raises:
            BadData: None does.
        """
        result, address, size, counter, digest = self._core.boot()
        _expect_done(result)
        return Model(address, size, counter, digest)

    def update(self, patch: bytes) -> None:
        """Run an update to its end, without a cut.

        Raises:
            SapwoodError: The device refused it; the old model still counts.
        """
        _expect_done(self._core.update(patch))

    def cut(
        self, patch: bytes, models: tuple[bytes, bytes], at: int, kind: Cut, *, more: int = 0
    ) -> tuple[bool, str | None]:
        """From the start: lose power at flash operation ``at``, at random ones in ``more`` runs, then finish.

        ``models``: what it had, and what it shall have.

        Returns:
            Whether power was lost, and what was wrong afterwards, if anything.
        """
        return self._core.cut(patch, *models, at, kind, more)

    @property
    def image(self) -> bytes:
        """All of its flash."""
        return self._core.bytes

    @property
    def operations(self) -> int:
        """Programs and erases of the last run."""
        return self._core.operations

    @property
    def programmed(self) -> int:
        """Bytes programmed since it was provisioned."""
        return self._core.programmed - self._before[0]

    @property
    def erased(self) -> int:
        """Sectors erased since it was provisioned."""
        return self._core.erased - self._before[1]

    @property
    def most_erased(self) -> int:
        """Erases of the sector that wears most, since it was provisioned."""
        return max(now - before for now, before in zip(self._core.erases, self._before[2], strict=True))
