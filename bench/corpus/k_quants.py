"""A small quantiser for ggml's K types, which the gguf package only reads.

After quantize_row_q*_K_ref of llama.cpp (ggml-quants.c): per run of 16 or 32 weights a scale (and a min) that
makes the squared error small, then scales and mins as small numbers over one half each, then codes over what
these numbers say. Two things are left out: the descent over single codes in Q3_K, and no importance matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["K_TYPES", "quantise_k"]

Floats = np.ndarray[Any, np.dtype[np.float32]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]

BLOCK = 256
# Type: bits of a code, weights of a run, has mins, largest scale number, search from, steps.
K_TYPES = {
    "q2_k": (2, 16, True, 15, -0.5, 15),
    "q3_k": (3, 16, False, 32, 0.0, 0),
    "q4_k": (4, 32, True, 63, -1.0, 20),
    "q5_k": (5, 32, True, 63, -0.5, 15),
    "q6_k": (6, 16, False, 128, 0.0, 0),
}
_TINY = np.float32(1e-15)


def _nearest(values: Floats) -> Floats:
    nearest: Floats = np.rint(values).astype(np.float32)
    return nearest


def _over(a: Floats, b: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(a, b, out=np.zeros_like(a * b), where=b != 0)


def _with_min(x: Floats, most: int, start: float, steps: int, absolute: bool) -> tuple[Floats, Floats]:
    """Scale and min of each row (make_qkx2_quants). x: (runs, weights)."""
    weights = np.abs(x) if absolute else np.sqrt((x * x).mean(1, keepdims=True)) + np.abs(x)
    low = np.minimum(x.min(1, keepdims=True), 0)
    span = x.max(1, keepdims=True) - low
    sum_w, sum_x = weights.sum(1, keepdims=True), (weights * x).sum(1, keepdims=True)

    def error(scale: Floats, least: Floats, codes: Floats) -> Floats:
        off = scale * codes + least - x
        total: Floats = (weights * (np.abs(off) if absolute else off * off)).sum(1, keepdims=True)
        return total

    best_scale, best_min = span / np.float32(most), low
    codes = np.clip(_nearest(_over(np.float32(most) * (x - low), span)), 0, most)
    best = error(best_scale, best_min, codes)
    for step in range(steps + 1):
        codes = np.clip(_nearest(_over(np.float32(start + 0.1 * step + most) * (x - low), span)), 0, most)
        sum_l, sum_l2 = (
            (weights * codes).sum(1, keepdims=True),
            (weights * codes * codes).sum(1, keepdims=True),
        )
        sum_xl = (weights * codes * x).sum(1, keepdims=True)
        determinant = sum_w * sum_l2 - sum_l * sum_l
        scale = _over(sum_w * sum_xl - sum_x * sum_l, determinant)
        least = _over(sum_l2 * sum_x - sum_l * sum_xl, determinant)
        scale, least = np.where(least > 0, _over(sum_xl, sum_l2), scale), np.minimum(least, 0)
        found = error(scale, least, codes)
        better = (determinant > 0) & (found < best)
        best_scale, best_min = np.where(better, scale, best_scale), np.where(better, least, best_min)
        best = np.where(better, found, best)
    return best_scale[:, 0], -best_min[:, 0]


def _without_min(x: Floats, most: int) -> Floats:
    """Scale of each row (make_qx_quants, weights squared)."""
    largest = np.take_along_axis(x, np.abs(x).argmax(1, keepdims=True), 1)
    best_scale, best = np.zeros((len(x), 1), np.float32), np.full((len(x), 1), -1, np.float32)
    for step in range(-9, 10):
        codes = np.clip(_nearest(_over(np.float32(-(most + 0.1 * step)) * x, largest)), -most, most - 1)
        sum_xl, sum_l2 = (
            (x * x * x * codes).sum(1, keepdims=True),
            (x * x * codes * codes).sum(1, keepdims=True),
        )
        gain = _over(sum_xl * sum_xl, sum_l2)
        best_scale = np.where(gain > best, _over(sum_xl, sum_l2), best_scale)
        best = np.maximum(best, gain)
    found: Floats = np.where(np.abs(largest) < _TINY, 0, best_scale)[:, 0]
    return found


def _numbers(scales: Floats, most: int, signed: bool) -> tuple[Floats, Floats]:
    """Scales of a block's runs as numbers over one half. scales: (blocks, runs)."""
    if signed:
        largest = np.take_along_axis(scales, np.abs(scales).argmax(1, keepdims=True), 1)
        numbers = np.clip(_nearest(_over(np.float32(-most) * scales, largest)), -most, most - 1)
        return numbers, (largest / np.float32(-most)).astype(np.float16)
    largest = np.maximum(scales.max(1, keepdims=True), 0)
    numbers = np.clip(_nearest(_over(np.float32(most) * scales, largest)), 0, most)
    return numbers, (largest / np.float32(most)).astype(np.float16)


