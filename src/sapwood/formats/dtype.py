"""The element types of tensors: one name for each, whatever a format calls it."""

import enum
from dataclasses import dataclass
from typing import Final

__all__ = ["BYTES", "DTYPES", "DType", "Kind"]


class Kind(enum.Enum):
    """What the bits of an element mean."""

    FLOAT = "float"
    INT = "int"
    UINT = "uint"
    BOOL = "bool"
    COMPLEX = "complex"
    BLOCK = "block"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class DType:
    """One element type, little-endian where an element has several bytes.

    Attributes:
        name: The canonical name, a key of ``DTYPES``.
        kind: What the bits mean. ``COMPLEX`` is two floats of half the bits each.
        bits: Bits of one element; 0 for ``BLOCK`` types, whose elements share bytes.
        exponent_bits: For floats and the parts of complex numbers, else 0.
        mantissa_bits: Stored bits below the exponent, else 0. With no sign bit (``f8_e8m0``) the two make
        ``bits``. block_bytes: Bytes of the smallest group of elements that fills whole bytes. block_elements:
        Elements in that group: 1 for whole-byte types, 2 for ``i4``, 32 for ``q8_0``.
    """

    name: str
    kind: Kind
    bits: int
    exponent_bits: int = 0
    mantissa_bits: int = 0
    block_bytes: int = 0
    block_elements: int = 0

    def nbytes(self, elements: int) -> int:
        """Bytes that so many elements take in a file; a last group that is not full takes a whole one."""
        if self.bits:
            return -(-elements * self.bits // 8)
        return -(-elements // self.block_elements) * self.block_bytes


def _plain(name: str, kind: Kind, bits: int, exponent_bits: int = 0, mantissa_bits: int = 0) -> DType:
    # The smallest number of elements that ends on a byte: bits and 8 share only factors of two.
    elements = 1 if bits % 8 == 0 else 8 // (bits & -bits)
    return DType(name, kind, bits, exponent_bits, mantissa_bits, elements * bits // 8, elements)


def _block(name: str, elements: int, size: int) -> DType:
    return DType(name, Kind.BLOCK, 0, block_bytes=size, block_elements=elements)


BYTES: Final = _plain("bytes", Kind.BYTES, 8)

_FLOATS = (
    _plain("f64", Kind.FLOAT, 64, 11, 52),
    _plain("f32", Kind.FLOAT, 32, 8, 23),
    _plain("f16", Kind.FLOAT, 16, 5, 10),
    _plain("bf16", Kind.FLOAT, 16, 8, 7),
    _plain("f8_e4m3", Kind.FLOAT, 8, 4, 3),
    _plain("f8_e5m2", Kind.FLOAT, 8, 5, 2),
    _plain("f8_e4m3fnuz", Kind.FLOAT, 8, 4, 3),
    _plain("f8_e5m2fnuz", Kind.FLOAT, 8, 5, 2),
    _plain("f8_e8m0", Kind.FLOAT, 8, 8, 0),
    _plain("f6_e2m3", Kind.FLOAT, 6, 2, 3),
    _plain("f6_e3m2", Kind.FLOAT, 6, 3, 2),
    _plain("f4_e2m1", Kind.FLOAT, 4, 2, 1),
    _plain("c32", Kind.COMPLEX, 32, 5, 10),
    _plain("c64", Kind.COMPLEX, 64, 8, 23),
    _plain("c128", Kind.COMPLEX, 128, 11, 52),
)
_INTEGERS = (
    *(_plain(f"i{bits}", Kind.INT, bits) for bits in (64, 32, 16, 8, 4, 2)),
    *(_plain(f"u{bits}", Kind.UINT, bits) for bits in (64, 32, 16, 8, 4, 2)),
    _plain("bool", Kind.BOOL, 8),
)
# (elements, bytes) of one block: ggml-common.h of llama.cpp, the block_* structs.
_BLOCKS = (
    _block("q4_0", 32, 18),
    _block("q4_1", 32, 20),
    _block("q5_0", 32, 22),
    _block("q5_1", 32, 24),
    _block("q8_0", 32, 34),
    _block("q8_1", 32, 40),
    _block("q2_k", 256, 84),
    _block("q3_k", 256, 110),
    _block("q4_k", 256, 144),
    _block("q5_k", 256, 176),
    _block("q6_k", 256, 210),
    _block("q8_k", 256, 292),
    _block("iq2_xxs", 256, 66),
    _block("iq2_xs", 256, 74),
    _block("iq3_xxs", 256, 98),
    _block("iq1_s", 256, 50),
    _block("iq4_nl", 32, 18),
    _block("iq3_s", 256, 110),
    _block("iq2_s", 256, 82),
    _block("iq4_xs", 256, 136),
    _block("iq1_m", 256, 56),
    _block("q4_0_4_4", 32, 18),
    _block("q4_0_4_8", 32, 18),
    _block("q4_0_8_8", 32, 18),
    _block("tq1_0", 256, 54),
    _block("tq2_0", 256, 66),
    _block("mxfp4", 32, 17),
    _block("nvfp4", 64, 36),
    _block("q1_0", 128, 18),
)

DTYPES: Final[dict[str, DType]] = {dtype.name: dtype for dtype in (*_FLOATS, *_INTEGERS, *_BLOCKS, BYTES)}
