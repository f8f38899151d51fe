"""Merged adapters: found without being told, with factors that the blocks of a matrix share."""

import numpy as np
import pytest

import sapwood
from sapwood import _core
from sapwood.codec.block import Codec
from sapwood.codec.element import Element
from sapwood.codec.encode import Level
from sapwood.codec.term import Term, encode_right
from sapwood.errors import WrongCall
from sapwood.patch import assemble, limits
from sapwood.patch.low_rank import find_low_rank
from tests.patch import models
from tests.patch.test_casts_and_scales import TYPES, blocks, round_trip
from tests.patch.test_determinism import PATHS, usable

ELEMENTS = {"f16": Element.F16, "bf16": Element.BF16, "f32": Element.F32, "f64": Element.F64}


def merged(
    rows: int,
    columns: int,
    rank: int,
    kinds: tuple[str, str] = ("bf16", "bf16"),
    size: float = 2e-3,
    *,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """A matrix, and the same with the product of two thin ones added before it was rounded."""
    random = np.random.default_rng(rows * columns + rank + seed)
    base = random.normal(0, 0.04, (rows, columns)).astype(TYPES[kinds[0]])
    left, right = random.normal(0, 1, (rows, rank)), random.normal(0, size / rank**0.5, (rank, columns))
    wide = np.float64 if "f64" in kinds else np.float32
    return base, (base.astype(wide) + (left @ right).astype(wide)).astype(TYPES[kinds[1]])


def flat(array: np.ndarray) -> bytes:
    """As one row: then nothing tells that it is a matrix."""
    return models.safetensors_file({"w": array.reshape(-1)})


def file(array: np.ndarray) -> bytes:
    return models.safetensors_file({"w": array})


@pytest.mark.parametrize("level", list(Level))
def test_a_merged_adapter_costs_a_part_of_its_difference(level: Level) -> None:
    base, target = merged(320, 256, 4)
    patch = sapwood.diff(file(base), file(target), level=level, threads=1)
    assert patch.size < 0.35 * sapwood.diff(flat(base), flat(target), level=level).size
    assert [block.codec for block in blocks(patch)].count(Codec.FACTORS) == 1
    assert sapwood.apply(file(base), patch) == file(target)


@pytest.mark.parametrize(
    "kinds", [("f16", "f16"), ("f32", "f32"), ("f32", "bf16"), ("bf16", "f16"), ("f64", "f64")]
)
def test_adapters_of_every_float(kinds: tuple[str, str]) -> None:
    base, target = merged(160, 128, 4, kinds)
    patch = round_trip(file(base), file(target))
    assert any(block.codec is Codec.FACTORS for block in blocks(patch))
    assert patch.size < sapwood.diff(flat(base), flat(target)).size


def test_both_decoders_share_factors_among_the_blocks_of_a_chunk() -> None:
    base, target = merged(600, 1024, 3)
    patch = round_trip(file(base), file(target))
    kinds = [block.codec for block in blocks(patch)]
    assert kinds.count(Codec.PREDICTED) > 1
    assert kinds.count(Codec.FACTORS) == 1


def test_every_chunk_says_the_factors_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    base, target = merged(600, 1024, 3)
    monkeypatch.setattr(limits, "CHUNK_BLOCKS", 1)
    monkeypatch.setattr(assemble, "_FACTOR_BLOCKS", 1)
    patch = round_trip(file(base), file(target))
    kinds = [block.codec for block in blocks(patch)]
    assert kinds.count(Codec.FACTORS) == kinds.count(Codec.PREDICTED) == 2
    assert len(patch.manifest.chunks) == 3


def test_a_matrix_says_its_factors_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # What is there twice would be kept, and not coded again.
    pairs = {name: merged(600, 1024, 3, seed=seed) for seed, name in enumerate("abc")}
    monkeypatch.setattr(limits, "CHUNK_CODED", 1 << 10)
    monkeypatch.setattr(limits, "CHUNK_BLOCKS", 1)
    old = models.safetensors_file({name: base for name, (base, _) in pairs.items()})
    new = models.safetensors_file({name: target for name, (_, target) in pairs.items()})
    patch = sapwood.diff(old, new, threads=1)
    # Not by the decoder in Python: two megabytes of products take it half a minute.
    assert sapwood.apply(old, patch) == new
    kinds = [block.codec for block in blocks(patch)]
    assert kinds.count(Codec.PREDICTED) == 6
    assert kinds.count(Codec.FACTORS) == 3
    assert len(patch.manifest.chunks) == 4


def test_matrices_beside_each_other_keep_their_own_factors() -> None:
    shapes = {"a": 96, "b": 128, "c": 96}
    pairs = {name: merged(128, shapes[name], 2, seed=seed) for seed, name in enumerate(shapes)}
    old = models.safetensors_file({name: base for name, (base, _) in pairs.items()})
    new = models.safetensors_file({name: target for name, (_, target) in pairs.items()})
    patch = round_trip(old, new)
    assert [block.codec for block in blocks(patch)].count(Codec.FACTORS) == 3


def test_a_convolution_is_a_matrix_with_a_row_an_output() -> None:
    base, target = merged(256, 144, 2)
    patch = round_trip(file(base.reshape(256, 16, 3, 3)), file(target.reshape(256, 16, 3, 3)))
    assert any(block.codec is Codec.FACTORS for block in blocks(patch))


def term(base: np.ndarray, target: np.ndarray) -> object:
    elements = ELEMENTS["bf16"], ELEMENTS["bf16"]
    views = memoryview(base.tobytes()), memoryview(target.tobytes())
    return find_low_rank(*views, elements, base.shape[1], Level.DEFAULT)


def test_updates_of_full_rank_have_no_term() -> None:
    base, _ = merged(256, 256, 1)
    random = np.random.default_rng(3)
    for size in (1e-5, 1e-4, 1e-3, 1e-2):
        moved = base.astype(np.float32) + random.normal(0, size, base.shape)
        assert term(base, moved.astype(base.dtype)) is None
    assert term(base, base) is None
    assert term(base, random.normal(0, 1, base.shape).astype(base.dtype)) is None


def test_a_few_changed_rows_have_no_term() -> None:
    base, _ = merged(256, 256, 1)
    target = base.copy()
    target[::40] = np.random.default_rng(3).normal(0, 1, target[::40].shape).astype(base.dtype)
    assert term(base, target) is None


def test_odd_numbers_among_the_elements_do_no_harm() -> None:
    base, target = merged(256, 192, 3)
    for value in (np.nan, np.inf, -np.inf, 0.0, 1e-40):
        base[3, 5::7], target[7, ::3], target[11] = value, value, value
    patch = round_trip(file(base), file(target))
    assert any(block.codec is Codec.FACTORS for block in blocks(patch))


@pytest.mark.parametrize("path", PATHS[1:])
def test_instruction_sets_change_no_factor(path: str) -> None:
    if not usable(path):
        pytest.skip(f"this processor or build has no {path}")
    base, target = merged(130, 101, 5)
    found = []
    for one in ("portable", path):
        matrices = base.tobytes(), Element.BF16, target.tobytes(), Element.BF16
        fit = _core.LowRank(*matrices, 101, 1, path=one)
        values = fit.find(9)
        fit.take(5)
        fit.improve(1.0, 2)
        fit.improve(0.05, 2)
        right = fit.round(-26, 130, 0.05)
        left = _core.low_rank_left(*matrices, right, 101, -26, 0.05, 2, path=one)
        found.append((values, right, left))
    assert found[0] == found[1]


def test_wrong_shapes_are_refused() -> None:
    data = bytes(2 * 12)
    with pytest.raises(ValueError, match="shape"):
        _core.LowRank(data, Element.BF16, data, Element.BF16, 5, 1)
    with pytest.raises(ValueError, match="floats"):
        _core.LowRank(data, Element.INT16, data, Element.BF16, 4, 1)
    fit = _core.LowRank(data, Element.BF16, data, Element.BF16, 4, 1)
    with pytest.raises(ValueError, match="rank"):
        fit.find(0)
    with pytest.raises(ValueError, match="rank"):
        fit.improve(1.0, 1)
    with pytest.raises(ValueError, match="found"):
        fit.take(1)
    with pytest.raises(ValueError, match="shape"):
        fit.begin(bytes(4 * 3), bytes(20))


def adapter_file(rows: int, columns: int, rank: int, module: str) -> bytes:
    """The adapter of ``merged`` in PEFT's names, without half of its scale."""
    random = np.random.default_rng(rows * columns + rank)
    random.normal(0, 0.04, (rows, columns))
    left = random.normal(0, 1, (rows, rank))
    right = random.normal(0, 2e-3 / rank**0.5, (rank, columns))
    return models.safetensors_file(
        {
            f"base_model.model.{module}.lora_A.default.weight": right.astype(np.float32),
            f"base_model.model.{module}.lora_B.default.weight": (left / 2).astype(np.float32),
        }
    )


def test_a_known_adapter_is_no_worse_than_a_found_one() -> None:
    base, target = merged(320, 256, 6)
    name = "model.layers.0.q_proj.weight"
    old, new = models.safetensors_file({name: base}), models.safetensors_file({name: target})
    found = sapwood.diff(old, new, threads=1)
    for module in ("model.layers.0.q_proj", "other.layers.0.q_proj"):
        adapter = adapter_file(320, 256, 6, module)
        known = sapwood.diff(old, new, adapter=adapter, threads=2)
        assert known.size < 1.02 * found.size
        assert sapwood.apply(old, known) == new


def test_an_adapter_of_something_else_does_no_harm() -> None:
    base, target = merged(320, 256, 6)
    found = sapwood.diff(file(base), file(target), threads=1)
    for adapter in (
        adapter_file(320, 256, 2, "w"),
        adapter_file(100, 256, 6, "w"),
        adapter_file(9, 9, 2, "v"),
    ):
        patch = sapwood.diff(file(base), file(target), adapter=adapter)
        assert patch.size < 1.1 * found.size
        assert sapwood.apply(file(base), patch) == file(target)


def test_a_file_without_an_adapter_is_refused() -> None:
    base, target = merged(64, 64, 1)
    with pytest.raises(WrongCall, match="lora_A"):
        sapwood.diff(file(base), file(target), adapter=file(base))


def test_classes_that_say_where_changes_are_need_no_zero_level() -> None:
    random = np.random.default_rng(5)
    base = random.integers(0, 1 << 14, 1 << 16).astype(np.uint16)
    near = random.random(base.size) < 0.02
    target = base + (near & (random.random(base.size) < 0.5))
    data = base.tobytes(), target.astype(np.uint16).tobytes()
    classes = np.where(near, 0, 13).astype(np.uint8).tobytes()
    told = _core.encode_numeric(*data, Element.BF16, Level.DEFAULT, classes=classes)
    alone = _core.encode_numeric(*data, Element.BF16, Level.DEFAULT)
    zero_level = 64
    assert told is not None
    assert alone is not None
    assert (told[0] & zero_level, alone[0] & zero_level) == (0, zero_level)
    assert len(told) < 0.4 * len(alone)


def test_a_left_factor_leaves_fewer_elements_over_the_edge_than_least_squares_do() -> None:
    base, target = merged(512, 256, 4)
    fit = _core.LowRank(base.tobytes(), Element.BF16, target.tobytes(), Element.BF16, 256, 1)
    fit.find(8)
    fit.take(4)
    fit.improve(1.0, 2)
    fit.improve(0.01, 8)
    exponent = -32
    packed = fit.round(exponent, 512, 0.01)
    right = np.frombuffer(packed, np.int32).reshape(4, 256).astype(np.float64)
    found = _core.low_rank_left(
        base.tobytes(), Element.BF16, target.tobytes(), Element.BF16, packed, 256, exponent, 0.01, 0
    )
    old, new = base.astype(np.float64), target.astype(np.float64)
    least = np.rint(np.linalg.lstsq(right.T * 2.0**exponent, (new - old).T, rcond=None)[0])

    def wrong(left: np.ndarray) -> int:
        predicted = old + left.T @ right * 2.0**exponent
        return int((predicted.astype(base.dtype) != target).sum())

    assert 0 < wrong(np.frombuffer(found, np.int32).reshape(4, 512)) < 0.7 * wrong(least)


def test_a_left_factor_whose_sums_could_overflow_is_refused() -> None:
    right = np.array([[3, -5, 2, 7]], np.int32)
    term = Term(4, 0, right.tobytes(), *encode_right(right.tobytes(), 4, 1))
    left = np.array([[11], [-13]], np.int32).tobytes()
    # The largest sum is 13 times 7 times one component.
    assert term.left(left, 91, 1) is not None
    assert term.left(left, 90, 1) is None