def _packed(numbers: np.ndarray[Any, Any], bits: int, run: int) -> Bytes:
    """``bits`` of each number; bytes of a run hold the lowest bits of neighbours first."""
    fields = 8 // bits
    rows = numbers.reshape(len(numbers), -1, fields, run) << (
        bits * np.arange(fields, dtype=np.uint8)[:, None]
    )
    packed: Bytes = np.bitwise_or.reduce(rows, axis=2).reshape(len(numbers), -1)
    return packed


def _six_bits(scales: Bytes, mins: Bytes) -> Bytes:
    low = scales[:, :4] | scales[:, 4:] >> 4 << 6
    middle = mins[:, :4] | mins[:, 4:] >> 4 << 6
    return np.concatenate([low, middle, scales[:, 4:] & 15 | (mins[:, 4:] & 15) << 4], 1)


def quantise_k(weights: Floats, name: str) -> Bytes:
    """Weights, a multiple of 256 in the last dimension, as bytes of blocks of a K type."""
    bits, run, has_mins, most, start, steps = K_TYPES[name]
    x = weights.astype(np.float32).reshape(-1, run)
    half = 1 << (bits - 1)
    blocks = x.size // BLOCK
    if has_mins:
        scales, mins = _with_min(x, 2 * half - 1, start, steps, name == "q2_k")
        mins, dmin = _numbers(mins.reshape(blocks, -1), most, False)
    else:
        scales, dmin = _without_min(x, half), np.zeros((blocks, 1), np.float16)
        mins = np.zeros((blocks, BLOCK // run), np.float32)
    scales, d = _numbers(scales.reshape(blocks, -1), most, not has_mins)
    unit = (d.astype(np.float32) * scales).reshape(-1, 1)
    low = (dmin.astype(np.float32) * mins).reshape(-1, 1)
    codes = np.clip(_nearest(_over(x + low, unit)), *((0, 2 * half - 1) if has_mins else (-half, half - 1)))
    q = (codes + (0 if has_mins else half)).astype(np.uint8).reshape(blocks, BLOCK)
    s, m = scales.astype(np.int8).view(np.uint8), mins.astype(np.uint8)
    units = [np.ascontiguousarray(unit).view(np.uint8).reshape(blocks, 2) for unit in (d, dmin)]
    if name == "q2_k":
        parts = [s | m << 4, _packed(q, 2, 32), *units]
    elif name == "q3_k":
        s = s + np.uint8(32)
        parts = [_packed(q >> 2, 1, 32), _packed(q & 3, 2, 32), _packed(s & 15, 4, 8), _packed(s >> 4, 2, 4)]
        parts.append(units[0])
    elif name == "q4_k":
        parts = [*units, _six_bits(s, m), _packed(q, 4, 32)]
    elif name == "q5_k":
        parts = [*units, _six_bits(s, m), _packed(q >> 4, 1, 32), _packed(q & 15, 4, 32)]
    else:
        parts = [_packed(q & 15, 4, 64), _packed(q >> 4, 2, 32), s, units[0]]
    return np.concatenate(parts, 1)
