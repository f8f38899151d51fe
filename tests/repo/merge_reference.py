"""The merge formulas once more, from the papers alone, in plain binary64 on whole arrays."""

from collections.abc import Sequence
from typing import Any

import blake3
import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
_MASK = (1 << 64) - 1


def weighted(sides: Sequence[Float], weights: Sequence[float]) -> Float:
    stacked = np.stack(sides)
    total: Float = np.tensordot(np.asarray(weights, np.float64), stacked, 1)
    mean: Float = total / sum(weights)
    return mean


def slerp(ours: Float, theirs: Float, t: float) -> Float:
    u, v = ours / np.linalg.norm(ours), theirs / np.linalg.norm(theirs)
    # Kahan's formula, good at every angle.
    angle = 2 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))
    on_arc: Float = (np.sin((1 - t) * angle) * ours + np.sin(t * angle) * theirs) / np.sin(angle)
    return on_arc


def task_arithmetic(base: Float, sides: Sequence[Float], weights: Sequence[float], scale: float) -> Float:
    return base + scale * sum(
        (w * (side - base) for w, side in zip(weights, sides, strict=True)), np.zeros(())
    )


def ties(base: Float, sides: Sequence[Float], density: float, scale: float) -> Float:
    vectors = [(side - base).ravel() for side in sides]
    trimmed = []
    for vector in vectors:
        smallest_kept = np.sort(np.abs(vector))[::-1][max(1, int(density * vector.size)) - 1]
        trimmed.append(np.where(np.abs(vector) >= smallest_kept, vector, 0))
    return base + scale * elect(trimmed).reshape(base.shape)


def elect(vectors: Sequence[Float]) -> Float:
    merged = np.zeros(vectors[0].shape)
    for i in np.ndindex(merged.shape):
        column = [vector[i] for vector in vectors]
        sign = np.sign(sum(column))
        agreeing = [value for value in column if np.sign(value) == sign and sign != 0]
        merged[i] = sum(agreeing) / len(agreeing) if agreeing else 0
    return merged


def dare(base: Float, sides: Sequence[Float], masks: Sequence[npt.NDArray[Any]], density: float) -> Float:
    return base + sum(m * (side - base) / density for m, side in zip(masks, sides, strict=True))


def dare_mask(seed: int, side: int, name: str, density: float, count: int) -> npt.NDArray[np.bool_]:
    message = (
        b"sapwood dare mask 1\0" + seed.to_bytes(8, "little") + side.to_bytes(4, "little") + name.encode()
    )
    digest = blake3.blake3(message).digest()
    key = (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:16], "little"))
    stays = []
    for n in range(count):
        word = philox(1 + n // 8, key)[n // 2 % 4]
        stays.append((word >> 32 * (n % 2) & 0xFFFFFFFF) < round(density * 2**32))
    return np.array(stays, bool)


def philox(counter: int, key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox-4x64-10 (Salmon et al. 2011), in Python's integers."""
    x = [counter, 0, 0, 0]
    k0, k1 = key
    for _ in range(10):
        one, two = x[0] * 0xD2E7470EE14C6C93, x[2] * 0xCA5A826395121157
        x = [two >> 64 ^ x[1] ^ k0, two & _MASK, one >> 64 ^ x[3] ^ k1, one & _MASK]
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & _MASK, (k1 + 0xBB67AE8584CAA73B) & _MASK
    return x[0], x[1], x[2], x[3]
