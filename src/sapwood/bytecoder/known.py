"""Trained models at hand: the general one, which comes with Sapwood, and those that a caller has."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sapwood.bytecoder.container import NO_MODEL
from sapwood.bytecoder.prior import Prior
from sapwood.errors import WrongByteModel

__all__ = ["find", "general"]


@cache
def general() -> Prior:
    """The model for code, JSON, logs, English and telemetry; models/general.json tells of it."""
    return Prior((files("sapwood.bytecoder") / "models" / "general.ncmodel").read_bytes())


def find(identity: bytes, priors: Sequence[Prior]) -> Prior | None:
    """The model that a stream names, of ``priors`` or the general one; None if it names none.

    Raises:
        WrongByteModel: It is none of them.
    """
    if identity == NO_MODEL:
        return None
    for prior in (*priors, general()):
        if prior.identity == identity:
            return prior
    raise WrongByteModel(
        "encoded with a trained model that is not here",
        expected=identity,
        found=", ".join(prior.identity.hex() for prior in priors) or None,
        advice="Give the model that it was encoded with.",
    )
