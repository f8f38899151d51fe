"""Trained models at hand: the general one, which comes with Sapwood, and those that a caller has."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from sapwood.bytecoder.container import NO_MODEL
from sapwood.bytecoder.prior import Prior
from sapwood.errors import WrongByteModel

__all__ = ["Priors", "find", "general"]

Priors = Sequence[Prior] | Mapping[bytes, Prior]
"""Trained models that a caller has: all of them, or by identity, to be read when one is asked for."""


@cache
def general() -> Prior:
    """The model for code, JSON, logs, English and telemetry; models/general.json tells of it."""
    return Prior((files("sapwood.bytecoder") / "models" / "general.ncmodel").read_bytes())


def find(identity: bytes, priors: Priors) -> Prior | None:
    """The model that a stream names, of ``priors`` or the general one; None if it names none.

    Raises:
        WrongByteModel: It is none of them.
    """
    if identity == NO_MODEL:
        return None
    by_identity = priors if isinstance(priors, Mapping) else {prior.identity: prior for prior in priors}
    prior = by_identity.get(identity)
    if prior is not None:
        return prior
    if identity == general().identity:
        return general()
    raise WrongByteModel(
        "encoded with a trained model that is not here",
        expected=identity,
        found=", ".join(known.hex() for known in by_identity) or None,
        advice="Give the model that it was encoded with.",
    )
