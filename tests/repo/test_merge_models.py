"""Whole models merged, soups, and strategies by name."""

import doctest
import importlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sapwood.errors import MergeConflict, WrongCall
from sapwood.repo.merge.models import Conflict, MergedModel
from sapwood.repo.merge.soup import greedy_soup
from sapwood.repo.merge.strategy import STRATEGIES, Average, Dare, GreedySoup, Ours, Theirs, named_strategy

BASE = {name: np.full(3, 1, np.float32) for name in ("kept", "ours", "both", "gone")} | {"steps": np.array(1)}
OURS = BASE | {"ours": np.full(3, 2, np.float32), "both": np.full(3, 2, np.float32), "steps": np.array(5)}
THEIRS = BASE | {"both": np.full(3, 4, np.float32), "steps": np.array(9), "new": np.full(3, 7, np.float32)}
del THEIRS["gone"]


def test_a_merged_model_is_the_three_way_merge_of_all_its_tensors() -> None:
    model = MergedModel(Average(), BASE, [OURS, THEIRS], otherwise=Theirs())
    assert {name: tensor.ravel().tolist()[0] for name, tensor in model.items()} == {
        "kept": 1,
        "ours": 2,
        "both": 3,
        "steps": 9,
        "new": 7,
    }
    assert len(model) == 5
    assert "gone" not in model
    assert model.conflicts() == []


def test_conflicts_are_listed_before_anything_is_computed_and_raised_when_read() -> None:
    model = MergedModel(Average(), BASE, [OURS, THEIRS])
    assert model.conflicts() == [Conflict("steps", "changed on both sides, and int64 elements have no mean")]
    assert model["both"].tolist() == [3, 3, 3]
    with pytest.raises(MergeConflict, match="'steps'"):
        model["steps"]
    with pytest.raises(KeyError):
        model["gone"]


def test_a_deletion_against_a_change_is_a_conflict_that_otherwise_decides() -> None:
    ours = {"w": np.ones(2)}
    model = MergedModel(Average(), {"w": np.zeros(2)}, [ours, {}])
    assert [conflict.name for conflict in model.conflicts()] == ["w"]
    assert dict(MergedModel(Average(), {"w": np.zeros(2)}, [ours, {}], otherwise=Theirs())) == {}
    assert MergedModel(Average(), {"w": np.zeros(2)}, [ours, {}], otherwise=Ours())["w"] is ours["w"]


def test_otherwise_also_decides_what_only_values_tell() -> None:
    named = named_strategy("slerp")
    ours, theirs = np.ones(2), -np.ones(2)
    model = MergedModel(named, {}, [{"w": ours}, {"w": theirs}], otherwise=Ours())
    assert model["w"] is ours


def test_without_a_base_an_average_is_one_everywhere() -> None:
    model = MergedModel(Average(), {}, [BASE, OURS], otherwise=Ours())
    assert model["ours"].tolist() == [1.5, 1.5, 1.5]


def test_a_store_may_tell_which_tensors_are_equal() -> None:
    asked = []

    def same(one: Any, other: Any) -> bool:
        asked.append((one, other))
        return one is other

    model = MergedModel(Average(), BASE, [OURS, THEIRS], otherwise=Ours(), same=same)
    assert model["kept"] is BASE["kept"]
    assert asked


def test_a_soup_takes_what_does_no_harm() -> None:
    tastes = {(0,): 0.8, (1,): 0.9, (2,): 0.7, (0, 1): 0.9, (0, 1, 2): 0.85}
    asked = []

    def score(numbers: tuple[int, ...]) -> float:
        asked.append(numbers)
        return tastes[numbers]

    assert greedy_soup(3, score) == (0, 1), "an addition that changes nothing stays, as in the paper"
    assert asked == [(0,), (1,), (2,), (0, 1), (0, 1, 2)]


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(WrongCall, match="not a number"):
        greedy_soup(2, lambda _: math.nan)


def nearest(target: float) -> Callable[[Mapping[str, Any]], float]:
    return lambda model: -abs(float(model["w"][0]) - target)


@pytest.mark.parametrize(("target", "made"), [(2.9, 3.0), (2.0, 2.0), (4.5, 4.0)])
def test_a_soup_of_models_is_the_average_of_those_that_help(target: float, made: float) -> None:
    base, ours, theirs = ({"w": np.full(2, value)} for value in (0.0, 2.0, 4.0))
    model = MergedModel(GreedySoup(nearest(target)), base, [ours, theirs])
    assert model["w"].tolist() == [made, made]


def test_strategies_come_by_name() -> None:
    assert named_strategy("dare", density=0.5, weights=[1, 2]) == Dare(0.5, (1, 2))
    for name in STRATEGIES:
        if name not in ("weighted", "soup"):
            assert type(named_strategy(name)) is STRATEGIES[name]


@pytest.mark.parametrize(
    ("name", "parameters", "reason"),
    [
        ("mean", {}, "no merge strategy 'mean'. There are: ours, theirs"),
        ("ties", {"p": 1}, "takes no 'p'. It takes: density, weights, scale"),
        ("weighted", {}, "wants 'weights'"),
        ("weighted", {"weights": (1, -1)}, "sum to 0"),
        ("weighted", {"weights": (1, math.nan)}, "finite number"),
        ("weighted", {"weights": ("1", "2")}, "finite number"),
        ("slerp", {"t": 1.5}, "t is a share"),
        ("ties", {"density": 0}, "density is a share"),
        ("ties", {"weights": (1, -2)}, "not negative"),
        ("dare", {"seed": -1}, "a seed is"),
        ("dare", {"seed": True}, "a seed is"),
        ("task-arithmetic", {"scale": math.inf}, "finite number"),
    ],
)
def test_wrong_parameters_are_named(name: str, parameters: dict[str, Any], reason: str) -> None:
    with pytest.raises(WrongCall, match=reason):
        named_strategy(name, **parameters)


@pytest.mark.parametrize("name", ["strategy", "three_way", "soup", "tensors", "models"])
def test_the_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(f"sapwood.repo.merge.{name}")
    ran = doctest.testmod(module)
    assert ran.attempted
    assert not ran.failed
