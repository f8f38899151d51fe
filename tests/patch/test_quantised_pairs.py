"""Patches between GGUF files of quantised weights: smaller than differences of bytes, and never wrong."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

import sapwood
from sapwood.codec.block import Codec
from tests.patch import seal

Weights = np.ndarray[Any, np.dtype[np.float32]]
LEGACY = ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0")


def weights(seed: int) -> tuple[Weights, Weights]:
    """A matrix before and after a little training."""
    rng = np.random.default_rng(seed)
    before = (rng.standard_normal((96, 256)) * 0.04).astype(np.float32)
    return before, (before + rng.standard_normal(before.shape) * 4e-4).astype(np.float32)


def file(folder: Path, matrix: Weights, name: str, tensor: str = "layer.weight") -> bytes:
    """A GGUF file with the matrix as that type, and a vector."""
    kind = gguf.GGMLQuantizationType[name.upper()]
    path = folder / "model.gguf"
    writer = gguf.GGUFWriter(str(path), "test")
    writer.add_tensor(tensor, gguf.quants.quantize(matrix, kind), raw_dtype=kind)
    writer.add_tensor("layer.bias", matrix[0])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def codecs(patch: bytes) -> set[Codec]:
    parts = seal.parts(patch)
    return {block.codec for chunk in range(len(parts.chunks)) for block in parts.blocks(chunk)}


@pytest.mark.parametrize("level", ["fast", "default", "max"])
@pytest.mark.parametrize("name", LEGACY)
def test_a_fine_tune_of_one_type(tmp_path: Path, name: str, level: str) -> None:
    before, after = weights(1)
    base, target = file(tmp_path, before, name), file(tmp_path, after, name)
    patch = sapwood.diff(base, target, level=level).to_bytes()
    assert Codec.QUANTISED in codecs(patch)
    assert sapwood.apply(base, patch) == target
    # What a difference of bytes comes to: the same files, with the type hidden from the planner.
    plain = sapwood.diff(b"x" + base, b"x" + target, level=level).to_bytes()
    assert len(patch) < 0.9 * len(plain)


@pytest.mark.parametrize("old", ["f32", "f16", "bf16"])
@pytest.mark.parametrize("name", LEGACY)
def test_quantising_costs_nearly_nothing(tmp_path: Path, name: str, old: str) -> None:
    kind = gguf.GGMLQuantizationType[old.upper()]
    known = gguf.quants.dequantize(gguf.quants.quantize(weights(2)[0], kind), kind)
    base, target = file(tmp_path, known, old), file(tmp_path, known, name)
    patch = sapwood.diff(base, target).to_bytes()
    assert sapwood.apply(base, patch) == target
    assert len(patch) < 400


@pytest.mark.parametrize(("old", "new"), [("q8_0", "q4_0"), ("q4_1", "q8_0"), ("f16", "q5_1")])
def test_a_fine_tune_of_another_type(tmp_path: Path, old: str, new: str) -> None:
    before, after = weights(3)
    base, target = file(tmp_path, before, old), file(tmp_path, after, new)
    patch = sapwood.diff(base, target).to_bytes()
    assert sapwood.apply(base, patch) == target
    assert len(patch) < len(sapwood.compress(target).to_bytes())


@pytest.mark.parametrize("name", LEGACY)
def test_what_is_of_low_rank_in_an_update_is_foretold(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(9)
    before = (rng.standard_normal((256, 512)) * 0.04).astype(np.float32)
    product = rng.standard_normal((256, 2)) @ rng.standard_normal((2, 512))
    after = (before + product * 1e-3 + rng.standard_normal(before.shape) * 5e-4).astype(np.float32)
    base, target = file(tmp_path, before, name), file(tmp_path, after, name)
    patch = sapwood.diff(base, target, threads=1).to_bytes()
    assert {Codec.QUANTISED, Codec.FACTORS} <= codecs(patch)
    assert sapwood.apply(base, patch) == target
    assert sapwood.diff(base, target, threads=3).to_bytes() == patch
    # Level fast looks for no such term.
    without = sapwood.diff(base, target, level="fast").to_bytes()
    assert Codec.FACTORS not in codecs(without)
    assert len(patch) < 0.93 * len(without)


def test_no_term_where_few_rows_moved_or_nothing_is_of_low_rank(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    before = (rng.standard_normal((256, 512)) * 0.04).astype(np.float32)
    some = before.copy()
    some[::3] += (rng.standard_normal((86, 1)) @ rng.standard_normal((1, 512)) * 1e-3).astype(np.float32)
    noise = (before + rng.standard_normal(before.shape) * 5e-4).astype(np.float32)
    base = file(tmp_path, before, "q8_0")
    for after in (some, noise):
        target = file(tmp_path, after, "q8_0")
        patch = sapwood.diff(base, target).to_bytes()
        assert codecs(patch) >= {Codec.QUANTISED}
        assert Codec.FACTORS not in codecs(patch)
        assert sapwood.apply(base, patch) == target


def test_a_term_belongs_to_its_chunk_and_is_not_squashed_without_the_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    first = (rng.standard_normal((256, 512)) * 0.04).astype(np.float32)
    product = rng.standard_normal((256, 2)) @ rng.standard_normal((2, 512)) * 1e-3
    steps = [first + i * product.astype(np.float32) for i in range(3)]
    files = []
    for i, step in enumerate(steps):
        files.append(tmp_path / f"{i}.gguf")
        files[-1].write_bytes(file(tmp_path, step, "q8_0"))
    chain = tmp_path / "all.swchain"
    sapwood.chain_create(files, chain)
    with pytest.raises(sapwood.SapwoodError, match="low-rank"):
        sapwood.chain_squash(chain, tmp_path / "one.swpatch")
    sapwood.chain_squash(chain, tmp_path / "one.swpatch", base=files[0])
    squashed = (tmp_path / "one.swpatch").read_bytes()
    assert sapwood.apply(files[0].read_bytes(), squashed) == files[2].read_bytes()


def test_unrelated_weights_cost_what_they_cost_alone(tmp_path: Path) -> None:
    base, target = file(tmp_path, weights(4)[0], "q4_0"), file(tmp_path, weights(5)[0], "q4_0")
    patch = sapwood.diff(base, target).to_bytes()
    assert sapwood.apply(base, patch) == target
    assert len(patch) < len(sapwood.compress(target).to_bytes()) + 200
    crossed = sapwood.diff(file(tmp_path, weights(4)[0], "f16"), target).to_bytes()
    assert len(crossed) < len(sapwood.compress(target).to_bytes()) + 200


def test_equal_tensors_are_copied(tmp_path: Path) -> None:
    base = file(tmp_path, weights(6)[0], "q8_0")
    assert Codec.QUANTISED not in codecs(sapwood.diff(base, base).to_bytes())


def test_devices_are_not_sent_what_they_cannot_read(tmp_path: Path) -> None:
    before, _ = weights(7)
    for old in ("f16", "q8_0"):
        base, target = file(tmp_path, before, old), file(tmp_path, before, "q8_0")
        patch = sapwood.diff(base, target, profile="device").to_bytes()
        assert codecs(patch) <= {Codec.DEVICE, Codec.STORED}
        assert sapwood.apply(base, patch) == target


def test_a_grown_table_keeps_its_rows(tmp_path: Path) -> None:
    before, after = weights(8)
    base, target = file(tmp_path, before[:64], "q8_0"), file(tmp_path, after, "q8_0")
    patch = sapwood.diff(base, target).to_bytes()
    assert Codec.QUANTISED in codecs(patch)
    assert sapwood.apply(base, patch) == target
