"""Where tensors are sampled: places that stay as tensors grow, everywhere, and the same on every machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.kinship import limits
from sapwood.kinship.positions import allot, mixed, positions

TOTALS = st.integers(1, 1 << 23)


@given(TOTALS, st.integers(1, limits.MAX_TENSOR_RUNS))
def test_as_many_as_asked_for_and_each_once(total: int, runs: int) -> None:
    found = positions(total, runs)
    assert len(found) == min(total, runs)
    assert len(np.unique(found)) == len(found)
    assert found.max() < total


@given(
    st.integers(1, 1 << 22), st.integers(1, limits.MAX_TENSOR_RUNS), st.integers(1, limits.MAX_TENSOR_RUNS)
)
def test_fewer_runs_are_the_first_of_more(total: int, one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert np.array_equal(positions(total, few), positions(total, many)[:few])


@given(st.integers(1, 1 << 20), st.integers(1, 1 << 20))
def test_a_tensor_that_grew_is_sampled_where_it_was(one: int, other: int) -> None:
    small, large = sorted((one, other))
    before, after = positions(small, 100), positions(large, 100)
    kept = after[after < small]
    assert np.isin(kept, before).all()


@pytest.mark.parametrize("total", [1024, 1025, 3000, 65_535, (1 << 20) + 1, (1 << 22) + 1, 1 << 40])
def test_no_part_of_a_tensor_is_left_out(total: int) -> None:
    found = positions(total, limits.MAX_TENSOR_RUNS)
    assert len(found) == limits.MAX_TENSOR_RUNS
    counts = np.histogram(found.astype(np.float64), bins=8, range=(0, total))[0]
    assert counts.min() >= limits.MAX_TENSOR_RUNS // 8 // 2


def test_the_places_are_the_same_for_ever() -> None:
    assert mixed(np.array([1], np.uint64))[0] == 0xB456BCFC34C2CB2C
    assert positions(1000, 6).tolist() == [563, 315, 116, 363, 51, 247]
    assert positions(10_000_000, 4).tolist() == [1484538, 9478323, 341660, 6719044]


@given(st.lists(TOTALS, min_size=1, max_size=300))
def test_runs_are_allotted_within_the_limits(totals: list[int]) -> None:
    found = allot(totals)
    assert sum(found) <= limits.RUNS + limits.LEAST_RUNS * len(totals)
    for total, runs in zip(totals, found, strict=True):
        assert min(total, limits.LEAST_RUNS) <= runs <= min(total, limits.MAX_TENSOR_RUNS)
