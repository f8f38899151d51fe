"""Models of five families, made of one real network and of what a real training run changed of it."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt

from bench.kinship.files import Arrays, safetensors_file
from sapwood.formats.model import open_model

__all__ = ["FAMILIES", "Bases", "lineage"]

SIZE = 100_000_000
_KINDS: tuple[npt.DTypeLike, ...] = (np.float32, np.float16, *[ml_dtypes.bfloat16] * 3)
FAMILIES = len(_KINDS)
# A step of reinforcement learning; short fine-tunes; the whole run; longer ones.
_STRENGTHS = (0.02, 0.2, 0.5, 1.0, 2.0)

Tune = tuple[int, float]
"""A seed, and how much of the real run's change it takes."""


class Bases:
    """The real checkpoints: the base, and what the run changed of it."""

    def __init__(self, folder: Path) -> None:
        self._base = _floats(folder / "base.safetensors")
        tuned = _floats(folder / "step250.safetensors")
        self._change = {name: tuned[name] - base for name, base in self._base.items()}

    def model(self, family: int, tunes: list[Tune]) -> bytes:
        """A safetensors file: the family's base after these fine-tunes, whose masters are f32.

        The base is the real one's tensors, three times over as far as 100 MB reach, each time with their rows
        in another order. A fine-tune moves each row as a real one did, rolled so that no two are alike.
        """
        kind = np.dtype(_KINDS[family])
        arrays: Arrays = {}
        left = SIZE
        for copy in range(3):
            for number, (name, base) in enumerate(self._base.items()):
                if base.size * kind.itemsize > left:
                    continue
                left -= base.size * kind.itemsize
                rows = np.random.default_rng([family, copy, number]).permutation(len(base))
                master, change = base[rows], self._change[name][rows]
                for seed, strength in tunes:
                    roll = np.random.default_rng([seed, copy, number]).integers(base.shape[-1])
                    master += np.float32(strength) * np.roll(change, roll, axis=-1)
                arrays[f"part{copy}.{name}"] = master.astype(kind)
        return safetensors_file(arrays)


def lineage(number: int) -> tuple[int, list[Tune]]:
    """The family of a model, and what it went through; each comes from an earlier one of its family."""
    family, generation = number % FAMILIES, number // FAMILIES
    if generation == 0:
        return family, []
    random = np.random.default_rng(number)
    parent = family + FAMILIES * int(random.integers(generation))
    return family, [*lineage(parent)[1], (number, float(random.choice(_STRENGTHS)))]


def _floats(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    with open_model(path) as model:
        file = model.files[0]
        return {
            tensor.name: np.frombuffer(
                file.data[span.offset : span.offset + span.length], np.float32
            ).reshape(tensor.shape)
            for span, tensor in file.layout.tensors()
            if tensor.dtype.name == "f32" and span.length
        }
