"""Families of small models: slices of real checkpoints, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from bench.kinship.changes import Made, child
from bench.kinship.files import Arrays
from sapwood.formats.model import open_model

# Slices of one layer of MiniLM: rows of its matrices, and words.
ROWS, WORDS, LAYERS = 64, 512, 6
PLACES = 384 // ROWS
FAMILIES = LAYERS * PLACES
_KINDS = {"f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}
_REAL = (
    *(f"sft/{kind}/{step}" for kind in ("f32", "bf16", "f16") for step in ("base", "step200", "step250")),
    *(f"rl/step{step}" for step in (40, 41, 48)),
    "lora/merged",
)


@dataclass(frozen=True)
class Member:
    """A model of a family: its name, that of the one it was made from, and by what change."""

    name: str
    parent: str
    change: str
    made: Made


def _sliced(path: Path, family: int) -> Arrays:
    """A family's part of a checkpoint: no value is in two families' parts."""
    layer, place = divmod(family, PLACES)
    rows = slice(place * ROWS, (place + 1) * ROWS)
    words = slice(family * WORDS, (family + 1) * WORDS)
    found: Arrays = {}
    with open_model(path) as model:
        file = model.files[0]
        for span, tensor in file.layout.tensors():
            if "word_embeddings" in tensor.name:
                part, name = words, "embed"
            elif f"layer.{layer}." in tensor.name:
                part, name = rows, tensor.name.split(f"layer.{layer}.")[1]
            else:
                continue
            data = file.data[span.offset : span.offset + span.length]
            array = np.frombuffer(data, _KINDS[tensor.dtype.name]).reshape(tensor.shape)
            # Up and down are four times as wide on one side.
            found[name] = array[part, :384].copy() if array.ndim == 2 else array[part].copy()
    return found | {"positions": np.arange(512, dtype=np.int64)}


def real(pairs: Path, family: int) -> list[Member]:
    """The family's parts of the real checkpoints."""
    return [
        Member(f"{family}/{name}", "", "real", Made(_sliced(pairs / f"{name}.safetensors", family)))
        for name in _REAL
    ]


def grow(members: list[Member], family: int, count: int, dice: np.random.Generator) -> Iterator[Member]:
    """``count`` children more, each of any member until then."""
    for number in range(count):
        parent = members[dice.integers(len(members))]
        change, made = child(parent.made, dice)
        members.append(Member(f"{family}/{number}", parent.name, change, made))
        yield members[-1]


def stranger(made: Made, dice: np.random.Generator) -> Made:
    """The same shapes and the same distribution of values, by rows and columns, in another order."""
    arrays = {}
    for name, array in made.arrays.items():
        shuffled = array
        for axis in range(array.ndim if array.dtype != np.int64 else 0):
            shuffled = dice.permutation(shuffled, axis=axis)
        arrays[name] = shuffled
    return Made(arrays)
