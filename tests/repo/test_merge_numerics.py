"""Merged tensors against the papers' formulas in binary64, and the rules that hold for all of them."""

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sapwood.errors import MergeConflict, WrongCall
from sapwood.patch.array_types import FLOATS
from sapwood.repo.merge.chunks import CHUNK
from sapwood.repo.merge.dare import mask, mask_key
from sapwood.repo.merge.rank import kth_largest
from sapwood.repo.merge.strategy import (
    Average,
    Dare,
    Fail,
    Ours,
    Slerp,
    Strategy,
    TaskArithmetic,
    Theirs,
    Ties,
    Weighted,
)
from sapwood.repo.merge.tensors import merge_tensors, same_tensor
from tests.repo import merge_reference as reference

Array = npt.NDArray[Any]

MIXING: list[Strategy] = [
    Average(),
    Weighted((0.3, 0.7)),
    Slerp(0.25),
    TaskArithmetic((0.5, 0.25), 0.8),
    Ties(0.3, scale=0.7),
    Ties(0.3, weights=(1, 3)),
    Dare(0.4, seed=7),
    Dare(0.4, elect=True),
]
TYPES = [kind for name, kind in FLOATS.items() if name != "f8_e8m0"]


def family(kind: np.dtype[Any], size: int = 3000, seed: int = 0) -> tuple[Array, Array, Array]:
    """A base and two fine-tunes of it, of magnitudes that every type holds well."""
    draw = np.random.default_rng(seed)
    base = draw.normal(size=size)
    ours, theirs = (base + 0.25 * draw.normal(size=size) for _ in range(2))
    return base.astype(kind), ours.astype(kind), theirs.astype(kind)


def merged(strategy: Strategy, base: Array | None, *sides: Array | None) -> Array:
    result = merge_tensors(strategy, base, sides, name="layer.weight")
    assert result is not None
    return result


def expected(
    strategy: Strategy,
    base: Array,
    ours: Array,
    theirs: Array,
    masked: Callable[..., npt.NDArray[np.bool_]] = reference.dare_mask,
) -> npt.NDArray[np.float64]:
    x, a, b = (tensor.astype(np.float64) for tensor in (base, ours, theirs))
    match strategy:
        case Average():
            return reference.weighted([a, b], [1, 1])
        case Weighted(weights):
            return reference.weighted([a, b], weights)
        case Slerp(t):
            return reference.slerp(a, b, t)
        case TaskArithmetic(weights, scale):
            return reference.task_arithmetic(x, [a, b], weights, scale)
        case Ties(density, (), scale):
            return reference.ties(x, [a, b], density, scale)
        case Ties(density, weights):
            # A vote of weight 3 is three votes.
            return reference.ties(x, [a, b, b, b], density, 1)
        case Dare(density, seed=seed, elect=elect):
            masks = [masked(seed, side, "layer.weight", density, a.size) for side in range(2)]
            if elect:
                vectors = [m * (side - x) / density for m, side in zip(masks, (a, b), strict=True)]
                return x + reference.elect(vectors)
            return reference.dare(x, [a, b], masks, density)
    raise AssertionError(strategy)


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("strategy", MIXING, ids=str)
def test_every_strategy_computes_its_papers_formula(strategy: Strategy, kind: np.dtype[Any]) -> None:
    base, ours, theirs = family(kind)
    result = merged(strategy, base, ours, theirs)
    assert result.dtype == kind
    exact = expected(strategy, base, ours, theirs)
    # Half a step of the type at the exact value, and some roundings of the sums before.
    info = ml_dtypes.finfo(kind)  # type: ignore[no-untyped-call]  # it has no types
    half_ulp = np.maximum(np.abs(exact), float(info.smallest_normal)) * float(info.eps) / 2
    slack = 4 * (1e-15 if kind == np.float64 else 1e-6)
    differences = np.abs(result.astype(np.float64) - exact)
    close = differences <= half_ulp + slack * (1 + np.abs(exact))
    assert close.all(), (differences.max(), np.flatnonzero(~close)[:5])


def fast_mask(seed: int, side: int, name: str, density: float, count: int) -> npt.NDArray[np.bool_]:
    return mask(mask_key(seed, side, name), density, slice(0, count))


