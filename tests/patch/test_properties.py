"""Any structured edit of a model round-trips, at no more than the target's own size."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sapwood
from sapwood.codec.encode import Level
from tests.patch import models

BASES = {name: models.pair(name)[0] for name in models.MAKERS}


def most(target: bytes) -> int:
    """The size no patch may pass: the target and a small header."""
    return len(target) + 256 + len(target) // 4096


def insert(data: bytes, at: int, size: int, seed: int) -> bytes:
    return data[:at] + np.random.default_rng(seed).bytes(size) + data[at:]


def delete(data: bytes, at: int, size: int, seed: int) -> bytes:
    return data[:at] + data[at + size :]


def move(data: bytes, at: int, size: int, seed: int) -> bytes:
    rest = delete(data, at, size, seed)
    to = seed % (len(rest) + 1)
    return rest[:to] + data[at : at + size] + rest[to:]


def repeat(data: bytes, at: int, size: int, seed: int) -> bytes:
    return data[:at] + data[at : at + size] * (1 + seed % 4) + data[at:]


def flip(data: bytes, at: int, size: int, seed: int) -> bytes:
    changed = np.frombuffer(data, np.uint8).copy()
    if len(changed):
        random = np.random.default_rng(seed)
        changed[random.integers(0, len(changed), size % 50)] ^= 1 << seed % 8
    return changed.tobytes()


def scale(data: bytes, at: int, size: int, seed: int) -> bytes:
    at, size = at // 4 * 4, min(size, len(data) - at // 4 * 4) // 4 * 4
    with np.errstate(all="ignore"):
        values = np.frombuffer(data[at : at + size], np.float32) * np.float32(1 + seed % 100 / 1000)
    return data[:at] + values.tobytes() + data[at + size :]


def zero(data: bytes, at: int, size: int, seed: int) -> bytes:
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


Edit = tuple[Callable[[bytes, int, int, int], bytes], int, int, int]
EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from([insert, delete, move, repeat, flip, scale, zero]),
        st.integers(0, 15_000),
        st.integers(0, 6000),
        st.integers(0, 2**32 - 1),
    ),
    min_size=1,
    max_size=5,
)


def edited(data: bytes, edits: list[Edit]) -> bytes:
    for change, at, size, seed in edits:
        data = change(data, min(at, len(data)), size, seed)[:60_000]
    return data


# An example takes some milliseconds.
MANY = settings(max_examples=max(400, settings.default.max_examples if settings.default else 0))


@MANY
@given(st.sampled_from(sorted(BASES)), EDITS, st.sampled_from(list(Level)))
def test_edits_of_models_round_trip(format_name: str, edits: list[Edit], level: Level) -> None:
    base = BASES[format_name]
    target = edited(base, edits)
    patch = sapwood.diff(base, target, level=level, threads=1)
    assert sapwood.apply(base, patch, threads=1) == target
    assert patch.size <= most(target)


@MANY
@given(st.binary(max_size=300), st.binary(max_size=300), st.sampled_from(list(Level)))
def test_any_two_byte_strings(base: bytes, target: bytes, level: Level) -> None:
    patch = sapwood.diff(base, target, level=level, threads=1)
    assert sapwood.apply(base, patch, threads=1) == target
    assert patch.size <= most(target)


TREES = st.dictionaries(
    st.from_regex(r"[a-c]{1,2}(/[a-c]{1,2}){0,2}", fullmatch=True), st.binary(max_size=100), max_size=6
).filter(lambda files: not any(a != b and a.startswith(b + "/") for a in files for b in files))


@given(TREES, TREES)
def test_any_two_folders(tmp_path_factory: Any, base: dict[str, bytes], target: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("pair")
    for name, files in (("base", base), ("target", target)):
        (folder / name).mkdir()
        for path, data in files.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_bytes(data)
    patch = sapwood.diff(folder / "base", folder / "target", threads=1)
    assert sapwood.apply(folder / "base", patch, threads=1) == target
    sapwood.apply(folder / "base", patch, in_place=True, threads=1)
    found = {
        p.relative_to(folder / "base").as_posix(): p for p in (folder / "base").rglob("*") if p.is_file()
    }
    assert {path: file.read_bytes() for path, file in found.items()} == target


def tiny_tensors(count: int, size: int) -> bytes:
    random = np.random.default_rng(4)
    arrays = {random.bytes(12).hex(): np.frombuffer(random.bytes(size), np.uint8) for _ in range(count)}
    return models.onnx_file({"scale": np.array(1, np.float32)} | arrays)


@pytest.mark.parametrize(
    ("count", "size", "level"),
    [(count, size, level) for count, size in ((1000, 1), (1000, 4), (500, 70)) for level in Level]
    + [(9000, 100, Level.FAST)],
)
def test_many_tiny_tensors_cost_no_more_than_the_file(count: int, size: int, level: Level) -> None:
    model = tiny_tensors(count, size)
    patch = sapwood.compress(model, level=level)
    assert sapwood.decompress(patch) == model
    assert patch.size <= most(model)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("kind", ["float32", "int8", "float64"])
def test_noise_in_tensors_costs_no_more_than_the_file(kind: str, level: Level) -> None:
    random = np.random.default_rng(4)
    noise = [models.safetensors_file({"w": np.frombuffer(random.bytes(1_500_000), kind)}) for _ in range(2)]
    for base in (None, noise[0]):
        patch = sapwood.diff(base, noise[1], level=level)
        assert sapwood.apply(base, patch) == noise[1]
        assert patch.size <= most(noise[1])
