"""Whole models merged: a mapping that merges each tensor when it is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sapwood.errors import MergeConflict
from sapwood.repo.merge.chunks import Array
from sapwood.repo.merge.soup import greedy_soup
from sapwood.repo.merge.strategy import Average, Fail, GreedySoup, Ours, Strategy, Theirs
from sapwood.repo.merge.tensors import check_sides, merge_tensors, obstacle, same_tensor
from sapwood.repo.merge.three_way import settle

__all__ = ["Conflict", "MergedModel", "Model"]

Model = Mapping[str, Array]
"""Tensors by name. A lazy mapping is read one tensor at a time."""


class Conflict(NamedTuple):
    """A tensor that the strategy cannot merge, and why."""

    name: str
    reason: str


class MergedModel(Mapping[str, Array]):
    """The three-way merge of models, computed tensor by tensor and kept nowhere.

    A greedy soup scores its models when the mapping is made; each score reads whole models.

    Args:
        strategy: For tensors that were changed on several sides in different ways.
        base: The common base. With an empty one nothing counts as unchanged, and a mean is a mean everywhere.
        sides: Ours, theirs, and more if the strategy takes any number.
        otherwise: For the conflicts of ``strategy``: integers that differ, shapes that differ, what was
        deleted. same: Whether two tensors are equal; a store can tell by their digests.

    Raises:
        WrongCall: The strategy does not fit so many sides, or a score is NaN.
        MergeConflict: From reading a tensor: it is a conflict. `conflicts` tells most of them beforehand.

    >>> import numpy as np
    >>> base, ours, theirs = ({"w": np.full(2, v, "f4"), "n": np.array(v)} for v in (1, 2, 4))
    >>> MergedModel(Average(), base, [ours, theirs]).conflicts()
    [Conflict(name='n', reason='changed on both sides, and int64 elements have no mean')]
    >>> merged = MergedModel(Average(), base, [ours, theirs], otherwise=Theirs())
    >>> merged["w"].tolist(), int(merged["n"])
    ([3.0, 3.0], 4)
    """

    def __init__(
        self,
        strategy: Strategy,
        base: Model,
        sides: Sequence[Model],
        *,
        otherwise: Fail | Ours | Theirs = Fail(),  # noqa: B008  it is a constant
        same: Callable[[Array, Array], bool] = same_tensor,
    ) -> None:
        if isinstance(strategy, GreedySoup):
            score = strategy.score

            def scored(numbers: tuple[int, ...]) -> float:
                chosen = [sides[number] for number in numbers]
                return score(MergedModel(Average(), base, chosen, otherwise=otherwise, same=same))

            sides = [sides[number] for number in greedy_soup(len(sides), scored)]
            strategy = Average()
        check_sides(strategy, len(sides))
        self._strategy, self._otherwise, self._same = strategy, otherwise, same
        self._base, self._sides = base, sides
        names = dict.fromkeys(name for model in sides for name in model)
        self._names = {name: None for name in names if self._is_kept(name)}

    def conflicts(self) -> list[Conflict]:
        """What cannot be merged, told from types and shapes; compares tensors, computes none.

        SLERP has conflicts that only their values tell: see `sapwood.repo.merge.strategy.Slerp`.
        """
        if not isinstance(self._otherwise, Fail):
            return []
        found = ((name, self._obstacle(name)) for name in self._names)
        return [Conflict(name, reason) for name, reason in found if reason is not None]

    def __getitem__(self, name: str) -> Array:
        """The merged tensor, computed now."""
        if name not in self._names:
            raise KeyError(name)
        tensor = self._merged(name)
        if tensor is None:
            raise AssertionError("a tensor that is not kept has no name here")
        return tensor

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of ours, then what the others added."""
        return iter(self._names)

    def __len__(self) -> int:
        """How many tensors the merged model has."""
        return len(self._names)

    def _at(self, name: str) -> tuple[Array | None, list[Array | None]]:
        return self._base.get(name), [side.get(name) for side in self._sides]

    def _merged(self, name: str) -> Array | None:
        base, sides = self._at(name)
        try:
            return merge_tensors(self._strategy, base, sides, name=name, same=self._same)
        except MergeConflict:
            if isinstance(self._otherwise, Fail):
                raise
            return merge_tensors(self._otherwise, base, sides, name=name, same=self._same)

    def _obstacle(self, name: str) -> str | None:
        base, sides = self._at(name)
        return obstacle(self._strategy, base, sides) if settle(base, sides, self._same) is None else None

    def _is_kept(self, name: str) -> bool:
        if all(name in side for side in self._sides):
            return True
        try:
            return (
                self._merged(name) is not None
            )  # a tensor missing somewhere is taken or refused, not computed
        except MergeConflict:
            return True
