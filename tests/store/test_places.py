"""Maps of files that writers change beside."""

import mmap
import os
from pathlib import Path
from typing import Any

import pytest

from sapwood.errors import DamagedStore
from sapwood.store.places import Places


def test_a_file_whose_spare_room_goes_while_it_is_opened_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pack"
    path.write_bytes(b"acknowledged" + bytes(1000))
    real = mmap.mmap

    def later(descriptor: int, size: int, **named: Any) -> mmap.mmap:
        os.truncate(path, 12)
        return real(descriptor, size, **named)

    monkeypatch.setattr(mmap, "mmap", later)
    assert bytes(Places(tmp_path).view("a.pack", 0, 12)) == b"acknowledged"
    with pytest.raises(DamagedStore):
        Places(tmp_path).view("a.pack", 0, 13)
