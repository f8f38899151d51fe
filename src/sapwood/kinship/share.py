"""A rough guess, from two aligned sketches, at the size of the patch between their models.

For each tensor: how many of its values changed, told by the checksums where both have one type, and by how
many steps of their type, told by the sampled values. A value that changed by d steps takes some log2 d bits
and a little more.
"""

from collections.abc import Sequence
from typing import Any, Final

import ml_dtypes
import numpy as np
import numpy.typing as npt

from sapwood.codec.element import Element
from sapwood.kinship import limits
from sapwood.kinship.align import Alignment
from sapwood.kinship.sketch import RUNS, TENSORS, Sketch

__all__ = ["Pairs", "cast_alike", "patch_bits"]

Floats = npt.NDArray[np.float64]

# Bits a value takes without a base, as a share of those of its type (DESIGN.md, "The codec").
_RAW: Final = {Element.F32: 0.83, Element.BF16: 0.67, Element.F16: 0.85, Element.F64: 0.95}
_RAW_ELSE: Final = 0.95
# Bits of a changed value beyond the logarithm of its change: sign, and which logarithm it is.
_BEYOND: Final = 1.8
# What the checksums tell, where they find fewer groups unchanged, is less sure than the values.
_LEAST_UNCHANGED: Final = 0.05
# So many changed values tell how many there are.
_ENOUGH: Final = 8
_MOST: Final = 64.0
_FARTHEST: Final = 2.0**62


class Pairs:
    """Runs of a target beside those of several bases, end to end; a part is one tensor beside one base.

    Many at once, because a call for each base would take more time than the work.
    """

    def __init__(self, target: Sketch, bases: Sequence[Sketch], found: Sequence[Alignment]) -> None:
        """Lay them side by side; ``found`` aligns ``target`` with each of ``bases``."""
        count = len(target.tensors)
        self.parts = count * len(bases)
        of = target.places[0]
        self.part = _joined([of[one.runs] + i * count for i, one in enumerate(found)], np.int64)
        self.new = _joined([target.runs[one.runs] for one in found], RUNS)
        self.old = _joined([base.runs[one.base_runs] for base, one in zip(bases, found, strict=True)], RUNS)
        self.tensors = _joined([target.tensors] * len(bases), TENSORS)
        self.partners = _joined(
            [_partners(base, one) for base, one in zip(bases, found, strict=True)], TENSORS
        )
        self.aligned = _joined([one.tensors >= 0 for one in found], np.bool_)

    def sums(self, of_runs: npt.NDArray[Any] | None = None) -> Floats:
        """Sums over the runs of each part; without an argument their number."""
        return np.bincount(self.part, of_runs, minlength=self.parts).astype(np.float64)


def _partners(base: Sketch, found: Alignment) -> npt.NDArray[Any]:
    """For each tensor of the target the row of the base's, or zeros."""
    rows = np.zeros(len(found.tensors), TENSORS)
    aligned = found.tensors >= 0
    rows[aligned] = base.tensors[found.tensors[aligned]]
    return rows


def _joined(parts: Sequence[npt.NDArray[Any]], kind: npt.DTypeLike) -> npt.NDArray[Any]:
    return np.concatenate([*parts, np.empty(0, kind)])


def patch_bits(pairs: Pairs) -> Floats:
    """Bits that a patch takes for each part: an estimate."""
    rows, partners = pairs.tensors, pairs.partners
    raw = _raw_bits(rows)
    groups = pairs.sums() * limits.GROUPS
    equal = np.count_nonzero(pairs.new["checks"] == pairs.old["checks"], axis=1)
    unchanged = pairs.sums(equal) / np.maximum(groups, 1)
    differ, bits = _by_values(pairs)
    changed = differ / np.maximum(groups, 1)
    # Where changes are few the values hardly meet them; where they are many they need not be spread evenly.
    by_checks = (rows["element"] == partners["element"]) & (unchanged > _LEAST_UNCHANGED) & (differ < _ENOUGH)
    size = np.minimum(rows["values"], limits.GROUP)
    changed = np.where(by_checks, 1 - np.maximum(unchanged, _LEAST_UNCHANGED) ** (1 / size), changed)
    each = np.minimum(raw, _entropy(changed) + changed * bits)
    known = pairs.aligned & (rows["contents"] == partners["contents"]) & (rows["contents"] != 0)
    return np.where(known, 0.0, np.where(groups > 0, each, raw)) * rows["values"].astype(np.float64)


