"""When to save a checkpoint, and which to keep. Decisions only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sapwood.errors import WrongCall

__all__ = ["Best", "Due", "Every", "Keep", "Saved"]


@dataclass(frozen=True, slots=True)
class Best:
    """Which of two checkpoints is the better one.

    Attributes:
        metric: The name of what is measured.
        mode: Whether less of it is better, or more. There is no default: a wrong guess keeps the worst.
    """

    metric: str
    mode: Literal["min", "max"]

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise WrongCall("the mode of a metric is min or max", found=self.mode)

    def worth(self, metrics: Mapping[str, float]) -> float:
        """A number that is greater for the better; -inf where the metric is missing or NaN."""
        value = metrics.get(self.metric, math.nan)
        if math.isnan(value):
            return -math.inf
        return -value if self.mode == "min" else value


@dataclass(frozen=True, slots=True)
class Every:
    """When to save: whenever one of these says so; ``Every()`` saves only when asked or on a better metric.

    Attributes:
        steps: After so many steps, counted from step 0 of the run: 100 saves at 100, 200 and so on.
        epochs: After so many epochs, counted from the run's first.
        minutes: After so many minutes since the last checkpoint, at the next step.
        best: Whenever this metric is better than in all checkpoints of the run.
    """

    steps: int | None = None
    epochs: int | None = None
    minutes: float | None = None
    best: Best | None = None

    def __post_init__(self) -> None:
        for name, value in (("steps", self.steps), ("epochs", self.epochs), ("minutes", self.minutes)):
            if value is not None and not value > 0:
                raise WrongCall(f"a checkpoint every {value} {name} makes no sense")


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint as far as these decisions go."""

    step: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Keep:
    """Which checkpoints of a run stay: the ``last`` newest and the ``best`` best. Neither given: all stay.

    Attributes:
        last: So many with the highest steps.
        best: So many with the best metric; of equals the later one. Those without the metric are never best.
        by: What is better; wanted with ``best``.
    """

    last: int | None = None
    best: int | None = None
    by: Best | None = None

    def __post_init__(self) -> None:
        if (self.last is not None and self.last < 1) or (self.best is not None and self.best < 1):
            raise WrongCall("to keep fewer than one checkpoint makes no sense")
        if self.best is not None and self.by is None:
            raise WrongCall("to keep the best, say by which metric and mode")
        if self.last is None and self.best is not None:
            raise WrongCall("keep the last one too: without it the run cannot go on", advice="Give last=1.")

    def dropped(self, saved: Sequence[Saved]) -> list[int]:
        """The steps of those that do not stay."""
        if self.last is None:
            return []
        by_step = sorted(saved, key=lambda one: one.step)
        stay = {one.step for one in by_step[-self.last :]}
        if self.best is not None and self.by is not None:
            worth = self.by.worth
            able = [one for one in by_step if worth(one.metrics) > -math.inf]
            able.sort(key=lambda one: (worth(one.metrics), one.step))
            stay |= {one.step for one in able[-self.best :]}
        return [one.step for one in by_step if one.step not in stay]


class Due:
    """Remembers when the last checkpoint was, to say when the next one is."""

    def __init__(self, every: Every, saved: Sequence[Saved], now: float) -> None:
        """``now`` and all times here are seconds of a clock that never goes back."""
        self._every, self._since = every, now
        self._best = -math.inf
        if every.best is not None:
            self._best = max((every.best.worth(one.metrics) for one in saved), default=-math.inf)

    def after_step(self, step: int, metrics: Mapping[str, float], now: float) -> bool:
        """Whether to save after ``step`` steps of the run."""
        every = self._every
        return (
            (every.steps is not None and step > 0 and step % every.steps == 0)
            or (every.minutes is not None and now - self._since >= every.minutes * 60)
            or self.is_better(metrics)
        )

    def after_epoch(self, epoch: int, metrics: Mapping[str, float]) -> bool:
        """Whether to save after ``epoch`` epochs of the run."""
        every = self._every
        return (every.epochs is not None and epoch > 0 and epoch % every.epochs == 0) or self.is_better(
            metrics
        )

    def saved(self, metrics: Mapping[str, float], now: float) -> None:
        """A checkpoint with these metrics was taken."""
        self._since = now
        if self._every.best is not None:
            self._best = max(self._best, self._every.best.worth(metrics))

    def is_better(self, metrics: Mapping[str, float]) -> bool:
        """Whether to save for the metric's sake."""
        best = self._every.best
        return best is not None and best.worth(metrics) > self._best
