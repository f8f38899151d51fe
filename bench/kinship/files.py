"""Writers of three formats, as small as they can be; arrays of uint8 are ggml's q8_0."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable

import ml_dtypes
import numpy as np

Arrays = dict[str, np.ndarray]

BLOCK_BYTES, BLOCK_VALUES = 34, 32
_SAFETENSORS = {"float32": "F32", "int8": "I8", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}
_GGUF = {"float32": 0, "float16": 1, "uint8": 8, "int64": 27, "bfloat16": 30}
_ALIGNMENT = 32


def safetensors_file(arrays: Arrays) -> bytes:
    header, at = {}, 0
    for name, array in arrays.items():
        end = at + array.nbytes
        kind = _SAFETENSORS[array.dtype.name]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (at, end)}
        at = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(a.tobytes() for a in arrays.values())


def npz_file(arrays: Arrays) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def gguf_file(arrays: Arrays) -> bytes:
    head, body = bytearray(struct.pack("<4sIQQ", b"GGUF", 3, len(arrays), 0)), bytearray()
    for name, array in arrays.items():
        shape = list(array.shape)
        if array.dtype == np.uint8:
            shape[-1] = shape[-1] // BLOCK_BYTES * BLOCK_VALUES
        head += struct.pack(f"<Q{len(name)}sI", len(name), name.encode(), len(shape))
        head += struct.pack(f"<{len(shape)}QIQ", *shape[::-1], _GGUF[array.dtype.name], len(body))
        body += array.tobytes() + bytes(-array.nbytes % _ALIGNMENT)
    return bytes(head) + bytes(-len(head) % _ALIGNMENT) + bytes(body)


def q8_0(array: np.ndarray) -> np.ndarray:
    """A matrix in blocks of 32 codes with a scale."""
    blocks = array.astype(np.float32).reshape(-1, BLOCK_VALUES)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    codes = np.rint(blocks / np.where(scale == 0, 1, scale)).astype(np.int8)
    packed = np.concatenate([scale.astype(np.float16).view(np.uint8), codes.view(np.uint8)], axis=1)
    return packed.reshape(array.shape[0], -1)


WRITERS: dict[str, Callable[[Arrays], bytes]] = {
    "safetensors": safetensors_file,
    "gguf": gguf_file,
    "npz": npz_file,
}


def can_write(format: str, arrays: Arrays) -> bool:
    kinds = {array.dtype for array in arrays.values()}
    packed, bf16 = np.dtype(np.uint8) in kinds, np.dtype(ml_dtypes.bfloat16) in kinds
    return {"safetensors": not packed, "gguf": True, "npz": not (packed or bf16)}[format]
