"""Merges by mergekit, in a Python that has it; run as a script: DTYPE IN.npz OUT.npz.

IN holds base, ours and theirs, and the masks of DARE; OUT gets one array a strategy, in binary64. mergekit
draws its masks from torch.bernoulli, which is made to return ours; what is tested is all the rest.
"""

import sys
from typing import Any

import numpy as np
import torch
from mergekit.merge_methods import registry
from mergekit.merge_methods.base import TensorBatch, TensorGroup


def main(dtype: str, given: str, made: str) -> None:
    arrays = np.load(given)
    kind = getattr(torch, dtype)
    base, ours, theirs = (torch.from_numpy(arrays[name]).to(kind) for name in ("base", "ours", "theirs"))

    def vectors(
        method: str,
        weights: tuple[float, float],
        *,
        density: float = 1.0,
        scale: float = 1.0,
        normalize: bool,
    ) -> Any:
        shared = {"int8_mask": False, "rescale": False, "lambda": scale, "normalize": normalize}
        each = {"density": {1: density, 2: density}, "weight": dict(zip((1, 2), weights, strict=True))}
        group = TensorGroup.from_tensors([base, ours, theirs], base_index=0, name="w")
        return registry.get(method).merge_group(group, **shared, **each).to(torch.float64).numpy()

    def kernel(method: str, base_index: int | None, **parameters: Any) -> Any:
        # Its kernels take batches of tensors: here of one.
        batch = TensorBatch((ours[None], theirs[None]), base_index)
        return registry.get(method).merge_batch(batch, **parameters)[0].to(torch.float64).numpy()

    def linear(*weights: float) -> Any:
        return kernel("linear", None, weight=torch.tensor([weights], dtype=torch.float64), normalize=True)

    def dare(method: str, density: float) -> Any:
        masks = iter([arrays["mask0"], arrays["mask1"]])
        drawn, torch.bernoulli = torch.bernoulli, lambda like: torch.from_numpy(next(masks)).to(like.dtype)
        try:
            # The paper's rescaling by 1 / density, which mergekit leaves to lambda when rescale is off.
            return vectors(
                method, (1.0, 1.0), density=density, scale=1 / density, normalize=method == "dare_ties"
            )
        finally:
            torch.bernoulli = drawn

    np.savez(
        made,
        average=linear(1.0, 1.0),
        weighted=linear(0.3, 0.7),
        slerp=kernel("slerp", 0, t=torch.tensor([0.25], dtype=torch.float64)),
        task_arithmetic=vectors("task_arithmetic", (0.5, 0.25), scale=0.8, normalize=False),
        ties=vectors("ties", (1.0, 1.0), density=0.3, scale=0.7, normalize=True),
        ties_weighted=vectors("ties", (1.0, 3.0), density=0.3, normalize=True),
        dare=dare("dare_linear", 0.4),
        dare_elect=dare("dare_ties", 0.4),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
