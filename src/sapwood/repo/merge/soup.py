"""Which models go into a soup (Wortsman et al. 2022, "Model soups", recipe 1)."""

import math
from collections.abc import Callable

from sapwood.errors import WrongCall

__all__ = ["greedy_soup"]


def greedy_soup(count: int, score: Callable[[tuple[int, ...]], float]) -> tuple[int, ...]:
    """The models whose average is the greedy soup, by number, in ascending order.

    Each model is scored alone. From the best down, each is added if the average of all that are in and of it
    scores no worse than without it. Of models that score alike the earlier comes first. ``score`` is called
    fewer than 2 ``count`` times.

    Args:
        count: How many models there are, at least one.
        score: How good the average of the models with these numbers is; greater is better.

    Raises:
        WrongCall: A score is NaN.

    >>> skill = {(0,): 0.7, (1,): 0.9, (2,): 0.5, (0, 1): 0.92, (0, 1, 2): 0.8}
    >>> greedy_soup(3, skill.__getitem__)
    (0, 1)
    """

    def scored(chosen: tuple[int, ...]) -> float:
        value = float(score(chosen))
        if math.isnan(value):
            raise WrongCall(f"the score of a soup of models {chosen} is not a number")
        return value

    alone = [scored((number,)) for number in range(count)]
    first, *others = sorted(range(count), key=lambda number: -alone[number])
    chosen: tuple[int, ...] = (first,)
    best = alone[first]
    for number in others:
        tried = tuple(sorted((*chosen, number)))
        value = scored(tried)
        if value >= best:
            chosen, best = tried, value
    return chosen
