"""Which tensor of the base one of the target comes from: by name, then by content, whatever the formats."""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from sapwood.codec.element import element_of
from sapwood.formats.layout import Layout, Span
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import file_starts

__all__ = ["BaseTensors", "Place", "glue_of", "plain_names"]

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
        # What comes after a tensor, by its offset, or first in a file, by its path: (name, place).
        self._next: dict[int | str, tuple[str, Place]] = {}
        for file, start in zip(base.files, file_starts(base.files), strict=True):
            before: int | str = file.path
            for span, tensor in file.layout.tensors():
                width = element_of(tensor.dtype).width
                place = Place(start + span.offset, span.length, width)
                self._next[before] = (_plain(tensor.name), place)
                before = place.offset
                self._by_path_and_name.setdefault((file.path, tensor.name, width), place)
                self._by_name.setdefault((_plain(tensor.name), width), place)
                view = file.data[span.offset : span.offset + span.length]
                self._by_length[span.length].append((place, view))

    def by_name(self, path: str, name: str, width: int) -> Place | None:
        """The tensor of that name, in the file of that path first."""
        return self._by_path_and_name.get((path, name, width)) or self._by_name.get((_plain(name), width))

    def by_order(self, before: int | str, length: int, width: int, taken: frozenset[str]) -> Place | None:
        """The tensor after the one at the offset ``before`` (or first in that file), if it is of that form.

        Converters number what has no name of its own, and number it otherwise every time. A tensor whose name
        is among ``taken`` (plain names) is somebody else's.
        """
        name, place = self._next.get(before, ("", None))
        if place is None or (place.length, place.width) != (length, width) or name in taken:
            return None
        return place

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


def plain_names(layout: Layout) -> frozenset[str]:
    """The names of a file's tensors as they are compared."""
    return frozenset(_plain(tensor.name) for _, tensor in layout.tensors())


def glue_of(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Offsets and lengths of the spans that are no tensors."""
    return [(span.offset, span.length) for span in spans if span.tensor is None]
