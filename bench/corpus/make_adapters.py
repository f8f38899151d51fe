"""Make models with merged rank-16 adapters, as wide as those that people merge: made numbers, real roundings.

    python -m bench.corpus.make_adapters OUT_DIR [1024] [2048]      (default: both, some seconds)

Weights are bell-shaped with a spread of their own for every row. The adapter's singular values fall as
trained ones do, and its product is about a fiftieth of the weights, added in f32 and rounded to bf16 once.

What is written (safetensors, under OUT_DIR):
    adapter-WIDTH/{base,merged}.safetensors   attention and MLP matrices of two layers, bf16
    adapter-WIDTH/adapter.safetensors         the adapter, f32, in PEFT's names, without its scale of 2
"""

from __future__ import annotations

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors.numpy import save_file

RANK, SCALE, LAYERS = 16, 2.0, 2


def shapes(width: int) -> dict[str, tuple[int, int]]:
    wide = width * 11 // 4
    return {
        "self_attn.q_proj": (width, width),
        "self_attn.v_proj": (width // 4, width),
        "mlp.up_proj": (wide, width),
        "mlp.down_proj": (width, wide),
    }


def make(folder: Path, width: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(width)
    base, merged, adapter = {}, {}, {}
    for layer in range(LAYERS):
        for name, (rows, columns) in shapes(width).items():
            spread = 0.02 * np.exp(0.3 * random.standard_normal((rows, 1)))
            weights = (random.standard_normal((rows, columns)) * spread).astype(ml_dtypes.bfloat16)
            falls = (1 / np.arange(1, RANK + 1) ** 0.5).astype(np.float32)[:, None]
            a = (random.standard_normal((RANK, columns)) * falls / columns**0.5).astype(np.float32)
            b = (random.standard_normal((rows, RANK)) * 1.1e-4 * columns**0.5).astype(np.float32)
            path = f"model.layers.{layer}.{name}"
            base[f"{path}.weight"] = weights
            merged[f"{path}.weight"] = (weights.astype(np.float32) + SCALE * (b @ a)).astype(
                ml_dtypes.bfloat16
            )
            adapter[f"base_model.model.{path}.lora_A.weight"] = a
            adapter[f"base_model.model.{path}.lora_B.weight"] = b
    save_file(base, folder / "base.safetensors")
    save_file(merged, folder / "merged.safetensors")
    save_file(adapter, folder / "adapter.safetensors")
    print("wrote", folder, flush=True)


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    for width in map(int, arguments[1:] or (1024, 2048)):
        make(Path(arguments[0]) / f"adapter-{width}", width)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
