"""A base that only looks right: with several threads its digest is computed beside the decoding."""

from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood.errors import CorruptPatch, WrongBase


@pytest.fixture
def versions() -> tuple[bytes, bytes, bytes]:
    """A base, a target like it, and another model of the same size."""
    rng = np.random.default_rng(5)
    base = rng.standard_normal(300_000).astype(np.float32)
    target = base + rng.standard_normal(300_000).astype(np.float32) * np.float32(1e-5)
    other = base * np.float32(1.5)
    return base.tobytes(), target.tobytes(), other.tobytes()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_wrong_base_leaves_no_output(
    versions: tuple[bytes, bytes, bytes], tmp_path: Path, threads: int
) -> None:
    base, target, other = versions
    patch = sapwood.diff(base, target)
    for out in (None, tmp_path / "out"):
        with pytest.raises(WrongBase, match="its digest differs"):
            sapwood.apply(other, patch, out, threads=threads)
    assert not list(tmp_path.iterdir())
    assert sapwood.apply(base, patch, threads=threads) == target


@pytest.mark.parametrize("threads", [1, 2])
def test_a_wrong_base_is_told_before_a_damaged_patch(
    versions: tuple[bytes, bytes, bytes], threads: int
) -> None:
    base, target, other = versions
    whole = sapwood.diff(base, target).to_bytes()
    damaged = whole[:-1] + bytes([whole[-1] ^ 1])
    with pytest.raises(CorruptPatch):
        sapwood.apply(base, damaged, threads=threads)
    with pytest.raises(WrongBase):
        sapwood.apply(other, damaged, threads=threads)
