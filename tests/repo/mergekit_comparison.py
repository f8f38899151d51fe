"""Every strategy compared with mergekit, an implementation by others.

SAPWOOD_MERGEKIT_PYTHON names a Python with mergekit and torch; without it this one is tried. For three
SafeTensors files: ``python -m tests.repo.mergekit_comparison BASE OURS THEIRS``.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from sapwood.repo.merge.chunks import is_float, wide_type
from sapwood.repo.merge.dare import mask, mask_key
from sapwood.repo.merge.strategy import (
    Average,
    Dare,
    Slerp,
    Strategy,
    TaskArithmetic,
    Ties,
    Weighted,
)
from sapwood.repo.merge.tensors import merge_tensors, same_tensor

Array = npt.NDArray[Any]
ORACLE: Final = Path(__file__).with_name("mergekit_oracle.py")
PYTHON: Final = os.environ.get("SAPWOOD_MERGEKIT_PYTHON", sys.executable)

STRATEGIES: Final[dict[str, Strategy]] = {
    "average": Average(),
    "weighted": Weighted((0.3, 0.7)),
    "slerp": Slerp(0.25),
    "task_arithmetic": TaskArithmetic((0.5, 0.25), 0.8),
    "ties": Ties(0.3, scale=0.7),
    "ties_weighted": Ties(0.3, weights=(1, 3)),
    "dare": Dare(0.4, seed=3),
    "dare_elect": Dare(0.4, seed=3, elect=True),
}


def differences(folder: Path, base: Array, ours: Array, theirs: Array) -> dict[str, Array]:
    """For each strategy |Sapwood's - mergekit's|, element by element, in binary64.

    mergekit computes in the tensors' own type. Of types below 32 bits it gets the values as float32, which is
    how Sapwood computes, and what it makes is rounded to the type.
    """
    dtype = "float64" if base.dtype == np.float64 else "float32"
    masks = [mask(mask_key(3, side, "w"), 0.4, slice(0, base.size)).reshape(base.shape) for side in range(2)]
    given, made = folder / "given.npz", folder / "made.npz"
    tensors = {"base": base, "ours": ours, "theirs": theirs}
    as_numbers = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    np.savez(given, mask0=masks[0], mask1=masks[1], allow_pickle=False, **as_numbers)
    subprocess.run([PYTHON, ORACLE, dtype, given, made], check=True)
    found: dict[str, Array] = {}
    with np.load(made) as theirs_made:
        for name, strategy in STRATEGIES.items():
            merged = merge_tensors(strategy, base, [ours, theirs], name="w")
            assert merged is not None
            other = theirs_made[name].astype(base.dtype).astype(np.float64)
            found[name] = np.abs(merged.astype(np.float64) - other)
    return found


def tied(strategy: Strategy, base: Array, ours: Array, theirs: Array) -> npt.NDArray[np.bool_]:
    """Elements whose election or trimming is a draw.

    Where the votes sum to 0 the paper's sign is 0 and mergekit's is 1; of elements as large as the smallest
    that stays we keep all, mergekit some.
    """
    x, *sides = (tensor.astype(wide_type(base.dtype)) for tensor in (base, ours, theirs))
    votes = []
    draws = np.zeros(base.shape, bool)
    for number, side in enumerate(sides):
        vote = side - x
        match strategy:
            case Ties(density, weights):
                threshold = np.sort(np.abs(vote), axis=None)[-int(density * vote.size)]
                draws |= np.abs(vote) == threshold
                votes.append(np.where(np.abs(vote) >= threshold, vote, 0) * (weights or (1, 1))[number])
            case Dare(density, seed=seed, elect=True):
                stays = mask(mask_key(seed, number, "w"), density, slice(0, vote.size)).reshape(vote.shape)
                votes.append(vote * stays)
    return draws | (sum(votes) == 0) & (votes[0] != 0) if votes else draws


def compared(
    folder: Path, base: Array, ours: Array, theirs: Array
) -> Iterator[tuple[str, float, int, float]]:
    """Strategy, largest difference, elements that draw, largest difference of the others."""
    for name, difference in differences(folder, base, ours, theirs).items():
        draws = tied(STRATEGIES[name], base, ours, theirs)
        yield name, float(difference.max()), int(draws.sum()), float(difference[~draws].max(initial=0))


def main(paths: list[str]) -> None:
    """All float tensors that both sides changed, end to end as one: mergekit takes long to start."""
    files = [load_file(path) for path in paths]
    names = [
        name
        for name, base in files[0].items()
        if is_float(base.dtype) and not any(same_tensor(base, file[name]) for file in files[1:])
    ]
    base, *sides = (np.concatenate([file[name].ravel() for name in names]) for file in files)
    with tempfile.TemporaryDirectory() as folder:
        for strategy, largest, draws, others in compared(Path(folder), base, *sides):
            told = f"largest difference {largest:.3g} of {base.size}; without {draws} draws {others:.3g}"
            print(f"{strategy:16} {told}")  # noqa: T201  it is what this prints


if __name__ == "__main__":
    main(sys.argv[1:])
