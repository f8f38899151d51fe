"""What the extension does beside coding blocks."""

import numpy as np
import pytest

from sapwood import _core


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [8, 800, 1 << 16])
def test_changed_share_counts_elements(width: int, size: int) -> None:
    random = np.random.default_rng(width * size)
    old = random.integers(0, 256, size, np.uint8)
    new = np.where(random.random(size) < 0.1, random.integers(0, 256, size), old).astype(np.uint8)
    kind = np.dtype(f"u{width}")
    assert _core.changed_share(old.data, new.data, width, 8, 8) == (old.view(kind) != new.view(kind)).mean()


def test_changed_share_looks_at_pages() -> None:
    old, new = bytearray(1 << 16), bytearray(1 << 16)
    new[64:1024] = b"\1" * 960
    assert _core.changed_share(old, new, 1, 64, 1024) == 0.0
    new[1024] = 1
    assert _core.changed_share(old, new, 1, 64, 1024) == 1 / 4096


@pytest.mark.parametrize(("width", "page", "step"), [(3, 8, 8), (2, 0, 8), (8, 12, 24), (2, 8, 4)])
def test_changed_share_refuses_half_elements(width: int, page: int, step: int) -> None:
    with pytest.raises(ValueError, match="width is"):
        _core.changed_share(bytes(64), bytes(64), width, page, step)
