"""Which tensors of quantised weights are predicted from which of the base, and how their jobs are coded."""

import dataclasses
import math
from typing import Final

from sapwood.codec.block import Block
from sapwood.codec.element import Element
from sapwood.codec.encode import Level, encode_span
from sapwood.codec.quantised import QuantisedPair, encode_quantised, quantised_pair
from sapwood.formats.dtype import DType
from sapwood.formats.layout import Tensor
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import file_starts

__all__ = ["QuantisedBase", "code_pair"]

# A block that takes more than this share of its target may be related to nothing.
_POOR: Final = 0.6


@dataclasses.dataclass(frozen=True, slots=True)
class _Typed:
    offset: int
    dtype: DType
    elements: int


class QuantisedBase:
    """The base's tensors by type, for targets of quantised weights."""

    def __init__(self, base: Model) -> None:
        """Index the base."""
        self._by_offset: dict[int, _Typed] = {}
        self._by_name: dict[str, _Typed] = {}
        self._by_path_and_name: dict[tuple[str, str], _Typed] = {}
        for file, start in zip(base.files, file_starts(base.files), strict=True):
            for span, tensor in file.layout.tensors():
                typed = _Typed(start + span.offset, tensor.dtype, math.prod(tensor.shape))
                self._by_offset[typed.offset] = typed
                self._by_name.setdefault(tensor.name, typed)
                self._by_path_and_name.setdefault((file.path, tensor.name), typed)

    def same_type(self, tensor: Tensor, offset: int) -> QuantisedPair | None:
        """How the tensor follows from the one at ``offset``, if that is of the same quantised type."""
        found = self._by_offset.get(offset)
        if found is None or found.dtype is not tensor.dtype:
            return None
        return quantised_pair(tensor.dtype, found.dtype)

    def other_type(self, path: str, tensor: Tensor) -> tuple[QuantisedPair, int] | None:
        """The pair of types, and where the tensor of that name is, if it holds as many other numbers."""
        found = self._by_path_and_name.get((path, tensor.name)) or self._by_name.get(tensor.name)
        if found is None or found.dtype is tensor.dtype or found.elements != math.prod(tensor.shape):
            return None
        pair = quantised_pair(tensor.dtype, found.dtype)
        return None if pair is None or found.elements % pair.step else (pair, found.offset)


def code_pair(
    pair: QuantisedPair, base: memoryview, base_offset: int, target: memoryview, level: Level
) -> Block:
    """The smallest block that is tried for a job of quantised weights."""
    found = encode_quantised(pair, base, base_offset, target, level)
    if pair.crosses and len(found.payload) < _POOR * len(target):
        return found
    alike = None if pair.crosses else base
    plain = encode_span(alike, base_offset, target, Element.INT8, level)
    return found if len(found.payload) <= len(plain.payload) else plain
