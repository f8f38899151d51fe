"""Tensors that an .onnx file keeps in other files of the same folder.

Source: onnx/docs/ExternalData.md. ``location`` is a path relative to the folder of the .onnx file and stays
inside the model.
"""

from collections.abc import Iterable
from typing import Final

from sapwood.formats import onnx
from sapwood.formats.described import Described, Find

__all__ = ["DESCRIBING", "FORMAT", "REPLACES", "describe"]

FORMAT: Final = "onnx-external"
DESCRIBING: Final = onnx.FORMAT
REPLACES: Final[frozenset[str]] = frozenset()


def describe(data: memoryview, _path: str, _find: Find, /) -> Iterable[Described]:
    """The external tensors of one .onnx file.

    Raises:
        MalformedModel: As ``onnx.read``.
    """
    return onnx.external_tensors(data)
