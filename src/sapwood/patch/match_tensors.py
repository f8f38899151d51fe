"""Which tensor of the base one of the target comes from: by name, then by content, whatever the formats."""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from sapwood.codec.element import element_of
from sapwood.formats.layout import Span
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import file_starts

__all__ = ["BaseTensors", "Place"]

# What frameworks put before or behind the same parameter's name.
_WRAPPERS: Final = re.compile(r"^(?:module\.|model\.|_orig_mod\.|state_dict\.|base_model\.|0\.auto_model\.)+")
# Tensors smaller than this are as well left to the search for known bytes.
_SMALLEST: Final = 64


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a stream, in bytes, and the width of its elements."""

    offset: int
    length: int
    width: int


def _plain(name: str) -> str:
    return _WRAPPERS.sub("", name)


def _digest(data: memoryview) -> bytes:
    return blake3(data).digest(length=16)


class BaseTensors:
    """All tensors of the base, to be found by name and by content."""

    def __init__(self, base: Model) -> None:
        """Index the base; contents are hashed only when asked for."""
        self._by_name: dict[tuple[str, int], Place] = {}
        self._by_path_and_name: dict[tuple[str, str, int], Place] = {}
        self._by_length: dict[int, list[tuple[Place, memoryview]]] = defaultdict(list)
        self._by_content: dict[int, dict[bytes, Place]] = {}
        for file, start in zip(base.files, file_starts(base.files), strict=True):
            for span, tensor in file.layout.tensors():
                width = element_of(tensor.dtype).width
                place = Place(start + span.offset, span.length, width)
                self._by_path_and_name.setdefault((file.path, tensor.name, width), place)
                self._by_name.setdefault((_plain(tensor.name), width), place)
                view = file.data[span.offset : span.offset + span.length]
                self._by_length[span.length].append((place, view))

    def by_name(self, path: str, name: str, width: int) -> Place | None:
        """The tensor of that name, in the file of that path first."""
        return self._by_path_and_name.get((path, name, width)) or self._by_name.get((_plain(name), width))

    def by_content(self, data: memoryview) -> Place | None:
        """A tensor of the same bytes, whatever its name."""
        length = len(data)
        if length < _SMALLEST or length not in self._by_length:
            return None
        if length not in self._by_content:
            self._by_content[length] = {
                _digest(view): place for place, view in reversed(self._by_length[length])
            }
        return self._by_content[length].get(_digest(data))


def glue_of(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Offsets and lengths of the spans that are no tensors."""
    return [(span.offset, span.length) for span in spans if span.tensor is None]
