"""Small made-up pairs for quick runs: what an optimiser does to weights, drawn from a fixed seed.

They stand for no real model: trained pairs (make_pairs) decide anything that matters. Weights are normal
with a scale per row, some rows stay untouched, and a step moves each weight by about the learning rate, as
Adam does.
"""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import numpy.typing as npt

ROWS, COLUMNS, TENSORS = 512, 384, 4
TYPES = {"f32": "F32", "bf16": "BF16", "f16": "F16"}
# Learning rate times steps, about as in the trained pairs.
MOVES = {"sft": 2e-4, "rl": 3e-6}

Floats = npt.NDArray[np.float32]


def make(folder: Path) -> None:
    """Write sft-{f32,bf16,f16} and rl-bf16 to folder/NAME/{base,target}.safetensors, unless there."""
    for kind, dtype in (("sft", "f32"), ("sft", "bf16"), ("sft", "f16"), ("rl", "bf16")):
        place = folder / f"{kind}-{dtype}"
        if (place / "target.safetensors").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        base, target = weights(MOVES[kind])
        write(place / "base.safetensors", base, dtype)
        write(place / "target.safetensors", target, dtype)


def weights(move: float) -> tuple[list[Floats], list[Floats]]:
    random = np.random.default_rng(20)
    base, target = [], []
    for _ in range(TENSORS):
        scale = 0.04 * np.exp(random.normal(0, 0.3, (ROWS, 1)))
        old = (random.standard_normal((ROWS, COLUMNS)) * scale).astype(np.float32)
        touched = random.random((ROWS, 1)) < 0.8
        step = random.normal(0, move, old.shape) * touched - old * (0.01 * move)
        base.append(old)
        target.append((old + step).astype(np.float32))
    return base, target


def write(path: Path, tensors: list[Floats], dtype: str) -> None:
    """A safetensors file of tensors layers.N.weight."""
    numpy_type = {"f32": np.dtype("<f4"), "f16": np.dtype("<f2"), "bf16": np.dtype(ml_dtypes.bfloat16)}[dtype]
    blobs = [tensor.astype(numpy_type).tobytes() for tensor in tensors]
    table, at = {}, 0
    for i, (tensor, blob) in enumerate(zip(tensors, blobs, strict=True)):
        row = {"dtype": TYPES[dtype], "shape": tensor.shape, "data_offsets": [at, at + len(blob)]}
        table[f"layers.{i}.weight"] = row
        at += len(blob)
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(b"".join([len(header).to_bytes(8, "little"), header, *blobs]))
