"""When to save and what to keep."""

import math
from typing import Any

import pytest

from sapwood.errors import WrongCall
from sapwood.train.policy import Best, Due, Every, Keep, Saved

LESS = Best("loss", "min")


def steps_saved(every: Every, losses: list[float], *, seconds_a_step: float = 1.0) -> list[int]:
    due = Due(every, [], 0.0)
    saved = []
    for step, loss in enumerate(losses, 1):
        metrics, now = {"loss": loss}, step * seconds_a_step
        if due.after_step(step, metrics, now):
            due.saved(metrics, now)
            saved.append(step)
    return saved


def test_every_so_many_steps() -> None:
    assert steps_saved(Every(steps=3), [1.0] * 10) == [3, 6, 9]


def test_every_so_many_minutes_since_the_last() -> None:
    assert steps_saved(Every(minutes=1), [1.0] * 10, seconds_a_step=25) == [3, 6, 9]
    assert steps_saved(Every(minutes=1, steps=5), [1.0] * 10, seconds_a_step=25) == [3, 5, 8, 10]


def test_on_a_better_metric_only() -> None:
    losses = [3.0, 2.0, 2.0, math.nan, 1.0, 5.0]
    assert steps_saved(Every(best=LESS), losses) == [1, 2, 5]
    assert steps_saved(Every(best=Best("loss", "max")), losses) == [1, 6]
    assert steps_saved(Every(best=Best("accuracy", "max")), losses) == []


def test_better_means_better_than_all_that_is_saved_already() -> None:
    due = Due(Every(best=LESS), [Saved(1, {"loss": 0.5}), Saved(2, {})], 0.0)
    assert not due.after_step(3, {"loss": 0.5}, 0.0)
    assert due.after_step(4, {"loss": 0.4}, 0.0)


def test_every_so_many_epochs() -> None:
    due = Due(Every(epochs=2), [], 0.0)
    assert [epoch for epoch in range(7) if due.after_epoch(epoch, {})] == [2, 4, 6]


def test_nothing_said_saves_nothing() -> None:
    assert steps_saved(Every(), [1.0] * 5) == []


SAVED = [
    Saved(step, {"loss": loss}) for step, loss in ((1, 0.3), (2, 0.1), (3, 0.9), (4, 0.1), (5, math.nan))
]


@pytest.mark.parametrize(
    ("keep", "stay"),
    [
        (Keep(), [1, 2, 3, 4, 5]),
        (Keep(last=2), [4, 5]),
        (Keep(last=1, best=1, by=LESS), [4, 5]),
        (Keep(last=1, best=2, by=LESS), [2, 4, 5]),
        (Keep(last=1, best=9, by=LESS), [1, 2, 3, 4, 5]),
        (Keep(last=1, best=1, by=Best("loss", "max")), [3, 5]),
        (Keep(last=2, best=1, by=Best("other", "max")), [4, 5]),
    ],
    ids=str,
)
def test_the_newest_and_the_best_stay(keep: Keep, stay: list[int]) -> None:
    dropped = keep.dropped(SAVED[::-1])
    assert sorted({1, 2, 3, 4, 5} - set(dropped)) == stay
    assert len(set(dropped)) == len(dropped)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Best("loss", "least"),  # type: ignore[arg-type]
        lambda: Every(steps=0),
        lambda: Every(minutes=-1),
        lambda: Every(minutes=math.nan),
        lambda: Keep(last=0),
        lambda: Keep(last=1, best=1),
        lambda: Keep(best=2, by=LESS),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Any) -> None:
    with pytest.raises(WrongCall):
        wrong()
