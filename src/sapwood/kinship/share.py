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
from sapwood.kinship.sketch import BLOCKS, RUNS, TENSORS, Sketch

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
# What a tensor of another type costs at least: each has a block of its own.
_CAST: Final = 100.0
_FAR: Final = 1 << 40
# The largest of 32 normal weights, in their rms: what the codes of a block reach to.
_REACH: Final = 2.4
_TINY: Final = 1e-300
_LARGEST: Final = float(np.finfo(np.float32).max)
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
        self.same_type = self.aligned & _same_type(self.tensors, self.partners)
        equal = np.count_nonzero(self.new["checks"] == self.old["checks"], axis=1)
        self.unchanged = self.sums(equal) / np.maximum(self.sums() * limits.GROUPS, 1)

    def sums(self, of_runs: npt.NDArray[Any] | None = None) -> Floats:
        """Sums over the runs of each part; without an argument their number."""
        return np.bincount(self.part, of_runs, minlength=self.parts).astype(np.float64)


def _same_type(rows: npt.NDArray[Any], partners: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = (rows["element"] == partners["element"]) & (
        rows["flags"] == partners["flags"]
    )
    return found


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
    groups = np.maximum(pairs.sums() * limits.GROUPS, 1)
    differ, bits = _by_values(pairs, pairs.old["values"], raw)
    changed = np.where(_by_checks(pairs, differ), _changed_by_checks(pairs), differ / groups)
    each = _entropy(changed) + changed * bits
    # Weight decay moves all weights; where few moved, the values may have met none of them.
    moved = differ > groups / 2
    if moved.any():
        differ, bits = _by_values(pairs, _scaled(pairs), raw)
        scaled = _entropy(differ / groups) + differ / groups * bits
        each = np.where(moved, np.minimum(each, scaled), each)
    in_blocks, from_blocks = (tensors["flags"] & BLOCKS != 0 for tensors in (rows, partners))
    if (in_blocks & ~from_blocks).any():
        each = np.where(in_blocks & ~from_blocks, _quantised_bits(pairs), each)
    # What the base's tensor is too short for is new.
    covered = np.minimum(partners["values"] / rows["values"], 1)
    each = np.minimum(covered * each + (1 - covered) * raw, raw)
    known = pairs.aligned & (rows["contents"] == partners["contents"]) & (rows["contents"] != 0)
    each = np.where(known, 0.0, np.where(pairs.sums() > 0, each, raw))
    whole: Floats = each * rows["values"] + np.where(pairs.aligned & ~pairs.same_type, _CAST, 0.0)
    return whole


def _by_checks(pairs: Pairs, differ: Floats) -> npt.NDArray[np.bool_]:
    """Whether the checksums tell better than the values how many values changed.

    Where changes are few the values hardly meet them; where they are many they need not be spread evenly.
    """
    return pairs.same_type & (pairs.unchanged > _LEAST_UNCHANGED) & (differ < _ENOUGH)


def _changed_by_checks(pairs: Pairs) -> Floats:
    """Share of the values that changed, if the changes are spread evenly over the groups."""
    size = np.minimum(pairs.tensors["values"], limits.GROUP)
    share: Floats = 1 - np.maximum(pairs.unchanged, _LEAST_UNCHANGED) ** (1 / size)
    return share


def _raw_bits(rows: npt.NDArray[Any]) -> Floats:
    """Bits a value takes without a base."""
    share = np.full(256, _RAW_ELSE)
    for element, value in _RAW.items():
        share[element] = value
    whole: Floats = 8.0 * rows["bytes"] / np.maximum(rows["values"], 1) * share[rows["element"]]
    return whole


def _by_values(pairs: Pairs, old: npt.NDArray[np.uint32], raw: Floats) -> tuple[Floats, Floats]:
    """For each part: sampled values that differ from ``old``, and bits of one that does."""
    kinds = pairs.tensors["element"][pairs.part]
    new = pairs.new["values"]
    steps = np.abs(_steps(new, kinds) - _steps(old, kinds))
    in_blocks = pairs.tensors["flags"] & BLOCKS != 0
    if in_blocks.any():
        steps = np.where(in_blocks[pairs.part][:, None], _block_steps(pairs, old), steps)
    differ = pairs.sums(np.count_nonzero(steps, axis=1))
    bits = np.minimum(_BEYOND + np.log2(np.maximum(steps, 1)), raw[pairs.part][:, None])
    return differ, pairs.sums(np.where(steps == 0, 0.0, bits).sum(axis=1)) / np.maximum(differ, 1)


def _quantised_bits(pairs: Pairs) -> Floats:
    """Bits of a code, predicted from the value that it rounds: none where that is what it was made from."""
    new, old = (_numbers(rows["values"]) for rows in (pairs.new, pairs.old))
    error = (new - old) / _block_step(pairs)[pairs.part][:, None]
    mean = pairs.sums((error * error).sum(axis=1)) / np.maximum(pairs.sums() * limits.GROUPS, 1)
    # Rounding alone makes a twelfth of the square of a step.
    bits: Floats = np.log2(1 + 12 * np.maximum(mean - 1 / 12, 0)) / 2
    return bits


def _block_step(pairs: Pairs) -> Floats:
    """For each part the step of its codes, were all its blocks under one scale."""
    new = _numbers(pairs.new["values"])
    rms = np.sqrt(pairs.sums((new * new).sum(axis=1)) / np.maximum(pairs.sums() * limits.GROUPS, 1))
    # A sketch may say any sizes: no code has more bits than these.
    bits = np.minimum(8 * pairs.tensors["bytes"] // pairs.tensors["values"], 64)
    step: Floats = np.maximum(_REACH * rms / 2.0 ** (bits - 1.0), _TINY)
    return step


def _numbers(bits: npt.NDArray[np.uint32]) -> Floats:
    """The f32 of a sketch, all finite: one from a stranger may hold any bits."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(bits.view("<f4").astype(np.float64), posinf=_LARGEST, neginf=-_LARGEST)


def _block_steps(pairs: Pairs, old: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
    """How many such steps values in blocks changed by; unlike types have no steps in common."""
    new, was = (_numbers(bits) for bits in (pairs.new["values"], old))
    step = _block_step(pairs)[pairs.part][:, None]
    steps = np.rint(np.minimum(np.abs(new - was) / step, _FAR)).astype(np.int64)
    return np.where(
        pairs.same_type[pairs.part][:, None], steps, np.where(pairs.new["values"] == old, 0, _FAR)
    )


def _scaled(pairs: Pairs) -> npt.NDArray[np.uint32]:
    """The base's values times what brings them nearest to the target's, part by part: weight decay."""
    new, old = (_numbers(rows["values"]) for rows in (pairs.new, pairs.old))
    scale = pairs.sums((new * old).sum(axis=1)) / np.maximum(pairs.sums((old * old).sum(axis=1)), _TINY)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: npt.NDArray[np.uint32] = (old * scale[pairs.part][:, None]).astype("<f4").view("<u4")
    return scaled


def _steps(bits: npt.NDArray[np.uint32], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """How many steps of its row's type each value is from 0, the value rounded to that type."""
    found = np.empty(bits.shape, np.int64)
    present = np.flatnonzero(np.bincount(kinds, minlength=1))
    for element in map(Element, present.tolist()):
        chosen = slice(None) if len(present) == 1 else kinds == element
        if element in _FLOATS:
            found[chosen] = _float_steps(bits[chosen], element)
        else:
            values = _numbers(bits[chosen])
            found[chosen] = np.rint(np.clip(values, -_FARTHEST, _FARTHEST))
    return found


def _float_steps(bits: npt.NDArray[np.uint32], element: Element) -> npt.NDArray[np.int64]:
    kind, shift = _FLOATS[element]
    with np.errstate(over="ignore", invalid="ignore"):
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
    # A quantised copy is more than a cast: its values stand under scales of their own.
    blocks = (pairs.tensors["flags"] | pairs.partners["flags"])[pairs.part] & BLOCKS != 0
    alike = np.where(blocks[:, None], new == old, alike)
    found: npt.NDArray[np.bool_] = pairs.sums(np.count_nonzero(~alike, axis=1)) == 0
    return found