def _raw_bits(rows: npt.NDArray[Any]) -> Floats:
    """Bits a value takes without a base."""
    share = np.full(256, _RAW_ELSE)
    for element, value in _RAW.items():
        share[element] = value
    whole: Floats = 8.0 * rows["bytes"] / np.maximum(rows["values"], 1) * share[rows["element"]]
    return whole


def _by_values(pairs: Pairs) -> tuple[Floats, Floats]:
    """For each part: sampled values that changed, and bits of one that did."""
    kinds = pairs.tensors["element"][pairs.part]
    new, old = pairs.new["values"], pairs.old["values"]
    steps = np.abs(_steps(new, kinds) - _steps(old, kinds))
    differ = pairs.sums(np.count_nonzero(steps, axis=1))
    # What became 0 was pruned: the base tells the rest.
    zeroed = (new << np.uint32(1)) == 0
    bits = np.where(zeroed | (steps == 0), 0.0, np.minimum(_BEYOND + np.log2(np.maximum(steps, 1)), _MOST))
    return differ, pairs.sums(bits.sum(axis=1)) / np.maximum(differ, 1)


def _steps(bits: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How many steps of its row's type each value is from 0, the value rounded to that type."""
    found = np.empty(bits.shape, np.int64)
    present = np.flatnonzero(np.bincount(kinds, minlength=1))
    for element in map(Element, present.tolist()):
        chosen = slice(None) if len(present) == 1 else kinds == element
        if element in _FLOATS:
            found[chosen] = _float_steps(bits[chosen], element)
        else:
            values = bits[chosen].view("<f4").astype(np.float64)
            found[chosen] = np.rint(np.clip(values, -_FARTHEST, _FARTHEST))
    return found


def _float_steps(bits: npt.NDArray[np.uint32], element: Element) -> npt.NDArray[np.int64]:
    kind, shift = _FLOATS[element]
    with np.errstate(over="ignore"):
        rounded = bits.view("<f4").astype(kind)
    width = 8 * rounded.dtype.itemsize
    whole = rounded.view(f"u{width // 8}").astype(np.int64)
    size = whole & (1 << width - 1) - 1
    return np.where(whole >> width - 1 != 0, -size, size) << shift


# The sketch keeps 32 bits of a value: a step of an f64 is one of 2**29.
_FLOATS: Final = {
    Element.F64: (np.dtype(np.float32), 29),
    Element.F32: (np.dtype(np.float32), 0),
    Element.F16: (np.dtype(np.float16), 0),
    Element.BF16: (np.dtype(ml_dtypes.bfloat16), 0),
    Element.F8_E4M3: (np.dtype(ml_dtypes.float8_e4m3fn), 0),
    Element.F8_E5M2: (np.dtype(ml_dtypes.float8_e5m2), 0),
}


def _entropy(share: Floats) -> Floats:
    """Bits that telling whether takes, where it is so in that share."""
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    bits: Floats = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    return np.where((share <= 0) | (share >= 1), 0.0, bits)


def cast_alike(pairs: Pairs) -> npt.NDArray[np.bool_]:
    """For each part, whether every sampled value of each is the other's, rounded to one's type."""
    ours, theirs = (rows["element"][pairs.part] for rows in (pairs.tensors, pairs.partners))
    new, old = pairs.new["values"], pairs.old["values"]
    alike = (_steps(old, ours) == _steps(new, ours)) | (_steps(old, theirs) == _steps(new, theirs))
    found: npt.NDArray[np.bool_] = pairs.sums(np.count_nonzero(~alike, axis=1)) == 0
    return found
