"""A patch gives back its target, whatever the formats, sizes and places its models come from."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import sapwood
from sapwood.codec.encode import Level
from tests.patch import models
from tests.patch.disk import tree, write_tree

RANDOM = np.random.default_rng(5).bytes


def assert_both_ways(base: bytes | None, target: bytes) -> None:
    patch = sapwood.diff(base, target).to_bytes()
    assert sapwood.apply(base, patch) == target
    sapwood.verify(patch, base)
    if base is not None:
        assert sapwood.apply(target, sapwood.diff(target, base)) == base


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("format_name", models.MAKERS)
def test_every_format_at_every_level(format_name: str, level: Level) -> None:
    base, target = models.pair(format_name)
    patch = sapwood.diff(base, target, level=level)
    assert patch.manifest.format in {format_name, "numpy", "opaque"}
    assert sapwood.apply(base, patch) == target
    assert patch.size < 0.75 * len(target)
    assert sapwood.decompress(sapwood.compress(target, level=level)) == target


@pytest.mark.parametrize("of", models.MAKERS)
def test_a_model_may_change_its_format(of: str) -> None:
    arrays = models.first_version()
    assert_both_ways(models.safetensors_file(arrays), models.MAKERS[of](arrays))


@pytest.mark.parametrize("kind", models.every_element())
def test_every_kind_of_element(kind: str) -> None:
    array = models.every_element()[kind]
    changed = array.copy()
    changed[::7] = array[::-1][::7]
    base, target = (safetensors.numpy.save({"w": a}) for a in (array, changed))
    assert_both_ways(base, target)
    assert_both_ways(None, target)


def test_floats_of_every_kind_of_value() -> None:
    odd = np.array([0, 1 << 31, 0x7F800000, 0xFF800000, 0x7FC00001, 0xFFFFFFFF, 1, 0x80000001], np.uint32)
    base = np.tile(odd, 1000).view(np.float32)
    target = np.repeat(odd, 1000).view(np.float32)
    assert_both_ways(safetensors.numpy.save({"w": base}), safetensors.numpy.save({"w": target}))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 255, 4097, 65535, (1 << 20) - 1, (1 << 20) + 1, 3_000_001])
def test_every_size(size: int) -> None:
    base = RANDOM(size)
    changed = bytearray(base)
    changed[size // 2 : size // 2 + 1] = b"inserted"
    assert_both_ways(base, bytes(changed))
    assert_both_ways(base, base)
    assert_both_ways(b"", base)
    assert_both_ways(None, base)


def test_unrelated_models_cost_no_more_than_the_target() -> None:
    base, target = RANDOM(300_000), RANDOM(200_000)
    assert_both_ways(base, target)
    assert sapwood.diff(base, target).size <= len(target) + 256 + len(target) // 4096


@pytest.mark.parametrize("size", [10_000, 5_000_000])
def test_identical_models_cost_nothing(size: int) -> None:
    model = RANDOM(size)
    patch = sapwood.diff(model, model)
    assert sapwood.apply(model, patch) == model
    assert patch.size < 140


def test_tensors_of_several_blocks_that_moved_and_changed() -> None:
    random = np.random.default_rng(8)
    weights = random.standard_normal(700_001).astype(np.float32)
    base = {"a": weights, "b": random.standard_normal(300_000).astype(np.float16)}
    moved = weights.copy()
    moved[random.integers(0, len(moved), 5000)] += 1e-3
    target = {"new": np.arange(5000, dtype=np.int32), "module.a": moved, "c": base["b"]}
    old, new = safetensors.numpy.save(base), safetensors.numpy.save(target)
    patch = sapwood.diff(old, new)
    assert sapwood.apply(old, patch) == new
    assert patch.size < 50_000


SOURCES: dict[str, Callable[[bytes, Path], object]] = {
    "path": lambda data, path: path,
    "string": lambda data, path: str(path),
    "bytes": lambda data, path: data,
    "bytearray": lambda data, path: bytearray(data),
    "memoryview": lambda data, path: memoryview(b"ab" + data)[2:],
    "file": lambda data, path: path.open("rb"),
    "stream": lambda data, path: io.BytesIO(data),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("rows", [10, 400])
def test_every_kind_of_source(kind: str, rows: int, tmp_path: Path) -> None:
    base, target = models.pair("safetensors", rows)

    def source(data: bytes) -> object:
        path = tmp_path / f"{len(data)}"
        path.write_bytes(data)
        return SOURCES[kind](data, path)

    files: list[object] = []

    def held(data: bytes) -> object:
        files.append(source(data))
        return files[-1]

    patch = sapwood.diff(held(base), held(target))  # type: ignore[arg-type]
    assert sapwood.apply(held(base), held(patch.to_bytes())) == target  # type: ignore[arg-type]
    sapwood.apply(held(base), patch, tmp_path / "out")  # type: ignore[arg-type]
    assert (tmp_path / "out").read_bytes() == target
    for file in files:
        if isinstance(file, io.IOBase):
            file.close()


def test_patch_files(tmp_path: Path) -> None:
    base, target = models.pair("gguf")
    made = sapwood.diff(base, target, tmp_path / "a.swpatch", metadata={"note": "é"}, version_counter=7)
    made.write(tmp_path / "b.swpatch")
    assert (tmp_path / "a.swpatch").read_bytes() == (tmp_path / "b.swpatch").read_bytes() == made.to_bytes()
    opened = sapwood.open_patch(tmp_path / "b.swpatch")
    assert opened.manifest.metadata == {"note": "é"}
    assert opened.manifest.version_counter == 7
    assert opened.size == made.size == (tmp_path / "a.swpatch").stat().st_size
    assert opened.apply(base) == target


def test_in_place(tmp_path: Path) -> None:
    base, target = models.pair("npz")
    model = tmp_path / "model"
    model.write_bytes(base)
    link = tmp_path / "link"
    link.symlink_to("model")
    sapwood.apply(link, sapwood.diff(base, target), in_place=True)
    assert link.is_symlink()
    assert tree(tmp_path) == {"model": target, "link": target}


def shards() -> tuple[dict[str, bytes], dict[str, bytes]]:
    first, second = models.pair("safetensors", 30)
    other, changed = models.pair("onnx", 20)
    base = {
        "model-00001.safetensors": first,
        "onnx/model.onnx": other,
        "config.json": b'{"hidden": 12, "layers": [1, 2, 3]}',
        "empty": b"",
        "old/removed.bin": RANDOM(5000),
        "vocab.txt": b"".join(b"token %d\n" % i for i in range(3000)),
    }
    target = {
        "model-00001.safetensors": second,
        "onnx/v2/model.onnx": changed,
        "config.json": b'{"hidden": 12, "layers": [1, 2, 3, 4]}',
        "empty": b"",
        "also empty": b"",
        "tokens/vocab.txt": base["vocab.txt"],
        "new.bin": RANDOM(1000),
    }
    return base, target


def test_folders_with_files_added_removed_renamed_and_empty(tmp_path: Path) -> None:
    files, wanted = shards()
    base, target = write_tree(tmp_path / "v1", files), write_tree(tmp_path / "v2", wanted)
    patch = sapwood.diff(base, target)
    assert patch.size < 0.6 * sum(map(len, wanted.values()))
    assert sapwood.apply(base, patch) == wanted
    sapwood.apply(base, patch, tmp_path / "out")
    assert tree(tmp_path / "out") == wanted
    assert sapwood.apply(target, sapwood.diff(target, base)) == files
    sapwood.apply(base, patch, in_place=True)
    assert tree(base) == wanted
    assert {p.name for p in tmp_path.iterdir()} == {"v1", "v2", "out"}


def test_a_file_may_become_a_folder_and_back(tmp_path: Path) -> None:
    files, _ = shards()
    folder = write_tree(tmp_path / "v1", files)
    lone = files["model-00001.safetensors"]
    assert sapwood.apply(folder, sapwood.diff(folder, lone)) == lone
    assert sapwood.apply(lone, sapwood.diff(lone, folder)) == files
    assert sapwood.decompress(sapwood.compress(folder)) == files


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    files, _ = shards()
    folder = write_tree(tmp_path / "v1", files)
    assert sapwood.apply(tmp_path / "empty", sapwood.diff(tmp_path / "empty", folder)) == files
    assert sapwood.apply(folder, sapwood.diff(folder, tmp_path / "empty")) == {}
    sapwood.decompress(sapwood.compress(tmp_path / "empty"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_progress_goes_up_to_the_end() -> None:
    base, target = models.pair("safetensors", 2000)
    seen: list[tuple[int, int]] = []
    patch = sapwood.diff(base, target, progress=lambda *step: seen.append(step))
    for steps in (seen.copy(), seen):
        assert steps == sorted(steps)
        assert steps[-1] == (len(target), len(target))
        seen.clear()
        sapwood.apply(base, patch, progress=lambda *step: seen.append(step))


def test_tensors_that_were_renumbered_are_found_by_their_order() -> None:
    random = np.random.default_rng(1)
    old = [random.standard_normal((64, 64)).astype(np.float32) for _ in range(5)]
    new = [array + np.float32(1e-4) * random.standard_normal(array.shape).astype(np.float32) for array in old]
    names = ["Constant_7", "fc1.weight", "Constant_9", "Constant_12", "fc2.weight"]
    renumbered = ["Constant_5", "fc1.weight", "Constant_6", "Constant_7", "fc2.weight"]

    def file(labels: list[str], arrays: list[np.ndarray]) -> bytes:
        # safetensors sorts by name; the header's order is the file's.
        ordered = [f"{i}.{label}" if "Constant" in label else f"{i}.same" for i, label in enumerate(labels)]
        return bytes(safetensors.numpy.save(dict(zip(ordered, arrays, strict=True))))

    base, target = file(names, old), file(renumbered, new)
    same = sapwood.diff(base, file(names, new)).size
    assert sapwood.diff(base, target).size < 1.02 * same + 64
    assert_both_ways(base, target)
