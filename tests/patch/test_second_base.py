"""Targets that follow from two bases: momentum and averages; and what a receiver refuses."""

from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood.errors import CorruptPatch, WrongBase, WrongCall
from sapwood.patch.manifest import Tag
from tests.oracle.container import decode_patch
from tests.oracle.reader import Refused
from tests.patch import crafted, models
from tests.patch.test_casts_and_scales import TYPES


def three(kind: str, share: float, noise: float = 0.0) -> tuple[bytes, bytes, bytes]:
    """An older model, a base, and what lies ``share`` of the way from the first to the second."""
    random = np.random.default_rng(8)
    older = random.normal(0, 0.05, (200, 90))
    base = older + random.normal(0, 1e-3, older.shape)
    rounded = [array.astype(TYPES[kind]).astype(np.float64) for array in (older, base)]
    target = rounded[0] + share * (rounded[1] - rounded[0]) + random.normal(0, 1, older.shape) * noise
    files = [models.safetensors_file({"w": array.astype(TYPES[kind])}) for array in (*rounded, target)]
    return files[0], files[1], files[2]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("share", [0.5, 1.75, 0.99])
def test_what_follows_from_two_bases_costs_next_to_nothing(kind: str, share: float) -> None:
    older, base, target = three(kind, share)
    patch = sapwood.diff(base, target, also=older, threads=1)
    data = patch.to_bytes()
    if (kind, share) != ("bf16", 0.99):  # there, all that changes is lost in the rounding
        assert patch.size < 0.5 * sapwood.diff(base, target).size
    assert data == sapwood.diff(base, target, also=older, threads=3).to_bytes()
    also = older if patch.manifest.second_base.digest else None
    assert sapwood.apply(base, data, also=also, threads=2) == target
    assert decode_patch(data, base, also) == target


def test_momentum_with_noise_still_gains() -> None:
    older, base, target = three("f32", 1.6, 1e-5)
    patch = sapwood.diff(base, target, also=older)
    assert patch.size < 0.85 * sapwood.diff(base, target).size
    assert sapwood.apply(base, patch, also=older) == target


def test_a_second_base_that_tells_nothing_is_not_named() -> None:
    _, base, target = three("f32", 0.5)
    other = models.safetensors_file({"other": np.ones(5000, np.float32)})
    patch = sapwood.diff(base, target, also=other)
    assert patch.to_bytes() == sapwood.diff(base, target).to_bytes()
    with pytest.raises(WrongCall, match="second base"):
        sapwood.apply(base, patch, also=other)
    assert sapwood.apply(base, patch) == target


def test_a_wrong_or_missing_second_base_is_refused_by_name() -> None:
    older, base, target = three("f32", 0.5)
    patch = sapwood.diff(base, target, also=older)
    with pytest.raises(WrongBase, match="needs a second base"):
        sapwood.apply(base, patch)
    for wrong in (older[:-1] + bytes([older[-1] ^ 1]), older + b"\0", base):
        with pytest.raises(WrongBase, match="the second base"):
            sapwood.apply(base, patch, also=wrong)
        with pytest.raises(WrongBase, match="the second base"):
            sapwood.verify(patch, base, also=wrong)
        with pytest.raises(Refused):
            decode_patch(patch.to_bytes(), base, wrong)
    sapwood.verify(patch, base, also=older)
    sapwood.verify(patch)


def test_folders_have_second_bases_too(tmp_path: Path) -> None:
    older, base, target = three("f16", 0.5)
    for name, data in (("older", older), ("base", base), ("target", target)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(data)
    patch = sapwood.diff(tmp_path / "base", tmp_path / "target", also=tmp_path / "older")
    assert sapwood.apply(tmp_path / "base", patch, also=tmp_path / "older") == {"model.safetensors": target}
    files = [{"model.safetensors": data} for data in (base, older)]
    assert decode_patch(patch.to_bytes(), *files) == {"model.safetensors": target}


def test_records_of_a_second_base_that_do_not_belong_are_refused() -> None:
    older, base, target = three("f16", 0.5)
    patch = sapwood.diff(base, target, also=older).to_bytes()
    found = crafted.records(patch)
    good = found[Tag.SECOND_BASE]
    hostile = [
        found | {Tag.SECOND_BASE: bad}
        for bad in (b"", b"\0" + good[1:], b"\3" + good[1:], good[:-1], good + b"x")
    ]
    hostile.append({tag: data for tag, data in found.items() if tag != Tag.BASE})
    hostile.append(dict(sorted((found | {Tag.PROFILE: b"\1\x80\x10\0"}).items())))
    for records in hostile:
        bad = crafted.with_records(patch, records)
        with pytest.raises(CorruptPatch):
            sapwood.apply(base, bad, also=older)
        with pytest.raises(Refused):
            decode_patch(bad, base, older)


def test_a_span_beyond_both_bases_is_refused() -> None:
    older, base, target = three("f16", 0.5)
    patch = sapwood.diff(base, target, also=older).to_bytes()
    found = crafted.records(patch)
    small = models.safetensors_file({"w": np.ones(4, np.float16)})
    identity = crafted.records(sapwood.diff(small, target).to_bytes())[Tag.BASE]
    bad = crafted.with_records(patch, found | {Tag.SECOND_BASE: identity})
    with pytest.raises(CorruptPatch, match="outside the base"):
        sapwood.apply(base, bad, also=small)
    with pytest.raises(Refused):
        decode_patch(bad, base, small)


def test_a_device_patch_has_no_second_base() -> None:
    older, base, target = three("f16", 0.5)
    patch = sapwood.diff(base, target, also=older, profile="device")
    assert not patch.manifest.second_base.digest
    assert sapwood.apply(base, patch) == target
