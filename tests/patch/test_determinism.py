"""A patch's bytes depend on its models and its level: not on threads, instruction sets or where they lie."""

from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood import _core
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from tests.patch import models

PATHS = ("portable", "avx2", "avx512", "neon")


def usable(path: str) -> bool:
    try:
        _core.encode_numeric(None, bytes(4096), Element.INT8, 0, path=path)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("format_name", ["safetensors", "torch", "opaque"])
def test_threads_change_nothing(format_name: str, level: Level) -> None:
    base, target = models.pair(format_name, 700)
    made = [sapwood.diff(base, target, level=level, threads=n).to_bytes() for n in (1, 2, 4)]
    assert made[0] == made[1] == made[2]
    assert [sapwood.apply(base, made[0], threads=n) for n in (1, 2, 4)] == [target] * 3


def test_where_a_model_lies_changes_nothing(tmp_path: Path) -> None:
    base, target = models.pair("gguf", 700)
    paths = tmp_path / "a", tmp_path / "b"
    for path, data in zip(paths, (base, target), strict=True):
        path.write_bytes(data)
    assert sapwood.diff(*paths).to_bytes() == sapwood.diff(base, target).to_bytes()


@pytest.mark.parametrize("path", PATHS[1:])
@pytest.mark.parametrize("element", list(Element))
def test_instruction_sets_change_nothing(path: str, element: Element) -> None:
    if not usable(path):
        pytest.skip(f"this processor or build has no {path}")
    random = np.random.default_rng(element)
    for size in (4096, 40 * 1024, 100_000 // 8 * 8):
        base = random.standard_normal(size // 4).astype(np.float32).tobytes()
        noise = (random.random(size) < 0.03) * random.integers(0, 8, size)
        target = (np.frombuffer(base, np.uint8) ^ noise.astype(np.uint8)).tobytes()
        for old in (base, None):
            for level in Level:
                coded = [
                    _core.encode_numeric(old, target, element, level, path=p) for p in ("portable", path)
                ]
                assert coded[0] == coded[1]
                if coded[0] is None:
                    continue
                for one in ("portable", path):
                    out = bytearray(size)
                    assert _core.decode_numeric(coded[0], old, out, path=one) == 0
                    assert out == target


def test_bytes_of_every_value_are_coded_whatever_was_in_the_work_area() -> None:
    random = np.random.default_rng(1)
    seen = set()
    for width in (5, 60, 15, 30) * 3:
        other = random.normal(128, width, 3000).clip(0, 255).astype(np.uint8)
        _core.encode_numeric(None, other.tobytes(), Element.INT8, Level.FAST)
        bell = np.random.default_rng(0).normal(128, 30, 3000).clip(0, 255).astype(np.uint8)
        target = bell.tobytes() + bytes(range(256))
        coded = _core.encode_numeric(None, target, Element.INT8, Level.FAST)
        assert coded is not None
        seen.add(coded)
    assert len(seen) == 1
