"""A tensor's bytes as runs of numbers that a cast or a quantisation leaves nearly as they are."""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.codec.element import Element, element_of
from sapwood.formats.dtype import DType, Kind
from sapwood.kinship import limits
from sapwood.kinship.dequantise import DEQUANTISERS
from sapwood.patch.array_types import ARRAY_TYPES, FLOATS
from sapwood.patch.sampling import guess_element

__all__ = ["Values", "values_of"]

Numbers = npt.NDArray[np.float32]

_GUESSED: Final[dict[Element, np.dtype[Any]]] = {
    Element.F64: FLOATS["f64"],
    Element.F32: FLOATS["f32"],
    Element.F16: FLOATS["f16"],
    Element.BF16: FLOATS["bf16"],
    Element.INT16: np.dtype(np.int16),
    Element.INT8: np.dtype(np.int8),
}
_INTEGERS: Final[dict[str, np.dtype[Any]]] = {
    f"{letter}{bits}": ARRAY_TYPES[f"{word}int{bits}"]
    for letter, word in (("i", ""), ("u", "u"))
    for bits in (8, 16, 32, 64)
}
# Indices, masks and counts are alike in all models of an architecture: they tell nothing of kinship.
_NOT_LEARNED: Final = frozenset({"i64", "u64", "i32", "u32", "u16", "bool"})


@dataclasses.dataclass(frozen=True, slots=True)
class Values:
    """A tensor as runs, none read yet.

    Attributes:
        count: Numbers in all.
        element: What codes them.
        learned: Whether they are of a type that weights have.
        blocks: Whether they stand in blocks under scales of their own.
        rows: The bytes as they lie in the file, uint8, a run in a row; what is over at the end has no row.
        decode: Rows to numbers: (n, bytes) to (n, numbers).
    """

    count: int
    element: Element
    learned: bool
    blocks: bool
    rows: npt.NDArray[np.uint8]
    decode: Callable[[npt.NDArray[np.uint8]], Numbers]


def values_of(data: memoryview, dtype: DType) -> Values:
    """The values of a tensor whose bytes are ``data`` (at least one)."""
    if dtype.kind is Kind.BLOCK and dtype.name in DEQUANTISERS:
        dequantise = DEQUANTISERS[dtype.name]
        count = len(data) // dtype.block_bytes * dtype.block_elements
        size = limits.RUN // dtype.block_elements * dtype.block_bytes
        return Values(count, Element.INT8, True, True, _rows(data, size), dequantise)
    kind = _array_type(data, dtype)
    element = element_of(dtype)
    if dtype.kind is Kind.BYTES:
        element = next(e for e, guessed in _GUESSED.items() if guessed.newbyteorder("<") == kind)
    elif kind.itemsize == 1 and element is not Element.INT8 and dtype.name not in FLOATS:
        element = Element.INT8

    def decode(rows: npt.NDArray[np.uint8]) -> Numbers:
        with np.errstate(all="ignore"):
            numbers: Numbers = np.ascontiguousarray(rows).view(kind).astype(np.float32)
        return numbers

    count = len(data) // kind.itemsize
    learned = dtype.name not in _NOT_LEARNED
    return Values(
        count, element, learned, False, _rows(data, limits.RUN * kind.itemsize, kind.itemsize), decode
    )


def _array_type(data: memoryview, dtype: DType) -> np.dtype[Any]:
    if dtype.kind is Kind.BYTES:
        guessed, _ = guess_element(data, None)
        kind = _GUESSED[guessed or Element.INT8]
    elif dtype.kind is Kind.COMPLEX:
        kind = np.dtype(f"<f{dtype.bits // 16}")
    else:
        kind = FLOATS.get(dtype.name) or _INTEGERS.get(dtype.name) or np.dtype(np.int8)
    # A few bytes may be guessed to be wider than they are.
    kind = kind if kind.itemsize <= len(data) else np.dtype(np.int8)
    return kind.newbyteorder("<")


def _rows(data: memoryview, size: int, item: int = 1) -> npt.NDArray[np.uint8]:
    """Rows of ``size`` bytes; one shorter row, of whole items, where there is less than one."""
    flat = np.frombuffer(data, np.uint8)
    if len(flat) < size:
        return flat[: len(flat) // item * item].reshape(1, -1)
    return flat[: len(flat) // size * size].reshape(-1, size)
