"""Models made in memory: a parent, what is made from it, and strangers of the same shapes."""

import io
from collections.abc import Callable

import ml_dtypes
import numpy as np
from safetensors.numpy import save

Arrays = dict[str, np.ndarray]

SHAPES = {
    "embed.weight": (900, 96),
    "layers.0.attention.weight": (96, 96),
    "layers.0.mlp.weight": (384, 96),
    "layers.0.norm.weight": (96,),
    "layers.1.attention.weight": (96, 96),
    "layers.1.mlp.weight": (384, 96),
    "layers.1.norm.weight": (96,),
    "head.weight": (40, 96),
}


def parent(seed: int) -> Arrays:
    """Weights as a trained model has them: normal, and norms near 1; and indices that all models share."""
    random = np.random.default_rng(seed)
    made: Arrays = {
        name: (0.05 * random.standard_normal(shape) + ("norm" in name)).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    made["positions"] = np.arange(512, dtype=np.int64)
    return made


def tuned(arrays: Arrays, strength: float, seed: int) -> Arrays:
    """Each float moved by that share of its tensor's spread."""
    random = np.random.default_rng(seed)
    return {
        name: (a + strength * a.std() * random.standard_normal(a.shape)).astype(a.dtype)
        if a.dtype.kind == "f"
        else a
        for name, a in arrays.items()
    }


def merged(arrays: Arrays, seed: int) -> Arrays:
    """A rank-4 adapter merged into the attention and the perceptrons."""
    random = np.random.default_rng(seed)
    made = dict(arrays)
    for name in [n for n in arrays if "attention" in n or "mlp" in n]:
        rows, columns = arrays[name].shape
        left, right = random.standard_normal((rows, 4)), random.standard_normal((4, columns))
        made[name] = (arrays[name] + 0.002 * left @ right).astype(np.float32)
    return made


def pruned(arrays: Arrays, share: float) -> Arrays:
    """The smallest weights of each tensor set to 0."""
    return {
        name: np.where(np.abs(a) < np.quantile(np.abs(a), share), 0, a).astype(a.dtype)
        if a.dtype.kind == "f" and a.ndim > 1
        else a
        for name, a in arrays.items()
    }


def cast(arrays: Arrays, kind: type) -> Arrays:
    return {name: a.astype(kind) if a.dtype.kind == "f" else a for name, a in arrays.items()}


def quantised(arrays: Arrays) -> Arrays:
    """Matrices rounded to int8 with a scale for each row, which is not kept here."""
    made = dict(arrays)
    for name in [n for n, a in arrays.items() if a.ndim == 2]:
        scale = np.abs(arrays[name]).max(axis=1, keepdims=True) / 127
        made[name] = np.rint(arrays[name] / scale).astype(np.int8)
    return made


def grown(arrays: Arrays, rows: int, seed: int) -> Arrays:
    """More rows of the vocabulary."""
    new = 0.05 * np.random.default_rng(seed).standard_normal((rows, arrays["embed.weight"].shape[1]))
    return arrays | {"embed.weight": np.concatenate([arrays["embed.weight"], new.astype(np.float32)])}


def renamed(arrays: Arrays, seed: int) -> Arrays:
    """Other names, in another order."""
    order = np.random.default_rng(seed).permutation(len(arrays))
    names = list(arrays)
    return {f"w{number}": arrays[names[i]] for number, i in enumerate(order)}


def safetensors_file(arrays: Arrays) -> bytes:
    return bytes(save(arrays))


def npz_file(arrays: Arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


# What is made from a parent, and the least kinship it must show.
DESCENDANTS: dict[str, tuple[Callable[[Arrays], Arrays], float]] = {
    "tuned a little": (lambda a: tuned(a, 0.001, 1), 0.98),
    "tuned": (lambda a: tuned(a, 0.03, 2), 0.85),
    "tuned much": (lambda a: tuned(a, 0.3, 3), 0.4),
    "merged": (lambda a: merged(a, 4), 0.5),
    "pruned": (lambda a: pruned(a, 0.6), 0.9),
    "decayed": (
        lambda a: {n: (x * np.float32(0.9)) if x.dtype.kind == "f" else x for n, x in a.items()},
        0.9,
    ),
    "bf16": (lambda a: cast(a, ml_dtypes.bfloat16), 0.9),
    "f16": (lambda a: cast(a, np.float16), 0.95),
    "int8": (quantised, 0.8),
    "grown": (lambda a: grown(a, 300, 5), 0.5),
    "renamed": (lambda a: renamed(a, 6), 0.99),
    "renamed and tuned": (lambda a: renamed(tuned(a, 0.03, 7), 8), 0.8),
    "renamed and cast": (lambda a: renamed(cast(a, np.float16), 9), 0.9),
}
