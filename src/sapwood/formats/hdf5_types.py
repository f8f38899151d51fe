"""Data spaces and data types of HDF5: the shape and the elements of a data set.

Source: HDF5 File Format Specification 3.0, sections IV.A.2.b and IV.A.2.d. Enumerations (numpy's bool among
them) are their integers; big-endian numbers and records are plain bytes, with the width of one as the last
dimension. Texts are no tensors, nor are references, nor elements of variable length, which lie elsewhere.
"""

from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import BYTES, DTYPES, DType
from sapwood.formats.hdf5_file import File
from sapwood.formats.hdf5_header import Message

__all__ = ["data_space", "data_type"]

_NULL: Final = 2
_FIXED, _FLOAT, _TEXT, _REFERENCE, _ENUM, _VARIABLE = 0, 1, 3, 7, 8, 9
_SIGNED: Final = 0x08
# Of the first byte of flags: the order of a number's bytes. Bit 6 is VAX.
_ORDER: Final = {_FIXED: 0x01, _FLOAT: 0x41}
# (bytes, bits of the exponent, bits of the mantissa) of the floats with a name here.
_FLOATS: Final = {
    (dtype.bits // 8, dtype.exponent_bits, dtype.mantissa_bits): dtype
    for dtype in map(DTYPES.__getitem__, ("f64", "f32", "f16", "bf16", "f8_e4m3", "f8_e5m2"))
}


def data_space(file: File, message: Message) -> tuple[int, ...] | None:
    """The shape; None where a data set has no elements by decree.

    Raises:
        MalformedModel: A version is unknown, or the shape is absurd.
    """
    cursor = Cursor(file.data, message.start, message.end)
    version, rank = cursor.u8(), cursor.u8()
    cursor.skip(1)
    if version not in (1, 2) or rank > limits.MAX_DIMENSIONS:
        raise MalformedModel("a shape of an unknown version or rank", offset=message.start, found=version)
    kind = cursor.u8()
    if version == 1:
        cursor.skip(4)
    elif kind == _NULL:
        return None
    shape = tuple(file.length(cursor) for _ in range(rank))
    elements(shape, message.start)
    return shape


def data_type(file: File, message: Message) -> tuple[DType, int] | None:
    """(type, bytes of one element); None for texts and elements that lie elsewhere.

    Raises:
        MalformedModel: An element has no bytes, or the message ends too early.
    """
    cursor = Cursor(file.data, message.start, message.end)
    at = cursor.at
    kind, flags = cursor.u8() & 0x0F, cursor.u8()
    cursor.skip(2)
    width = cursor.u32()
    if not width:
        raise MalformedModel("an element has no bytes", offset=at)
    if kind == _ENUM:
        # The type of its integers comes first.
        return _integers(file, cursor, width)
    if kind in (_TEXT, _REFERENCE, _VARIABLE):
        return None
    if kind in _ORDER and (width == 1 or not flags & _ORDER[kind]):
        return _numbers(file, cursor, kind, flags, width), width
    return BYTES, width


def _integers(file: File, cursor: Cursor, width: int) -> tuple[DType, int]:
    """The type of the integers of an enumeration of that width."""
    kind, flags = cursor.u8() & 0x0F, cursor.u8()
    cursor.skip(2)
    if kind != _FIXED or cursor.u32() != width or (width > 1 and flags & _ORDER[_FIXED]):
        return BYTES, width
    return _numbers(file, cursor, kind, flags, width), width


def _numbers(file: File, cursor: Cursor, kind: int, flags: int, width: int) -> DType:
    """The type of little-endian numbers that fill their bytes, else plain bytes."""
    first_bit, precision = file.number(cursor, 2), file.number(cursor, 2)
    if first_bit or precision != 8 * width:
        return BYTES
    if kind == _FIXED:
        return DTYPES.get(f"{'i' if flags & _SIGNED else 'u'}{8 * width}", BYTES)
    cursor.skip(1)
    exponent = cursor.u8()
    cursor.skip(1)
    mantissa = cursor.u8()
    return _FLOATS.get((width, exponent, mantissa), BYTES)
