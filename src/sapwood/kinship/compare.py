"""How two models stand to each other, told from their fingerprints."""

import dataclasses
import enum
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from sapwood.kinship import limits
from sapwood.kinship.align import Alignment, align
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.kinship.share import Pairs, cast_alike, patch_bits

__all__ = ["Comparison", "Relation", "compare", "compare_all"]

# Strangers of one architecture agree in one winner of 128, and in what they were built with.
_KIN: Final = 0.08
# A patch takes this much before its first block, and hardly less (DESIGN.md, "The patch container").
_FRAMING: Final = 110


class Relation(enum.Enum):
    """How a target stands to a base: the first that holds."""

    IDENTICAL = "identical"
    """The same bytes."""
    SAME_TENSORS = "same tensors"
    """The tensors' contents are the same: renamed, in another order or another format."""
    CAST = "cast"
    """As far as sampled the same values, in other types."""
    KIN = "kin"
    """Of one family: one was made from the other, or both from a third."""
    STRANGER = "stranger"
    """Nothing in common, but perhaps the architecture."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """A target and a base.

    Attributes:
        relation: How they stand to each other.
        kinship: Share of the sampled places where both have the same weight farthest from the middle, by the
            target's values: 1 for a copy, about 0.01 for a stranger.
        patch_share: Size of the patch to expect, as a share of the target: an estimate.
        same_shapes: Whether the tensors have the same sizes, in whatever order.
        tensors: Tensors of the target that were compared.
        same: Of those, how many have the contents of one of the base's; None where that is not known.
        renamed: Of those, how many were found under another name.
    """

    relation: Relation
    kinship: float
    patch_share: float
    same_shapes: bool
    tensors: int
    same: int | None
    renamed: int


def compare(base: Fingerprint, target: Fingerprint) -> Comparison:
    """How ``target`` stands to ``base``."""
    return compare_all([base], target)[0]


def compare_all(bases: Sequence[Fingerprint], target: Fingerprint) -> list[Comparison]:
    """How ``target`` stands to each of ``bases``."""
    new = target.sketch
    found = [align(new, base.sketch) for base in bases]
    pairs = Pairs(new, [base.sketch for base in bases], found)
    count = len(new.tensors)
    coded = patch_bits(pairs).reshape(len(bases), count).sum(axis=1) / 8
    # With types all the same there is nothing to be cast.
    retyped = pairs.aligned & ~pairs.same_type
    cast = [bool(rows.any()) for rows in retyped.reshape(len(bases), count)]
    if any(cast):
        alike = (pairs.aligned & cast_alike(pairs)).reshape(len(bases), count)
        cast = [some and bool(rows.all()) for some, rows in zip(cast, alike, strict=True)]
    return [
        _comparison(base, target, one, float(size), is_cast=is_cast)
        for base, one, size, is_cast in zip(bases, found, coded, cast, strict=True)
    ]


def _comparison(
    base: Fingerprint, target: Fingerprint, found: Alignment, coded: float, *, is_cast: bool
) -> Comparison:
    new, old = target.sketch.tensors, base.sketch.tensors
    matched = found.tensors >= 0
    partners = old[found.tensors[matched]]
    kinship = _kinship(target, found)
    return Comparison(
        relation=_relation(base, target, found, kinship, is_cast=is_cast),
        kinship=kinship,
        # Glue, and what a sketch of many tensors omits, is not told of.
        patch_share=min(1.0, (coded + _FRAMING) / max(target.size, 1)),
        same_shapes=np.array_equal(np.sort(new["values"]), np.sort(old["values"])),
        tensors=len(new),
        same=int((new["contents"][matched] == partners["contents"]).sum())
        if base.exact and target.exact
        else None,
        renamed=int((new["name"][matched] != partners["name"]).sum()),
    )


def _kinship(target: Fingerprint, found: Alignment) -> float:
    # Tensors of ones or zeros have no winners, whosever they are.
    weights = target.sketch.tensors["values"] * (target.sketch.held > 0)
    each = found.agreed / np.maximum(found.compared, 1)
    return float((each * weights).sum() / weights.sum()) if weights.any() else 0.0


def _relation(
    base: Fingerprint, target: Fingerprint, found: Alignment, kinship: float, *, is_cast: bool
) -> Relation:
    if target.digest is not None and target.digest == base.digest:
        return Relation.IDENTICAL
    if target.contents is not None and target.contents == base.contents:
        return Relation.SAME_TENSORS
    if kinship < _KIN or not _beyond_chance(found):
        return Relation.STRANGER
    return Relation.CAST if is_cast else Relation.KIN


def _beyond_chance(found: Alignment) -> bool:
    """Whether more winners agree than one in 128 and four standard deviations."""
    expected = found.compared.sum() / (2 * limits.GROUP)
    return bool(found.agreed.sum() > expected + 4 * math.sqrt(expected) + 2)
