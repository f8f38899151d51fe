"""What happens to models after training, done to arrays: each change makes a child of a model.

Arrays keep their parents' names here; what a file calls them, their order and its format are a model's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np

from bench.kinship.files import WRITERS, Arrays, can_write, q8_0

Dice = np.random.Generator
BF16 = np.dtype(ml_dtypes.bfloat16)


@dataclass(frozen=True)
class Made:
    """A model: its arrays, and how its file is written."""

    arrays: Arrays
    format: str = "safetensors"
    order: tuple[int, ...] = ()
    prefix: str = ""

    def file(self) -> bytes:
        names = list(self.arrays)
        order = self.order or range(len(names))
        return WRITERS[self.format](
            {f"{self.prefix}{i}" if self.prefix else names[i]: self.arrays[names[i]] for i in order}
        )

    def plain_file(self) -> bytes:
        """Under its parents' names, for a diff that is to find every partner."""
        packed = any(array.dtype == np.uint8 for array in self.arrays.values())
        return WRITERS["gguf" if packed else "safetensors"](self.arrays)

    @property
    def packed(self) -> bool:
        return any(array.dtype == np.uint8 for array in self.arrays.values())


def _floats(made: Made, change: Callable[[str, np.ndarray], Any]) -> Made:
    """Every array of floats changed, as 32-bit floats, and rounded to its type again."""
    arrays = {
        name: change(name, array.astype(np.float32)).astype(array.dtype) if array.dtype != np.int64 else array
        for name, array in made.arrays.items()
    }
    return replace(made, arrays=arrays)


def tuned(made: Made, dice: Dice) -> Made:
    """A fine-tune: moves of some strength, unlike from row to row; of an embedding some rows only."""
    strength = dice.choice([0.001, 0.003, 0.01, 0.03, 0.1])

    def change(name: str, array: np.ndarray) -> Any:
        rows = dice.lognormal(0, 0.7, (len(array), *[1] * (array.ndim - 1)))
        if "embed" in name:
            rows = rows * (dice.random(rows.shape) < 0.4)
        return array + strength * array.std() * rows * dice.standard_normal(array.shape)

    return _floats(made, change)


def stepped(made: Made, dice: Dice) -> Made:
    """A step with a low rate: where weights have 16 bits, one in some hundreds moves by one place."""
    share = dice.choice([0.002, 0.006, 0.02])

    def change(_name: str, array: np.ndarray) -> np.ndarray:
        return array * (1 + 2e-7 * dice.standard_normal(array.shape))

    if all(array.dtype.itemsize != 2 for array in made.arrays.values()):
        return _floats(made, change)
    arrays = {}
    for name, array in made.arrays.items():
        moved = array.view(np.uint16).copy() if array.dtype.itemsize == 2 else array
        if moved is not array:
            moved += ((dice.random(array.shape) < share) & (moved % 2**15 > 0)).astype(np.uint16)
        arrays[name] = moved.view(array.dtype)
    return replace(made, arrays=arrays)


def merged(made: Made, dice: Dice) -> Made:
    """A merged adapter of rank 8 on half of the matrices."""

    def change(name: str, array: np.ndarray) -> Any:
        if array.ndim != 2 or "embed" in name or dice.random() < 0.5:
            return array
        left, right = dice.standard_normal((len(array), 8)), dice.standard_normal((8, array.shape[1]))
        return array + 0.02 * array.std() * (left @ right)

    return _floats(made, change)


def pruned(made: Made, dice: Dice) -> Made:
    share = dice.choice([0.3, 0.5, 0.8])
    return _floats(
        made, lambda _, a: np.where(np.abs(a) < np.quantile(np.abs(a), share), 0, a) if a.ndim == 2 else a
    )


def decayed(made: Made, dice: Dice) -> Made:
    factor = np.float32(dice.choice([0.9, 0.99, 0.9999]))
    return _floats(made, lambda _, a: a * factor if a.ndim == 2 else a)


def cast(made: Made, dice: Dice) -> Made:
    held = {array.dtype for array in made.arrays.values()}
    kinds = [k for k in (np.dtype(np.float16), BF16, np.dtype(np.float32)) if k not in held]
    kind = kinds[dice.integers(len(kinds))]
    cast_to = {n: a.astype(kind) if a.dtype != np.int64 else a for n, a in made.arrays.items()}
    return _writable(replace(made, arrays=cast_to))


def quantised(made: Made, _dice: Dice) -> Made:
    """Matrices as q8_0, what has one dimension as it is: as llama.cpp does it."""
    arrays = {n: q8_0(a) if a.ndim == 2 else a.astype(np.float32) for n, a in made.arrays.items()}
    return replace(made, arrays=arrays | {"positions": made.arrays["positions"]}, format="gguf")


def changed_in_the_middle(made: Made, dice: Dice) -> Made:
    """The middle fifth of every array made anew."""

    def change(_name: str, array: np.ndarray) -> np.ndarray:
        flat = array.ravel().copy()
        start, end = len(flat) * 2 // 5, len(flat) * 3 // 5
        flat[start:end] = flat.mean() + flat.std() * dice.standard_normal(end - start)
        return flat.reshape(array.shape)

    return _floats(made, change)


def grown(made: Made, dice: Dice) -> Made:
    """More words."""
    old = made.arrays["embed"]
    new = old.astype(np.float32).std() * dice.standard_normal((int(dice.integers(1, 100)), old.shape[1]))
    return replace(made, arrays=made.arrays | {"embed": np.concatenate([old, new.astype(old.dtype)])})


def renamed(made: Made, dice: Dice) -> Made:
    return replace(made, prefix=f"p{dice.integers(10**6)}.")


def reordered(made: Made, dice: Dice) -> Made:
    return replace(made, order=tuple(int(i) for i in dice.permutation(len(made.arrays))))


def reformatted(made: Made, dice: Dice) -> Made:
    others = [f for f in WRITERS if f != made.format and can_write(f, made.arrays)]
    return replace(made, format=others[dice.integers(len(others))]) if others else renamed(made, dice)


def _writable(made: Made) -> Made:
    return made if can_write(made.format, made.arrays) else replace(made, format="safetensors")


WEIGHTS = (tuned, stepped, merged, pruned, decayed, cast, quantised, changed_in_the_middle, grown)
COPIES = (renamed, reordered, reformatted)
"""Changes that leave all tensors' contents as they are."""


def child(made: Made, dice: Dice) -> tuple[str, Made]:
    """A child by one change, and in one of four cases a copy of that."""
    choices = COPIES if made.packed else (*WEIGHTS, *COPIES)
    change = choices[dice.integers(len(choices))]
    after = change(made, dice)
    if change not in COPIES and dice.random() < 0.25:
        after = COPIES[dice.integers(len(COPIES))](after, dice)
    return change.__name__, after
