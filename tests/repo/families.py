"""Model files of several families, large enough to be told by their fingerprints."""

from pathlib import Path

import numpy as np
import safetensors.numpy

SHAPE = (256, 384)


def write_family(folder: Path, family: int, members: int) -> dict[str, Path]:
    """A base and fine-tunes of it; their paths by names such as ``0-2``."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(family)
    base = {f"layer{i}.weight": (random.standard_normal(SHAPE) * 0.05).astype(np.float32) for i in range(2)}
    made = {}
    for member in range(members):
        arrays = {
            name: array if member == 0 else (array + random.standard_normal(SHAPE) * 1e-5).astype(np.float32)
            for name, array in base.items()
        }
        made[f"{family}-{member}"] = folder / f"{family}-{member}.safetensors"
        safetensors.numpy.save_file(arrays, made[f"{family}-{member}"])
    return made
