"""Make quantised pairs from the trained ones.

    python -m bench.corpus.quantised PAIRS_DIR [TYPE ...]      (default: every type; about 3 CPU minutes)

PAIRS_DIR holds what bench.corpus.make_pairs wrote. For each type, sft/f32/{base,step200,step250} becomes
quantised/TYPE/{base,step200,step250}.gguf: matrices quantised, all else f32, as llama.cpp does. q4_0 to q8_0
are the gguf package's; the K types, which it cannot make, come from k_quants.py. These take rows of 256: rows
of 384 are joined two and two. f16 and bf16 are what a cross-quantised pair starts from.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

from bench.corpus.k_quants import K_TYPES, quantise_k
from bench.corpus.quantised_types import STEPS, TYPES

FLOATS = ("f32", "f16", "bf16")


def write(source: Path, out: Path, name: str) -> None:
    """One safetensors file as GGUF."""
    kind = gguf.GGMLQuantizationType[name.upper()]
    writer = gguf.GGUFWriter(str(out), "bert")
    for key, values in sorted(load_file(str(source)).items()):
        data = values.astype(np.float32) if values.dtype.kind == "f" else values.astype(np.int32)
        if data.ndim < 2 or name == "f32" or data.dtype != np.float32:
            writer.add_tensor(key, data)
            continue
        if name in K_TYPES:
            rows = data if data.shape[-1] % 256 == 0 else data.reshape(-1, 2 * data.shape[-1])
            width = gguf.quant_shape_to_byte_shape(rows.shape, kind)
            writer.add_tensor(key, quantise_k(rows, name).reshape(width), raw_dtype=kind)
        else:
            writer.add_tensor(key, gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main(arguments: list[str]) -> None:
    folder = Path(arguments[0])
    for name in arguments[1:] or (*FLOATS, *TYPES):
        for step in STEPS:
            out = folder / "quantised" / name / f"{step}.gguf"
            out.parent.mkdir(parents=True, exist_ok=True)
            write(folder / "sft" / "f32" / f"{step}.safetensors", out, name)
            print("wrote", out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
