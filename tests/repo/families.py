"""Model files of several families, large enough to be told by their fingerprints."""

from pathlib import Path

import numpy as np
import safetensors.numpy

SHAPE = (256, 384)


def write_family(folder: Path, family: int, members: int) -> dict[str, Path]:
    """A base and fine-tunes of it; their paths by names such as ``0-2``."""
    random = np.random.default_rng(family)
    base = _weights(random)
    tuned = (base if member == 0 else _moved(base, random, 1e-5) for member in range(members))
    return {
        f"{family}-{member}": _write(folder, f"{family}-{member}", one) for member, one in enumerate(tuned)
    }


def write_drift(folder: Path, members: int) -> dict[str, Path]:
    """Checkpoints of one training, each nearest to the one before it; their paths by number."""
    random = np.random.default_rng(7)
    weights = _weights(random)
    made = {}
    for member in range(members):
        made[str(member)] = _write(folder, str(member), weights)
        weights = _moved(weights, random, 1e-4)
    return made


def _weights(random: np.random.Generator) -> dict[str, np.ndarray]:
    return {f"layer{i}.weight": (random.standard_normal(SHAPE) * 0.05).astype(np.float32) for i in range(2)}


def _moved(weights: dict[str, np.ndarray], random: np.random.Generator, size: float) -> dict[str, np.ndarray]:
    return {
        name: (array + random.standard_normal(SHAPE) * size).astype(np.float32)
        for name, array in weights.items()
    }


def _write(folder: Path, name: str, weights: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    safetensors.numpy.save_file(weights, path)
    return path
