"""Floats predicted from other floats: casts, scales, and both, across formats."""

import ml_dtypes
import numpy as np
import pytest

import sapwood
from sapwood.codec.block import Block, Codec, read_block
from sapwood.codec.element import Element
from sapwood.codec.varint import ByteReader
from sapwood.patch.scale_search import find_scales
from tests.oracle.container import decode_patch
from tests.patch import models

TYPES = {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}


def weights(seed: int = 1, rows: int = 200) -> models.Arrays:
    random = np.random.default_rng(seed)
    return {
        "embed.weight": random.normal(0, 0.05, (rows, 96)).astype(np.float32),
        "layer.weight": random.normal(0, 0.02, (96, 96)).astype(np.float32),
        "layer.bias": random.normal(0, 1, 96).astype(np.float32),
    }


def as_type(arrays: models.Arrays, kind: np.dtype) -> models.Arrays:
    return {name: array.astype(kind) for name, array in arrays.items()}


def round_trip(base: bytes, target: bytes) -> sapwood.Patch:
    """The patch, applied by both decoders and the same from any number of threads."""
    patch = sapwood.diff(base, target, threads=1)
    data = patch.to_bytes()
    assert data == sapwood.diff(base, target, threads=3).to_bytes()
    assert sapwood.apply(base, data, threads=2) == target
    assert decode_patch(data, base) == target
    return patch


def blocks(patch: sapwood.Patch) -> list[Block]:
    data = patch.to_bytes()
    at = len(data) - sum(chunk.coded for chunk in patch.manifest.chunks)
    found = []
    for chunk in patch.manifest.chunks:
        reader, position = ByteReader(data[at : at + chunk.coded], 0), 0
        while reader.left:
            block, position = read_block(reader, position, patch.manifest.base.size)
            found.append(block)
        at += chunk.coded
    return found


@pytest.mark.parametrize("target_kind", TYPES)
@pytest.mark.parametrize("base_kind", TYPES)
def test_an_exact_cast_costs_next_to_nothing(base_kind: str, target_kind: str) -> None:
    base = as_type(weights(), TYPES[base_kind])
    target = as_type(base, TYPES[target_kind])
    patch = round_trip(models.safetensors_file(base), models.safetensors_file(target))
    assert patch.size < 500


@pytest.mark.parametrize("maker", ["gguf", "npz", "torch", "onnx"])
def test_casts_reach_across_formats(maker: str) -> None:
    source = {**weights(), "codes": np.arange(-80, 80, dtype=np.int8)}
    target = {name: a if name == "codes" else a.astype(np.float16) for name, a in source.items()}
    for old, new in ((maker, "safetensors"), ("safetensors", maker)):
        whole = models.MAKERS[new](target)
        patch = round_trip(models.MAKERS[old](source), whole)
        # What is left are headers, and padding in zip archives.
        assert patch.size < 2500, (old, new)


def test_a_cast_under_other_names_is_known_by_its_content() -> None:
    base = weights()
    target = {f"blk.{i}": array.astype(np.float16) for i, array in enumerate(reversed(base.values()))}
    target["codes"] = np.arange(200, dtype=np.int8)
    patch = round_trip(models.safetensors_file(base), models.gguf_file(target))
    assert patch.size < 2500


def test_a_table_that_grew_while_it_was_cast() -> None:
    base, more = weights(rows=300), weights(2, 310)
    target = as_type(base, TYPES["bf16"])
    target["embed.weight"] = np.concatenate(
        [target["embed.weight"], more["embed.weight"][:10].astype(TYPES["bf16"])]
    )
    patch = round_trip(models.safetensors_file(base), models.safetensors_file(target))
    assert patch.size < 500 + 10 * 96 * 2


@pytest.mark.parametrize(
    ("base_kind", "target_kind"), [("f32", "bf16"), ("f32", "f16"), ("bf16", "f32"), ("f16", "bf16")]
)
def test_an_inexact_cast_takes_less_than_the_target_alone(base_kind: str, target_kind: str) -> None:
    base = weights()
    random = np.random.default_rng(5)
    moved = {name: a + random.normal(0, 1e-5, a.shape).astype(np.float32) for name, a in base.items()}
    old = models.safetensors_file(as_type(base, TYPES[base_kind]))
    new = models.safetensors_file(as_type(moved, TYPES[target_kind]))
    patch = round_trip(old, new)
    assert any(block.codec is Codec.PREDICTED for block in blocks(patch))
    assert patch.size < 0.7 * sapwood.compress(new).size


