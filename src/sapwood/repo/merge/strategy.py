"""What to do with a tensor that both sides of a merge changed: one small type for each strategy.

In the formulas x is the tensor in the base, x_i on side i (ours is 0, theirs 1), and d_i = x_i - x.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sapwood.errors import WrongCall

__all__ = [
    "STRATEGIES",
    "Average",
    "Dare",
    "Fail",
    "GreedySoup",
    "Ours",
    "Slerp",
    "Strategy",
    "TaskArithmetic",
    "Theirs",
    "Ties",
    "Weighted",
    "named_strategy",
]


@dataclass(frozen=True, slots=True)
class Fail:
    """Merge nothing that both sides changed: each such tensor is a conflict."""


@dataclass(frozen=True, slots=True)
class Ours:
    """x_0: the first side's tensor, bit for bit, or its absence."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """x_k: the last side's tensor, bit for bit, or its absence."""


@dataclass(frozen=True, slots=True)
class Average:
    """The mean of all sides, sum(x_i) / n: the uniform soup of Wortsman et al. 2022 ("Model soups")."""


@dataclass(frozen=True, slots=True)
class Weighted:
    """sum(w_i x_i) / sum(w_i). A side of weight 0 is not read.

    Attributes:
        weights: One a side; their sum is not 0.
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_weights(self.weights)
        if sum(self.weights) == 0:
            raise WrongCall("the weights of a merge sum to 0", found=self.weights)


@dataclass(frozen=True, slots=True)
class Slerp:
    """Along the arc from ours to theirs (Shoemake 1985, "Animating rotation with quaternion curves").

    sin((1-t) a) / sin(a) x_0 + sin(t a) / sin(a) x_1, where a is the angle between the two tensors taken as
    vectors. Their lengths stay in: the result lies on the arc only if both are equally long. Where the angle
    is so small that the arc is a line (below 1e-6), or one side is all zero, it is (1-t) x_0 + t x_1. Two
    sides only.

    Attributes:
        t: 0 is ours, 1 is theirs.
    """

    t: float = 0.5

    def __post_init__(self) -> None:
        _check_share("t", self.t, least=0.0)


@dataclass(frozen=True, slots=True)
class TaskArithmetic:
    """x + scale sum(w_i d_i) (Ilharco et al. 2022, "Editing models with task arithmetic").

    Attributes:
        weights: One a side; none given: 1 each.
        scale: The paper's lambda.
    """

    weights: tuple[float, ...] = ()
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_weights(self.weights)
        _check_number("scale", self.scale)


@dataclass(frozen=True, slots=True)
class Ties:
    """Trim, elect, merge what agrees (Yadav et al. 2023, "TIES-Merging").

    Trim: of each d_i, the ``density`` n elements of largest magnitude stay, the others become 0; elements as
    large as the smallest that stays, stay too, as in the authors' code. Elect: s = sign(sum(w_i d_i)),
    element by element. Merge: x + scale m, where m is the mean, weighted by w_i, of those d_i whose sign is
    s; 0 where s = 0. The paper trims over the whole model at once; here each tensor is trimmed alone, so that
    memory is bounded by one tensor.

    Attributes:
        density: The share of each difference that stays, over 0 and at most 1.
        weights: One a side, none negative; none given: 1 each, as in the paper.
        scale: The paper's lambda.
    """

    density: float = 0.2
    weights: tuple[float, ...] = ()
    scale: float = 1.0

    def __post_init__(self) -> None:
        _check_share("density", self.density)
        _check_votes(self.weights)
        _check_number("scale", self.scale)


@dataclass(frozen=True, slots=True)
class Dare:
    """Drop and rescale, then add (Yu et al. 2023, "Language models are super Mario").

    x + scale sum(w_i m_i d_i / density), where m_i is a random mask of zeros and ones, a one with probability
    ``density`` (the paper's 1 - p). With ``elect`` the masked differences are merged by the election of
    `Ties` instead of added. The masks are the same on every machine: see `sapwood.repo.merge.dare`.

    Attributes:
        density: The share of each difference that stays, over 0 and at most 1.
        weights: One a side; none given: 1 each.
        scale: A factor for the whole sum.
        seed: Other seeds, other masks.
        elect: Merge by election of signs.
    """

    density: float = 0.1
    weights: tuple[float, ...] = ()
    scale: float = 1.0
    seed: int = 0
    elect: bool = False

    def __post_init__(self) -> None:
        _check_share("density", self.density)
        (_check_votes if self.elect else _check_weights)(self.weights)
        _check_number("scale", self.scale)
        _check_seed(self.seed)


@dataclass(frozen=True, slots=True)
class GreedySoup:
    """The average of those sides that do not harm each other (Wortsman et al. 2022, "Model soups", recipe 1).

    A decision on whole models, made by `sapwood.repo.merge.soup`; the tensors are then averaged.

    Attributes:
        score: How good a model is, greater is better, given as a mapping of names to tensors that computes
        each
            when asked.
    """

    score: Callable[[Mapping[str, Any]], float]


Strategy = Fail | Ours | Theirs | Average | Weighted | Slerp | TaskArithmetic | Ties | Dare | GreedySoup

STRATEGIES: Final[dict[str, type[Strategy]]] = {
    "ours": Ours,
    "theirs": Theirs,
    "fail": Fail,
    "average": Average,
    "weighted": Weighted,
    "slerp": Slerp,
    "soup": GreedySoup,
    "ties": Ties,
    "dare": Dare,
    "task-arithmetic": TaskArithmetic,
}
"""Every strategy by the name that a user types."""


def named_strategy(name: str, **parameters: Any) -> Strategy:
    """The strategy of that name with these parameters.

    >>> named_strategy("ties", density=0.3)
    Ties(density=0.3, weights=(), scale=1.0)

    Raises:
        WrongCall: There is no such strategy, or it has no such parameter, or misses one, or a value is wrong.
    """
    kind = STRATEGIES.get(name)
    if kind is None:
        raise WrongCall(f"no merge strategy {name!r}", advice=f"There are: {', '.join(STRATEGIES)}.")
    fields = dataclasses.fields(kind)
    known = [field.name for field in fields]
    advice = f"It takes: {', '.join(known) or 'nothing'}."
    for given in parameters:
        if given not in known:
            raise WrongCall(f"strategy {name} takes no {given!r}", advice=advice)
    for field in fields:
        if field.default is dataclasses.MISSING and field.name not in parameters:
            raise WrongCall(f"strategy {name} wants {field.name!r}", advice=advice)
    if "weights" in parameters:
        parameters["weights"] = tuple(parameters["weights"])
    return kind(**parameters)


def _check_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongCall(f"{name} is a finite number", found=value)


def _check_seed(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise WrongCall("a seed is an integer from 0 to 2**64 - 1", found=value)


def _check_share(name: str, value: float, least: float | None = None) -> None:
    _check_number(name, value)
    if not (0 < value <= 1 or value == least):
        raise WrongCall(f"{name} is a share, at most 1", found=value)


def _check_weights(weights: tuple[float, ...]) -> None:
    for weight in weights:
        _check_number("a weight", weight)


def _check_votes(weights: tuple[float, ...]) -> None:
    _check_weights(weights)
    if weights and (min(weights) < 0 or max(weights) == 0):
        raise WrongCall("weights of an election are not negative, and not all 0", found=weights)
