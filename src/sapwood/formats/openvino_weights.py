"""The .bin of an OpenVINO model, laid out by the .xml beside it.

Source: OpenVINO documentation, "OpenVINO IR format". As OpenVINO does when it reads a model, the .bin is
looked for under the name of the .xml. A .bin without its .xml is opaque: a layout comes from the files that
make the model and from nothing else, so that the same files always give the same patch.
"""

import posixpath
from collections.abc import Iterator
from typing import Final

from sapwood.formats import openvino
from sapwood.formats.described import Described, Find

__all__ = ["DESCRIBING", "FORMAT", "REPLACES", "describe"]

FORMAT: Final = "openvino-weights"
DESCRIBING: Final = openvino.FORMAT
REPLACES: Final[frozenset[str]] = frozenset()


def describe(data: memoryview, path: str, _find: Find, /) -> Iterator[Described]:
    """The constants of one .xml file.

    Raises:
        MalformedModel: As ``openvino.read``.
    """
    location = posixpath.splitext(posixpath.basename(path))[0] + ".bin"
    for offset, length, tensor in openvino.constants(data):
        yield Described(location, offset, length, tensor)
