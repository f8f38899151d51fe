"""OpenVINO's intermediate representation: an .xml file with the graph. Its weights lie in the .bin beside it.

Source: OpenVINO documentation, "OpenVINO IR format" and "Operation Sets" (Const), IR versions 10 and 11. The
XML itself is all glue; ``openvino_weights`` lays out the .bin.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from sapwood.errors import MalformedModel
from sapwood.formats import limits, opaque
from sapwood.formats.cursor import elements
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.formats.layout import Layout, Tally, Tensor, fit
from sapwood.formats.xml_elements import walk_elements

FORMAT: Final = "openvino"

# The root element comes first, or after a declaration and comments.
_HEAD_BYTES: Final = 4096
_ROOT: Final = re.compile(
    rb'(?:\xef\xbb\xbf)?\s*+(?:<[?!][^<>]*+>\s*+)*+<net\s[^<>]*?\bversion="1[01]"[^<>]*+>\s*+<layers[\s>/]'
)
# ov::element::Type names, as the attribute element_type has them; nf4 is a table index of four bits.
_TYPES: Final = {
    "boolean": DTYPES["bool"],
    "nf4": DTYPES["u4"],
    "f4e2m1": DTYPES["f4_e2m1"],
    "f8e4m3": DTYPES["f8_e4m3"],
    "f8e5m2": DTYPES["f8_e5m2"],
    "f8e8m0": DTYPES["f8_e8m0"],
    **{
        name: DTYPES[name]
        for name in (
            *("f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "i4", "i2"),
            *("u64", "u32", "u16", "u8", "u4", "u2"),
        )
    },
}


def matches(_head: memoryview, _size: int, data: memoryview, /) -> bool:
    """The root element of an IR, and the list of layers in it."""
    return _ROOT.match(bytes(data[:_HEAD_BYTES])) is not None


def read(data: memoryview) -> Layout:
    """The .xml as one span, once it is known to be well-formed.

    Raises:
        MalformedModel: The XML or a constant in it breaks the rules.
    """
    tuple(constants(data))
    return Layout(FORMAT, len(data), opaque.read(data).spans)


def constants(data: memoryview) -> Iterator[tuple[int, int, Tensor]]:
    """(offset in the .bin, length, tensor) of every constant of the graph, loop bodies too.

    Raises:
        MalformedModel: As ``read``.
    """
    found = _Constants()
    walk_elements(data, found.begin)
    return iter(found.tensors)


class _Constants:
    """Gathers Const layers while the elements go by."""

    def __init__(self) -> None:
        self.tensors: list[tuple[int, int, Tensor]] = []
        self._tally = Tally()
        # (depth of the element, name) of the layers that are open, and whether the innermost is a Const.
        self._layers: list[tuple[int, str]] = []
        self._is_constant = False

    def begin(self, path: Sequence[str], attributes: dict[str, str], at: int) -> None:
        depth = len(path)
        while self._layers and self._layers[-1][0] >= depth:
            self._layers.pop()
        if path[-1] == "layer":
            self._layers.append((depth, attributes.get("name", "")))
            self._is_constant = attributes.get("type") == "Const"
        elif (
            path[-1] == "data"
            and self._is_constant
            and self._layers
            and self._layers[-1][0] == depth - 1
            and "offset" in attributes
        ):
            self._add(attributes, at)

    def _add(self, attributes: dict[str, str], at: int) -> None:
        offset, length = (_number(attributes.get(key, ""), at) for key in ("offset", "size"))
        dimensions = attributes.get("shape", "")
        if dimensions.count(",") >= limits.MAX_DIMENSIONS:
            raise MalformedModel("too many dimensions", offset=at)
        shape = tuple(_number(size.strip(), at) for size in dimensions.split(",")) if dimensions else ()
        elements(shape, at)
        dtype = _TYPES.get(attributes.get("element_type", ""), BYTES)
        name = ".".join(name for _, name in self._layers)
        self._tally.add(name, at)
        self.tensors.append((offset, length, fit(name, dtype, shape, length)))


def _number(text: str, at: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise MalformedModel("an offset, size or dimension is no number", offset=at, found=text)
    return int(text)