@pytest.mark.parametrize("strategy", MIXING, ids=str)
def test_a_tensor_of_many_chunks_is_merged_as_in_one_piece(strategy: Strategy) -> None:
    base, ours, theirs = family(np.dtype(np.float32), 2 * CHUNK + 1234)
    whole = merged(strategy, base, ours, theirs)
    exact = expected(strategy, base, ours, theirs, fast_mask)
    assert np.abs(whole - exact).max() < 2e-6


@pytest.mark.parametrize("strategy", MIXING, ids=str)
def test_a_merge_is_the_same_twice_and_for_strided_arrays(strategy: Strategy) -> None:
    base, ours, theirs = (tensor.reshape(30, 100) for tensor in family(np.dtype(np.float32)))
    strided = [np.asfortranarray(tensor) for tensor in (ours, theirs)]
    assert same_tensor(
        merged(strategy, base, ours, theirs), merged(strategy, np.asfortranarray(base), *strided)
    )


@pytest.mark.parametrize("strategy", [*MIXING, Fail(), Ours(), Theirs()], ids=str)
class TestTheThreeWayRule:
    def test_what_one_side_changed_is_taken_whole(self, strategy: Strategy) -> None:
        base, ours, _ = family(np.dtype(np.float16))
        assert merged(strategy, base, ours, base.copy()) is ours
        assert merged(strategy, base, base.copy(), ours) is ours

    def test_what_both_sides_changed_alike_is_taken(self, strategy: Strategy) -> None:
        base, ours, _ = family(np.dtype(np.float16))
        assert merged(strategy, base, ours, ours.copy()) is ours

    def test_what_nobody_changed_stays(self, strategy: Strategy) -> None:
        base, *_ = family(np.dtype(np.float16))
        assert same_tensor(merged(strategy, base, base.copy(), base.copy()), base)

    def test_integers_that_one_side_changed_are_taken(self, strategy: Strategy) -> None:
        base, ours = np.arange(3), np.arange(3) + 1
        assert merged(strategy, base, base, ours) is ours

    def test_a_tensor_added_or_deleted_on_one_side_is_so_in_the_result(self, strategy: Strategy) -> None:
        base, ours, _ = family(np.dtype(np.float16))
        assert merge_tensors(strategy, None, [None, ours], name="w") is ours
        assert merge_tensors(strategy, base, [None, base], name="w") is None
        assert merge_tensors(strategy, base, [None, None], name="w") is None


@pytest.mark.parametrize("strategy", MIXING, ids=str)
class TestConflicts:
    @pytest.mark.parametrize(
        ("ours", "reason"),
        [
            (None, "deleted on one side"),
            (np.ones(5, np.float32), r"differ: float32\[4\] and float32\[5\]"),
            (np.ones(4, np.float16), r"differ: float16\[4\] and float32\[4\]"),
        ],
    )
    def test_forms_that_differ(self, strategy: Strategy, ours: Array | None, reason: str) -> None:
        with pytest.raises(MergeConflict, match=f"tensor 'w': .*{reason}"):
            merge_tensors(strategy, np.zeros(4, np.float32), [ours, np.full(4, 2, np.float32)], name="w")

    @pytest.mark.parametrize(
        "kind", [np.int8, np.uint8, np.int64, np.bool_, np.complex64, ml_dtypes.float8_e8m0fnu]
    )
    def test_what_has_no_mean(self, strategy: Strategy, kind: Any) -> None:
        base, ours, theirs = (np.array([a, b], np.float32).astype(kind) for a, b in ((1, 1), (2, 1), (0, 2)))
        if kind is np.bool_:
            theirs = np.array([True, False])
            base = np.array([False, False])
        with pytest.raises(MergeConflict, match="elements have no mean"):
            merged(strategy, base, ours, theirs)
        assert merged(Ours(), base, ours, theirs) is ours
        assert merged(Theirs(), base, ours, theirs) is theirs


def test_fail_names_what_both_sides_changed() -> None:
    with pytest.raises(MergeConflict, match=r"tensor 'layer.weight': changed on both sides"):
        merged(Fail(), *family(np.dtype(np.float32)))


