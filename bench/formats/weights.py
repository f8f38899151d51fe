"""The weights that the makers put into their formats: a small transformer before and after a fine-tune.

Reads and writes safetensors by itself, so that a maker needs nothing but numpy and its own library.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np

Arrays = dict[str, np.ndarray]

_MODELS = Path(__file__).parents[2] / "examples" / "models"
_KINDS = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "I64": np.int64}


def load(path: Path) -> Arrays:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            flat = np.frombuffer(data[start + begin : start + end], _KINDS[entry["dtype"]])
            found[name] = flat.reshape(entry["shape"])
    return found


def save(path: Path, arrays: Arrays) -> None:
    kinds = {np.dtype(kind): name for name, kind in _KINDS.items()}
    header, at = {}, 0
    for name, array in arrays.items():
        entry = {"dtype": kinds[array.dtype], "shape": array.shape, "data_offsets": (at, at + array.nbytes)}
        header[name] = entry
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    payload = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + payload)


def pair(kind: type[np.generic] = np.float32) -> tuple[Arrays, Arrays]:
    """(base, target) of the f32 pair in examples/models, in the float type asked for."""
    old, new = (load(_MODELS / f"writer-f32-{version}.safetensors") for version in ("base", "tuned"))
    return {n: a.astype(kind) for n, a in old.items()}, {n: a.astype(kind) for n, a in new.items()}


def versions(folder: Path, kind: type[np.generic] = np.float32) -> list[tuple[str, Arrays]]:
    """("base", arrays) and ("target", arrays), after writing both as safetensors for comparison."""
    folder.mkdir(parents=True, exist_ok=True)
    found = list(zip(("base", "target"), pair(kind), strict=True))
    short = {"float32": "f32", "float16": "f16"}[np.dtype(kind).name]
    for version, arrays in found:
        save(folder / f"{version}-{short}.safetensors", arrays)
    return found


def missing(error: ImportError) -> NoReturn:
    """End a maker whose library is not there."""
    sys.stderr.write(f"missing: {error.name}\n")
    sys.exit(3)
