"""Element types of tensors as NumPy types, and back. What NumPy lacks comes from ml_dtypes."""

from typing import Any, Final

import ml_dtypes
import numpy as np

from sapwood.formats.dtype import BYTES, DTYPES, DType

__all__ = ["ARRAY_TYPES", "FLOATS", "array_dtype", "layout_dtype"]

FLOATS: Final[dict[str, np.dtype[Any]]] = {
    name: np.dtype(kind)
    for name, kind in {
        "f64": np.float64,
        "f32": np.float32,
        "f16": np.float16,
        "bf16": ml_dtypes.bfloat16,
        "f8_e4m3": ml_dtypes.float8_e4m3fn,
        "f8_e5m2": ml_dtypes.float8_e5m2,
        "f8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
        "f8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
        "f8_e8m0": ml_dtypes.float8_e8m0fnu,
    }.items()
}
"""Dtypes of a layout whose elements are floats of whole bytes, as little-endian as a layout is."""

_OTHERS: Final[dict[str, np.dtype[Any]]] = {
    name: np.dtype(kind)
    for name, kind in {
        "i64": np.int64,
        "i32": np.int32,
        "i16": np.int16,
        "i8": np.int8,
        "u64": np.uint64,
        "u32": np.uint32,
        "u16": np.uint16,
        "u8": np.uint8,
        "bool": np.bool_,
        "c64": np.complex64,
        "c128": np.complex128,
    }.items()
}
# In an array each of these elements fills a byte; in a layout several would share one.
_BYTE_EACH: Final = tuple(
    np.dtype(getattr(ml_dtypes, name))
    for name in (
        "int4",
        "uint4",
        "int2",
        "uint2",
        "float4_e2m1fn",
        "float6_e2m3fn",
        "float6_e3m2fn",
        "float8_e3m4",
        "float8_e4m3",
        "float8_e4m3b11fnuz",
    )
    if hasattr(ml_dtypes, name)
)

ARRAY_TYPES: Final[dict[str, np.dtype[Any]]] = {
    kind.name: kind for kind in (*FLOATS.values(), *_OTHERS.values(), *_BYTE_EACH)
}
"""Every type an array in a patch may have, by NumPy's name for it."""

_NAMES: Final = {kind.name: name for name, kind in (FLOATS | _OTHERS).items()}


def layout_dtype(kind: np.dtype[Any]) -> DType:
    """The dtype by which a layout knows the elements of an array; bytes for what it does not know."""
    return DTYPES[_NAMES[kind.name]] if kind.name in _NAMES else BYTES


def array_dtype(dtype: DType) -> np.dtype[Any] | None:
    """NumPy's type for the elements of a layout's dtype; None for what shares bytes, or has no such type."""
    return FLOATS.get(dtype.name) or _OTHERS.get(dtype.name)