@pytest.mark.parametrize("strategy", [TaskArithmetic(), Ties(), Dare()])
def test_differences_need_a_base(strategy: Strategy) -> None:
    _, ours, theirs = family(np.dtype(np.float32))
    with pytest.raises(MergeConflict, match="differences from a base"):
        merged(strategy, None, ours, theirs)


def test_deleting_against_changing_is_decided_by_taking_a_side() -> None:
    base, ours, _ = family(np.dtype(np.float32))
    assert merge_tensors(Theirs(), base, [ours, None], name="w") is None
    assert merge_tensors(Ours(), base, [ours, None], name="w") is ours


values = hnp.arrays(np.float32, 12, elements=st.floats(-1e3, 1e3, width=32))


@given(values, values)
def test_an_average_does_not_mind_the_order(ours: Array, theirs: Array) -> None:
    base = np.full(12, 0.3, np.float32)
    assert same_tensor(merged(Average(), base, ours, theirs), merged(Average(), base, theirs, ours))


@given(values, values, values)
def test_elections_and_sums_of_two_do_not_mind_the_order(base: Array, ours: Array, theirs: Array) -> None:
    for strategy in (TaskArithmetic(), Ties(0.5)):
        assert same_tensor(merged(strategy, base, ours, theirs), merged(strategy, base, theirs, ours))


@given(values, values)
def test_the_ends_of_the_arc_are_the_sides(ours: Array, theirs: Array) -> None:
    base = np.full(12, 0.3, np.float32)
    assume(np.dot(ours.astype(float), theirs) > -0.9 * np.linalg.norm(ours) * np.linalg.norm(theirs))
    assert np.array_equal(merged(Slerp(0.0), base, ours, theirs), ours)
    assert np.array_equal(merged(Slerp(1.0), base, ours, theirs), theirs)


@given(values, st.integers(0, 11), st.integers(0, 11))
def test_changes_in_different_places_are_all_kept_by_task_arithmetic(
    base: Array, one: int, other: int
) -> None:
    ours, theirs = base.copy(), base.copy()
    ours[one] = 7777
    theirs[other] = 8888
    result = merged(TaskArithmetic(), base, ours, theirs)
    untouched = np.delete(np.arange(12), [one, other])
    assert result[untouched].tobytes() == base[untouched].tobytes()
    if one != other:
        assert result[[one, other]] == pytest.approx([7777, 8888], rel=1e-6)


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(width=32)), st.data())
def test_the_kth_largest_is_the_kth_of_the_sorted(numbers: Array, data: st.DataObject) -> None:
    magnitudes = np.abs(numbers)
    rank = data.draw(st.integers(1, magnitudes.size))
    for kind in (np.float32, np.float64):
        wide = magnitudes.astype(kind)
        chunks = np.array_split(wide, 3)
        found = kth_largest(rank, wide.dtype, lambda chunks=chunks: iter(chunks))  # type: ignore[misc]
        assert np.array_equal(found, np.sort(wide)[-rank], equal_nan=True)


class TestNumbersThatAreNotFinite:
    base = np.array([1, np.inf, -np.inf, np.nan, 1, 1, -0.0], np.float32)
    ours = np.array([2, np.inf, -np.inf, np.nan, np.nan, np.inf, -0.0], np.float32)
    theirs = np.array([4, np.inf, -np.inf, np.nan, 1, 1, -0.0], np.float32)

    def test_they_stay_in_a_mean(self) -> None:
        result = merged(Average(), self.base, self.ours, self.theirs)
        np.testing.assert_array_equal(result, [3, np.inf, -np.inf, np.nan, np.nan, np.inf, -0.0])

    def test_a_side_of_weight_nothing_adds_none(self) -> None:
        assert same_tensor(merged(Weighted((0, 1)), self.base, self.ours, self.theirs), self.theirs)

    @pytest.mark.parametrize(
        "strategy", [TaskArithmetic(), Ties(1.0), Dare(1.0), Dare(1.0, elect=True)], ids=str
    )
    def test_no_difference_between_equal_infinities(self, strategy: Strategy) -> None:
        result = merged(strategy, self.base, self.ours, self.theirs)
        np.testing.assert_array_equal(result[1:], [np.inf, -np.inf, np.nan, np.nan, np.inf, -0.0])
        assert np.signbit(result[-1]), "an element that nobody changed keeps its bits"

    def test_no_arc_leads_to_them(self) -> None:
        with pytest.raises(MergeConflict, match="a NaN or an infinity"):
            merged(Slerp(), self.base, self.ours, self.theirs)


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.itemsize < 4], ids=str)
def test_results_beyond_the_type_become_its_greatest(kind: np.dtype[Any]) -> None:
    greatest = float(ml_dtypes.finfo(kind).max)  # type: ignore[no-untyped-call]  # it has no types
    base, ours = np.zeros(3, kind), np.array([greatest, -greatest, 1], np.float32).astype(kind)
    theirs = ours.copy()
    theirs[2] = 2
    if kind.name == "bfloat16":  # as wide as binary32, whose own overflow is an infinity
        greatest = np.inf
    assert merged(TaskArithmetic(), base, ours, theirs).astype(float).tolist() == [greatest, -greatest, 3]


