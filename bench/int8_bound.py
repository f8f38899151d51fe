"""What contexts could save of the differences of int8 weights: a bound, not a coder.

    python -m bench.int8_bound BASE TARGET      (models with int8 or uint8 matrices, same names in both)

Sizes are those of an ideal coder with a table for every context, at six bits for each symbol that a table
holds. "classes": the high four bits of the base's code, as NUMERIC has them. "activity": also which
sixteenth an element is in by how much its row and its column moved, told for free: more than any coder knows.
"neighbours": also the differences of the last two elements and the one above.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from sapwood.formats.model import Model, open_model

FEWEST = 100_000
TABLE_BITS = 6
LEVELS = 16

Integers = np.ndarray[Any, np.dtype[np.int64]]


def matrices(model: Model) -> dict[str, Integers]:
    found = {}
    for file in model.files:
        for span, tensor in file.layout.tensors():
            if tensor.dtype.name in ("i8", "u8") and len(tensor.shape) == 2 and span.length >= FEWEST:
                kind = np.int8 if tensor.dtype.name == "i8" else np.uint8
                data = np.frombuffer(file.data[span.offset : span.offset + span.length], kind)
                found[tensor.name] = data.reshape(tensor.shape).astype(np.int64)
    return found


def coded(contexts: Integers, symbols: Integers) -> float:
    """Bytes by a table for each context."""
    _, cells = np.unique(contexts * 512 + symbols + 256, return_counts=True)
    _, rows = np.unique(contexts, return_counts=True)
    bits = float((rows * np.log2(rows)).sum() - (cells * np.log2(cells)).sum())
    return (bits + TABLE_BITS * len(cells)) / 8


def bounds(base: Integers, target: Integers) -> tuple[float, float, float]:
    moved = target - base
    classes = (base >> 4) & 15
    size = np.abs(moved)
    expected = size.mean(1, keepdims=True) * size.mean(0, keepdims=True)
    steps = np.quantile(expected, np.linspace(0, 1, LEVELS + 1)[1:-1])
    activity = classes * LEVELS + np.digitize(expected, steps)
    near = np.pad(np.minimum(size, 3), ((1, 0), (2, 0)))
    neighbours = activity * 10 + near[1:, 1:-1] + near[1:, :-2] + near[:-1, 2:]
    first, second, third = (coded(contexts, moved) for contexts in (classes, activity, neighbours))
    return first, second, third


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print(__doc__)
        return 2
    with open_model(Path(arguments[0])) as base, open_model(Path(arguments[1])) as target:
        old, new = matrices(base), matrices(target)
        names = [name for name in new if name in old and old[name].shape == new[name].shape]
        sizes = np.array([bounds(old[name], new[name]) for name in names]).sum(0)
    told = zip(("classes", "activity", "neighbours"), sizes, strict=True)
    print(f"{len(names)} matrices;", ", ".join(f"{name} {size:,.0f}" for name, size in told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
