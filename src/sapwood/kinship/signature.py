"""256 places of a model that stand for its sketch where thousands are compared: a MinHash.

Of the set of all winners, with their places but without the tensors' names and order, each number is the
least hash in its part. Two models agree in about that share of the numbers that their sets have in common;
and where they agree, the marks tell how far the values there are apart.
"""

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.kinship.positions import mixed
from sapwood.kinship.sketch import NO_WINNER, Sketch

__all__ = ["MARKS", "SIZE", "Signature", "agreement", "distances", "keys_of", "signature_of"]

SIZE: Final = 256
MARKS: Final = np.dtype([("check", "<u2"), ("value", "<u4")])
"""Of two groups: their checksums as one, and the value kept of the first."""

_EMPTY: Final = 0xFFFF
# Bits by which values are taken to differ where the winners already do.
_FAR: Final = 32.0


@dataclasses.dataclass(frozen=True, eq=False)
class Signature:
    """Numbers (SIZE, uint16; 65535 where there is none) and the marks (SIZE, ``MARKS``) that go with them."""

    numbers: npt.NDArray[np.uint16]
    marks: npt.NDArray[Any]


def keys_of(sketch: Sketch) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.intp]]:
    """Hashes of two neighbouring groups' winners and their place; and which pairs of groups they are of."""
    winners = sketch.runs["winners"].astype(np.uint64).reshape(-1, 2)
    pairs = np.arange(len(winners), dtype=np.uint64)
    # In one run are two pairs: the places of pairs count twice as fast.
    places = np.repeat(sketch.places[1], 2) * np.uint64(2) + (pairs & np.uint64(1))
    whole = np.flatnonzero((winners != NO_WINNER).all(axis=1))
    keys = places << np.uint64(14) | winners[:, 0] << np.uint64(7) | winners[:, 1]
    return mixed(keys[whole] + np.uint64(1)), whole


def signature_of(sketch: Sketch) -> Signature:
    """The signature of a sketch; without any number where it tells nothing."""
    keys, pairs = keys_of(sketch)
    order = np.argsort(keys, kind="stable")
    parts, first = np.unique(keys[order] >> np.uint64(56), return_index=True)
    least = order[first]
    numbers = np.full(SIZE, _EMPTY, np.uint16)
    numbers[parts.astype(np.intp)] = keys[least] >> np.uint64(40) & np.uint64(0xFFFF)
    marks = np.zeros(SIZE, MARKS)
    checks = sketch.runs["checks"].reshape(-1, 2)[pairs[least]]
    marks["check"][parts.astype(np.intp)] = checks[:, 0] + np.uint16(31) * checks[:, 1]
    marks["value"][parts.astype(np.intp)] = sketch.runs["values"].reshape(-1, 2)[pairs[least], 0]
    return Signature(numbers, marks)


def agreement(one: Signature, numbers: npt.NDArray[np.uint16]) -> npt.NDArray[np.float64]:
    """For each row of ``numbers`` the share of those that either has in which both agree."""
    told = one.numbers != _EMPTY
    same = np.count_nonzero((numbers == one.numbers) & told, axis=1)
    either = np.count_nonzero((numbers != _EMPTY) | told, axis=1)
    share: npt.NDArray[np.float64] = same / np.maximum(either, 1)
    return share


def distances(
    one: Signature, numbers: npt.NDArray[np.uint16], marks: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """For each row, how far its values are from those of ``one``: bits of the difference, on the mean."""
    told = one.numbers != _EMPTY
    agreed = numbers == one.numbers
    apart = np.abs(_steps(marks["value"]) - _steps(one.marks["value"]))
    bits = np.where(marks["check"] == one.marks["check"], 0.0, np.log2(apart + 1.0))
    return np.where(agreed, bits, _FAR)[:, told].mean(axis=1) if told.any() else np.zeros(len(numbers))


def _steps(bits: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """32-bit floats as whole numbers in their order."""
    size = (bits & np.uint32(0x7FFFFFFF)).astype(np.int64)
    return np.where(bits >> np.uint32(31) != 0, -size, size)
