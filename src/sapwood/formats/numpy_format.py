"""numpy's own files: one array (.npy), or a zip archive of arrays (.npz).

Source: numpy/lib/format.py, the description at its top. The header is matched, not evaluated. Arrays of
Python objects and of structures are glue. Big-endian numbers, texts, and types numpy does not know are plain
bytes. An array in Fortran order has its dimensions reversed here, since a shape follows the bytes.
"""

import re
from collections.abc import Iterator
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.cursor import Cursor, elements
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.layout import Layout, Tensor, cover
from sapwood.formats.zip_directory import first_name, is_zip, read_directory

FORMAT: Final = "numpy"

_MAGIC: Final = b"\x93NUMPY"
_SUFFIX: Final = ".npy"
# The name of the array of an .npy file, which has none.
_LONE_NAME: Final = "array"

# numpy/lib/format.py, header: a Python dictionary literal with these keys, padded with spaces to a newline.
_HEADER = re.compile(
    r"\{(?=[^\n]*'descr': *(?:'([^'\n]{1,32})'|(\[)))(?=[^\n]*'fortran_order': *(True|False)[,}])"
    r"(?=[^\n]*'shape': *\(([0-9L, ]{0,2048})\)[,} ])[^\n]*\} *\n"
)
# 'V' is what numpy writes for bfloat16 and other types from outside; dates count units in 64 bits.
_DESCRIPTION = re.compile(r"([<>|])([biufcmMSUV])([0-9]{1,18})(?:\[[^\]]*\])?")
_KINDS: Final = {"f": "f", "i": "i", "u": "u", "c": "c", "m": "i", "M": "i"}


def matches(head: memoryview, _size: int, data: memoryview, /) -> bool:
    """The magic string, or a zip archive with arrays only."""
    if bytes(head[:6]) == _MAGIC:
        return True
    if not is_zip(head) or not first_name(data).endswith(_SUFFIX):
        return False
    try:
        return all(entry.name.endswith(_SUFFIX) for entry in read_directory(data))
    except MalformedModel:
        return True


def read(data: memoryview) -> Layout:
    """The layout of an .npy or .npz file.

    Raises:
        MalformedModel: A header breaks the format's rules, or an array is longer than its file.
    """
    found = _lone(data) if bytes(data[:6]) == _MAGIC else _members(data)
    return cover(FORMAT, len(data), found)


def _lone(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    # numpy appends: more may follow the first array, and is glue.
    yield from _array(_LONE_NAME, data, 0, len(data))


def _members(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    for entry in read_directory(data):
        if entry.stored and bytes(data[entry.offset :][: min(6, entry.length)]) == _MAGIC:
            yield from _array(
                entry.name.removesuffix(_SUFFIX), data, entry.offset, entry.offset + entry.length
            )


def _array(name: str, data: memoryview, start: int, end: int) -> Iterator[tuple[int, int, Tensor]]:
    cursor = Cursor(data, start, end)
    cursor.skip(6)
    major, minor = cursor.u8(), cursor.u8()
    if major not in (1, 2, 3) or minor:
        raise MalformedModel(
            "not a version of .npy that is known", offset=start + 6, found=f"{major}.{minor}"
        )
    length = cursor.u8() + (cursor.u8() << 8) if major == 1 else cursor.u32()
    if length > limits.MAX_NPY_HEADER_BYTES:
        raise MalformedModel("the header is too long", offset=start + 8, found=length)
    header_at = cursor.at
    header = str(data[cursor.skip(length) : cursor.at], "latin-1")
    match = _HEADER.fullmatch(header)
    if match is None:
        raise MalformedModel("the header breaks the format's grammar", offset=header_at, found=header[:24])
    shape = tuple(int(size) for size in re.findall("[0-9]{1,19}", match[4]))
    count = elements(shape, header_at)
    kind = _DESCRIPTION.fullmatch(match[1] or "")
    if kind is None:
        return
    order, letter, width = kind[1], kind[2], int(kind[3]) * (4 if kind[2] == "U" else 1)
    if match[3] == "True":
        shape = shape[::-1]
    canonical = "bool" if letter == "b" else f"{_KINDS.get(letter, '')}{width * 8}"
    dtype = DTYPES.get(canonical, BYTES)
    if dtype is BYTES or (order == ">" and width > 1):
        dtype, shape = BYTES, (*shape, width)
    yield cursor.skip(count * width), count * width, Tensor(name, dtype, shape)