def test_an_arc_between_opposites_is_refused_and_one_from_nothing_is_a_line() -> None:
    ours = np.array([1, 2, 3], np.float32)
    with pytest.raises(MergeConflict, match="opposite directions"):
        merged(Slerp(), None, ours, -ours)
    assert merged(Slerp(0.25), None, ours, 0 * ours).tolist() == [0.75, 1.5, 2.25]


@pytest.mark.parametrize("magnitude", [1e-30, 1e30])
def test_an_angle_does_not_depend_on_lengths(magnitude: float) -> None:
    ours, theirs = (np.array(v, np.float64) for v in ([3.0, 4.0], [4.0, 3.0]))
    plain = merged(Slerp(), None, ours, theirs)
    long = merged(Slerp(), None, ours * magnitude**5, theirs * magnitude**5)
    np.testing.assert_allclose(long / magnitude**5, plain, rtol=1e-14)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1, 1)])
@pytest.mark.parametrize("strategy", MIXING, ids=str)
def test_scalars_and_empty_tensors_merge(strategy: Strategy, shape: tuple[int, ...]) -> None:
    base, ours, theirs = (np.full(shape, value, np.float32) for value in (1, 2, 3))
    assert merged(strategy, base, ours, theirs).shape == shape


def test_more_than_two_sides() -> None:
    base, *_ = family(np.dtype(np.float32))
    sides = [family(np.dtype(np.float32), seed=seed)[1] for seed in range(1, 5)]
    np.testing.assert_allclose(
        merged(Average(), base, *sides), np.mean([side.astype(float) for side in sides], axis=0), atol=1e-6
    )
    wide = [side.astype(float) for side in sides]
    np.testing.assert_allclose(
        merged(Ties(0.5), base, *sides), reference.ties(base.astype(float), wide, 0.5, 1), atol=2e-6
    )


def test_the_masks_are_the_published_generators() -> None:
    # Known answers of the reference implementation (Random123's kat_vectors) for philox4x64-10.
    assert reference.philox(0, (0, 0)) == (
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    )
    for name, start in (("w", 0), ("weiß", 40)):
        part = slice(start, start + 101)
        told = reference.dare_mask(9, 1, name, 0.3, part.stop)[part]
        assert np.array_equal(mask(mask_key(9, 1, name), 0.3, part), told)


def test_masks_keep_their_share_and_all_at_a_density_of_one() -> None:
    key = mask_key(0, 0, "w")
    assert mask(key, 0.25, slice(0, 1 << 20)).mean() == pytest.approx(0.25, abs=0.002)
    assert mask(key, 1.0, slice(0, 1 << 16)).all()


def test_two_sides_and_two_tensors_have_masks_of_their_own() -> None:
    keys = {mask_key(seed, side, name) for seed in (0, 1) for side in (0, 1) for name in ("a", "b")}
    assert len(keys) == 8


@pytest.mark.parametrize(
    ("strategy", "count"), [(Weighted((1, 2)), 3), (Slerp(), 3), (Ties(weights=(1,)), 2)], ids=str
)
def test_strategies_say_how_many_sides_they_take(strategy: Strategy, count: int) -> None:
    with pytest.raises(WrongCall):
        merged(strategy, np.zeros(2), *(np.full(2, i, float) for i in range(1, count + 1)))
