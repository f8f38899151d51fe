"""Numbers of ``sapwood.stats`` against plain NumPy over whole arrays."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import save, save_file

import sapwood
from sapwood.patch.model_stats import Change, ModelStats, TensorStats
from sapwood.patch.roles import position
from sapwood.patch.stats_plot import plot

Arrays = dict[str, npt.NDArray[Any]]


def compare(base: Arrays, target: Arrays) -> dict[str, TensorStats]:
    return {row.name: row for row in sapwood.stats(save(base), save(target)).tensors}


def normal(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    "kind",
    [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2],
)
def test_the_numbers_are_those_of_numpy(kind: Any) -> None:
    # More than one block, and not a whole number of them.
    old = normal(600, 500).astype(kind)
    new = (old.astype(np.float64) * np.where(np.arange(500) % 3, 1, 1.25)).astype(kind)
    row = compare({"w": old}, {"w": new})["w"]
    bits = f"u{old.dtype.itemsize}"
    before, after = old.astype(np.float64), new.astype(np.float64)
    base_rms = math.sqrt(np.mean(before**2))
    assert row.change is Change.CHANGED
    assert row.compared == old.size
    assert row.changed == np.count_nonzero(old.view(bits) != new.view(bits))
    assert row.base_rms == pytest.approx(base_rms)
    assert row.rms == pytest.approx(math.sqrt(np.mean((after - before) ** 2)) / base_rms)
    assert row.max == pytest.approx(np.abs(after - before).max() / base_rms)


def test_a_tensor_that_stayed_is_the_same() -> None:
    row = compare({"w": normal(9)}, {"w": normal(9)})["w"]
    assert (row.change, row.changed_share, row.rms, row.max) == (Change.SAME, 0, 0, 0)


def test_a_moved_tensor_is_found_by_its_content() -> None:
    weights = normal(32, 32)
    rows = compare({"old.name": weights, "b": normal(3)}, {"new.name": weights, "b": normal(3)})
    assert rows["new.name"].change is Change.MOVED
    assert rows["new.name"].source == "old.name"
    assert "old.name" not in rows


def test_new_and_removed_tensors_are_told() -> None:
    rows = compare(
        {"a": normal(40), "gone": normal(50, seed=1)}, {"a": normal(40), "fresh": normal(60, seed=2)}
    )
    assert rows["fresh"].change is Change.NEW
    assert rows["gone"].change is Change.REMOVED
    assert rows["gone"].changed_share is None


def test_a_grown_table_is_compared_as_far_as_both_go() -> None:
    rows = compare({"table": normal(10, 8)}, {"table": np.vstack([normal(10, 8), normal(4, 8, seed=1)])})
    assert rows["table"].change is Change.RESIZED
    assert (rows["table"].compared, rows["table"].changed) == (80, 0)


def test_a_cast_is_compared_by_value() -> None:
    weights = normal(64, 64)
    rows = compare({"w": weights}, {"w": weights.astype(ml_dtypes.bfloat16)})
    assert rows["w"].change is Change.RETYPED
    assert rows["w"].rms is not None
    assert 1e-4 < rows["w"].rms < 3e-3
    exact = compare({"w": weights.astype(ml_dtypes.bfloat16)}, {"w": rows_exact(weights)})
    assert exact["w"].changed == 0


def rows_exact(weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return weights.astype(ml_dtypes.bfloat16).astype(np.float32)


def test_integers_have_a_share_and_no_rms() -> None:
    rows = compare({"i": np.arange(10)}, {"i": np.arange(10) * 2})
    assert (rows["i"].changed, rows["i"].rms, rows["i"].base_rms) == (9, None, None)


def test_what_is_not_finite_counts_as_changed_but_not_in_the_sums() -> None:
    old = np.array([1, np.nan, np.inf, 2], np.float32)
    new = np.array([1, np.nan, 3, 4], np.float32)
    row = compare({"w": old}, {"w": new})["w"]
    assert row.changed == 2
    assert row.max == pytest.approx(2 / math.sqrt(2.5))


def test_a_base_of_zeros_has_no_relative_change() -> None:
    row = compare({"w": np.zeros(8, np.float32)}, {"w": np.ones(8, np.float32)})["w"]
    assert (row.changed, row.base_rms, row.rms, row.max) == (8, 0.0, None, None)


def test_squares_too_large_for_a_float_are_unknown() -> None:
    row = compare({"w": np.full(4, 1e300)}, {"w": np.full(4, -1e300)})["w"]
    assert (row.changed, row.rms) == (4, None)


def test_block_types_are_counted_in_blocks(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf", reason="the test extra is not installed")
    for name, factor in (("a", 1.0), ("b", 2.0)):
        writer = gguf.GGUFWriter(tmp_path / name, "llama")
        weights = normal(4, 64)
        weights[0] *= factor
        data = gguf.quants.quantize(weights, gguf.GGMLQuantizationType.Q8_0)
        writer.add_tensor("w", data, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    row = sapwood.stats(tmp_path / "a", tmp_path / "b").tensors[0]
    assert (row.dtype, row.compared, row.changed) == ("q8_0", 8, 2)


def test_shards_are_one_model(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        (tmp_path / version).mkdir()
    save_file({"a": normal(64)}, tmp_path / "v1" / "1.safetensors")
    save_file({"b": normal(64, seed=1)}, tmp_path / "v1" / "2.safetensors")
    save_file({"a": normal(64), "b": normal(64, seed=1)}, tmp_path / "v2" / "1.safetensors")
    rows = {row.name: row for row in sapwood.stats(tmp_path / "v1", tmp_path / "v2").tensors}
    assert (rows["a"].change, rows["b"].change) == (Change.SAME, Change.MOVED)


def test_progress_ends_at_the_total() -> None:
    seen: list[tuple[int, int]] = []
    model = save({"a": normal(10), "b": normal(20)})
    sapwood.stats(model, model, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (120, 120)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
def test_memory_does_not_grow_with_the_model(tmp_path: Path) -> None:
    header = b'{"w":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}'
    size = 400 << 20
    for name in ("a", "b"):
        text = header % (size // 4, size)
        with (tmp_path / name).open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + size)
    code = (
        "import resource, sys, sapwood\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "sapwood.stats(*sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    # Threads of a linear algebra library have work memory of their own, by the number of processors.
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "a", tmp_path / "b"],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    assert int(ran.stdout) < 120_000


@pytest.mark.parametrize(
    ("name", "stack", "layer", "role"),
    [
        ("encoder.layer.3.attention.self.query.weight", "encoder.layer", 3, "attention q"),
        ("encoder.layer.3.attention.output.dense.bias", "encoder.layer", 3, "attention o"),
        ("encoder.layer.3.attention.output.LayerNorm.bias", "encoder.layer", 3, "norm"),
        ("encoder.layer.3.intermediate.dense.weight", "encoder.layer", 3, "mlp up"),
        ("encoder.layer.3.output.dense.weight", "encoder.layer", 3, "mlp down"),
        ("model.layers.11.self_attn.k_proj.weight", "model.layers", 11, "attention k"),
        ("model.layers.11.mlp.experts.63.down_proj.weight", "model.layers", 11, "mlp down"),
        ("model.layers.11.mlp.gate.weight", "model.layers", 11, "router"),
        ("model.layers.11.mlp.gate_proj.weight", "model.layers", 11, "mlp gate"),
        ("blk.7.attn_v.weight", "blk", 7, "attention v"),
        ("blk.7.ffn_up.weight", "blk", 7, "mlp up"),
        ("transformer.h.0.attn.c_attn.weight", "transformer.h", 0, "attention qkv"),
        ("transformer.h.0.attn.c_proj.weight", "transformer.h", 0, "attention o"),
        ("transformer.h.0.mlp.c_proj.weight", "transformer.h", 0, "mlp down"),
        ("transformer.h.0.ln_1.weight", "transformer.h", 0, "norm"),
        ("layer2.1.conv2.weight", "layer2", 1, "conv"),
        ("stages.0.thing.5.weight", "stages", 0, "thing.#"),
        ("model.embed_tokens.weight", "", None, "embedding"),
        ("something", "", None, "something"),
    ],
)
def test_a_name_tells_the_place(name: str, stack: str, layer: int | None, role: str) -> None:
    found = position(name)
    assert (found.stack, found.layer, found.role) == (stack, layer, role)


def invented(count: int) -> ModelStats:
    """Many tensors of every sort, without the weights."""
    roles = ("self_attn.q_proj", "mlp.up_proj", *(f"odd{chr(97 + i)}" for i in range(30)))
    rows = []
    for i in range(count):
        name = f"model.layers.{i // len(roles)}.{roles[i % len(roles)]}.weight"
        name = f"single_{i}" if i % 5 == 0 else name
        rms = None if i % 7 == 0 else 10.0 ** -(i % 6)
        rows.append(TensorStats(name, "", "f32", (10,), Change.CHANGED, "", 40, 10, i % 11, 1.0, rms, rms))
    return ModelStats(tuple(rows), 1, 1)


@pytest.mark.parametrize("count", [0, 1, 100, 3000])
def test_a_picture_of_any_number_of_tensors_is_drawn(tmp_path: Path, count: int) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    plot(invented(count), tmp_path / "p.svg")
    assert (tmp_path / "p.svg").stat().st_size > 0


def test_a_name_with_a_formula_is_drawn_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    model = save({r"a$\frac$": normal(8), "b$^$.0.w$_$": normal(8), "中": normal(8)})
    sapwood.stats(model, model).plot(tmp_path / "p.svg")
