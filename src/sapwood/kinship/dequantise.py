"""Blocks of ggml as numbers, for the types most models are published in; other types are taken as bytes.

Source: ggml-quants.c of llama.cpp (dequantize_row_*). Each takes rows of whole blocks, uint8, and gives as
many rows of float32. Single IEEE operations, so that every machine comes to the same numbers.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["DEQUANTISERS"]

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float32]


def _half(blocks: Bytes, at: int) -> Numbers:
    """The half float at that offset of each block, as a column."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _nibbles(packed: Bytes) -> Bytes:
    """The low halves of all bytes of a block, then the high ones."""
    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _q4_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.float32) - 8)


def _q4_1(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + _half(blocks, 2)


def _fives(blocks: Bytes, at: int) -> Numbers:
    """Codes of five bits: 32 fifth bits, then the nibbles."""
    fifth = np.unpackbits(blocks[:, at : at + 4], axis=1, bitorder="little")
    return (_nibbles(blocks[:, at + 4 :]) | fifth << 4).astype(np.float32)


def _q5_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * (_fives(blocks, 2) - 16)


def _q5_1(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * _fives(blocks, 4) + _half(blocks, 2)


def _q8_0(blocks: Bytes) -> Numbers:
    return _half(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32)


def _six_bit_scales(packed: Bytes) -> tuple[Bytes, Bytes]:
    """Eight scales and eight minima of six bits, out of the twelve bytes of a K block."""
    low, middle, high = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([low & 63, high & 15 | low >> 6 << 4], axis=1)
    minima = np.concatenate([middle & 63, high >> 4 | middle >> 6 << 4], axis=1)
    return scales, minima


def _scaled(blocks: Bytes, codes: Bytes) -> Numbers:
    """Codes of q4_k and q5_k: eight groups of 32, each with a scale and a minimum."""
    scales, minima = _six_bit_scales(blocks[:, 4:16])
    scale = (_half(blocks, 0) * scales.astype(np.float32))[:, :, None]
    least = (_half(blocks, 2) * minima.astype(np.float32))[:, :, None]
    return (scale * codes.reshape(-1, 8, 32).astype(np.float32) - least).reshape(-1, 256)


def _q4_k(blocks: Bytes) -> Numbers:
    packed = blocks[:, 16:].reshape(-1, 4, 32)
    return _scaled(blocks, np.stack([packed & 15, packed >> 4], axis=2))


def _q5_k(blocks: Bytes) -> Numbers:
    packed = blocks[:, 48:].reshape(-1, 4, 32)
    fifth = np.unpackbits(blocks[:, 16:48, None], axis=2, bitorder="little").transpose(0, 2, 1)
    codes = np.stack([packed & 15, packed >> 4], axis=2).reshape(-1, 8, 32)
    return _scaled(blocks, codes | fifth << 4)


def _q6_k(blocks: Bytes) -> Numbers:
    low = blocks[:, :128].reshape(-1, 2, 2, 32)
    top = blocks[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8)[:, None] & 3
    codes = np.concatenate([low & 15, low >> 4], axis=2) | top << 4
    scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.float32)
    scale = (_half(blocks, 208) * scales)[:, :, None]
    numbers: Numbers = scale * (codes.reshape(-1, 16, 16).astype(np.float32) - 32)
    return numbers.reshape(-1, 256)


def _by_blocks(one: Callable[[Bytes], Numbers], size: int) -> Callable[[Bytes], Numbers]:
    def whole(rows: Bytes) -> Numbers:
        with np.errstate(all="ignore"):
            numbers = one(np.ascontiguousarray(rows).reshape(-1, size))
        return numbers.reshape(len(rows), -1)

    return whole


DEQUANTISERS: Final[dict[str, Callable[[npt.NDArray[Any]], Numbers]]] = {
    "q4_0": _by_blocks(_q4_0, 18),
    "q4_1": _by_blocks(_q4_1, 20),
    "q5_0": _by_blocks(_q5_0, 22),
    "q5_1": _by_blocks(_q5_1, 24),
    "q8_0": _by_blocks(_q8_0, 34),
    "q4_k": _by_blocks(_q4_k, 144),
    "q5_k": _by_blocks(_q5_k, 176),
    "q6_k": _by_blocks(_q6_k, 210),
}
"""By the dtype's name; each block fills whole rows of 256 numbers."""