def test_floats_that_no_cast_explains_are_never_larger() -> None:
    base, other = weights(), weights(9)
    new = models.safetensors_file(as_type(other, TYPES["f16"]))
    patch = round_trip(models.safetensors_file(base), new)
    assert patch.size <= sapwood.compress(new).size + 200


def test_every_value_of_16_bits_survives_a_cast() -> None:
    every = np.arange(1 << 16, dtype=np.uint16)
    for kind in ("f16", "bf16"):
        for other in TYPES.values():
            with np.errstate(all="ignore"):
                cast = every.view(TYPES[kind]).astype(other)
            old = models.safetensors_file({"w": every.view(TYPES[kind])})
            round_trip(old, models.safetensors_file({"w": cast}))
            round_trip(models.safetensors_file({"w": cast}), old)


@pytest.mark.parametrize("kind", TYPES)
def test_one_scale_of_a_whole_tensor_is_found(kind: str) -> None:
    base = as_type(weights(rows=2000), TYPES[kind])
    scale = np.float32(1 - 0.015)
    target = {n: (a.astype(np.float64) * np.float64(scale)).astype(TYPES[kind]) for n, a in base.items()}
    old, new = models.safetensors_file(base), models.safetensors_file(target)
    patch = round_trip(old, new)
    # A scale is seen through the roundings of a sample: in narrow types some elements are beside it.
    assert patch.size < 0.01 * len(new)


def test_a_scale_and_a_cast_are_found_together() -> None:
    base = weights(rows=2000)
    target = {n: (a.astype(np.float64) * 0.5017).astype(np.float16) for n, a in base.items()}
    new = models.safetensors_file(target)
    assert round_trip(models.safetensors_file(base), new).size < 0.01 * len(new)


def test_a_plain_update_has_no_scale() -> None:
    random = np.random.default_rng(4)
    base = random.normal(0, 0.05, 50_000).astype(np.float32)
    for noise in (1e-7, 1e-5, 1e-3, 1e-1):
        target = (base + random.normal(0, noise, 50_000)).astype(np.float32)
        old, new = memoryview(base.tobytes()), memoryview(target.tobytes())
        assert find_scales(old, Element.F32, new, Element.F32) == ()


def test_odd_floats_have_no_scale() -> None:
    for value in (0.0, -0.0, np.inf, np.nan, 5e-324):
        data = memoryview(np.full(5000, value).tobytes())
        assert find_scales(data, Element.F64, data, Element.F64) == ()


def test_quotients_beyond_any_number_are_no_scale() -> None:
    old, new = (memoryview(np.full(200, size).tobytes()) for size in (1e-300, 1e300))
    assert find_scales(old, Element.F64, new, Element.F64) == ()


def test_a_device_patch_has_no_predictions() -> None:
    base = weights()
    old, new = models.safetensors_file(base), models.safetensors_file(as_type(base, TYPES["f16"]))
    patch = sapwood.diff(old, new, profile="device")
    assert {block.codec for block in blocks(patch)} <= {Codec.DEVICE, Codec.STORED}
    assert sapwood.apply(old, patch) == new


def test_second_moments_of_what_was_not_trained_are_scaled() -> None:
    random = np.random.default_rng(6)
    before = (random.normal(0, 1e-3, (900, 64)) ** 2).astype(np.float32)
    # A step of Adam: v = 0.999 v + 0.001 g^2, and most rows of an embedding have no gradient.
    after = before * np.float32(0.999)
    after[::9] += np.float32(0.001) * (random.normal(0, 1e-3, after[::9].shape) ** 2).astype(np.float32)
    old, new = (models.torch_file({"exp_avg_sq": array}) for array in (before, after))
    patch = round_trip(old, new)
    assert any(block.codec is Codec.PREDICTED for block in blocks(patch))
    assert patch.size < 0.15 * len(new)
