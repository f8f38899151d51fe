"""What the numeric codecs take one element of a tensor to be. The numbers are part of the format."""

import enum
from typing import Final

from sapwood.formats.dtype import DType

__all__ = ["Element", "element_of"]


class Element(enum.IntEnum):
    """Element kinds of NUMERIC and ADAPTIVE blocks (SPEC, "Elements"); ``INT4`` is two to a byte."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    F16 = 5
    BF16 = 6
    F32 = 7
    F64 = 8
    F8_E4M3 = 9
    F8_E5M2 = 10
    INT4 = 11

    @property
    def width(self) -> int:
        """Bytes of one element; 1 for ``INT4``."""
        return _WIDTHS[self]

    @property
    def most_bytes(self) -> int:
        """Bytes of the largest block worth making: at most 2**19 elements and 1 MiB."""
        return {1: 1 << 19, 2: 1 << 20, 4: 1 << 20, 8: 1 << 20}[self.width] >> (self is Element.INT4)


_WIDTHS: Final = {
    Element.INT8: 1,
    Element.INT16: 2,
    Element.INT32: 4,
    Element.INT64: 8,
    Element.F16: 2,
    Element.BF16: 2,
    Element.F32: 4,
    Element.F64: 8,
    Element.F8_E4M3: 1,
    Element.F8_E5M2: 1,
    Element.INT4: 1,
}

_BY_NAME: Final = {
    "f64": Element.F64,
    "f32": Element.F32,
    "f16": Element.F16,
    "bf16": Element.BF16,
    "f8_e4m3": Element.F8_E4M3,
    "f8_e4m3fnuz": Element.F8_E4M3,
    "f8_e5m2": Element.F8_E5M2,
    "f8_e5m2fnuz": Element.F8_E5M2,
    "i64": Element.INT64,
    "u64": Element.INT64,
    "i32": Element.INT32,
    "u32": Element.INT32,
    "i16": Element.INT16,
    "u16": Element.INT16,
    "i4": Element.INT4,
    "u4": Element.INT4,
    "f4_e2m1": Element.INT4,
    "c32": Element.F16,
    "c64": Element.F32,
    "c128": Element.F64,
}


def element_of(dtype: DType) -> Element:
    """The element that codes a dtype; bytes (``INT8``) for block types and what has no arithmetic here."""
    return _BY_NAME.get(dtype.name, Element.INT8)
