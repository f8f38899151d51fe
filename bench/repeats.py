"""What repeated tensors cost: real checkpoints with their embedding saved twice: ``python -m bench.repeats``.

Reads sft/bf16/step200 and step250 of the pairs that ``python -m bench`` makes. Prints each target's size and
its patch's, without and with the repeat.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import ml_dtypes  # noqa: F401  gives safetensors its bfloat16
import numpy as np
import safetensors.numpy

import sapwood

Arrays = dict[str, np.ndarray]


def _retrained(arrays: Arrays) -> Arrays:
    """The same values in another order: what another training would give, as far as a diff can tell."""
    random = np.random.default_rng(1)
    return {
        name: random.permutation(array.ravel()).reshape(array.shape) if array.ndim > 1 else array
        for name, array in arrays.items()
    }


def _twice(arrays: Arrays) -> Arrays:
    """With the largest matrix, the embedding, as a head too."""
    return arrays | {"lm_head.weight": max(arrays.values(), key=lambda array: array.nbytes)}


def _averaged(arrays: Arrays) -> Arrays:
    """With an average of the weights that is still equal to them."""
    return arrays | {f"ema.{name}": array for name, array in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.repeats", description=__doc__)
    parser.add_argument("--corpus", type=Path, default=Path("build/bench"))
    pairs = parser.parse_args().corpus / "pairs" / "sft" / "bf16"
    old, new = (safetensors.numpy.load_file(pairs / f"step{step}.safetensors") for step in (200, 250))
    other = _retrained(new)
    cases = (
        ("fine-tune", old, new),
        ("fine-tune, tied", _twice(old), _twice(new)),
        ("fine-tune, tied in the target alone", old, _twice(new)),
        ("fine-tune, average", old, _averaged(new)),
        ("retrained", old, other),
        ("retrained, tied", _twice(old), _twice(other)),
        ("no base", None, new),
        ("no base, tied", None, _twice(new)),
    )
    for name, *models in cases:
        base, target = (None if arrays is None else safetensors.numpy.save(arrays) for arrays in models)
        assert target is not None
        patch = sapwood.diff(base, target)
        if sapwood.apply(base, patch) != target:
            raise SystemExit(f"{name}: another target")
        kept = sum(length for _, length in patch.manifest.kept)
        print(f"{name:36} target {len(target):>11,} B  patch {patch.size:>11,} B  kept {kept:>11,} B")


if __name__ == "__main__":
    main()
