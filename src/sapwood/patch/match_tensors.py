"""Which tensor of the base one of the target comes from: by name, then by content, in any format and type."""

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from blake3 import blake3

from sapwood.codec.element import Element, element_of
from sapwood.codec.predicted import FLOATS, cast
from sapwood.formats.layout import Layout, Span
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import file_starts

__all__ = ["BaseTensors", "Place", "glue_of", "plain_name", "plain_names"]

# What frameworks put before or behind the same parameter's name.
_WRAPPERS: Final = re.compile(r"^(?:module\.|model\.|_orig_mod\.|state_dict\.|base_model\.|0\.auto_model\.)+")
# Tensors smaller than this are as well left to the search for known bytes.
_SMALLEST: Final = 64
# A tensor under another name and of another type is known by this many elements from its middle, ...
_SAMPLE: Final = 32
# ... if so many of them differ from each other.
_FEWEST_VALUES: Final = 8


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies in a stream, in bytes, and what its elements are."""

    offset: int
    length: int
    element: Element

    @property
    def width(self) -> int:
        """Bytes of an element."""
        return self.element.width

    @property
    def elements(self) -> int:
        """Elements in it."""
        return self.length // self.width


def plain_name(name: str) -> str:
    """The name without what frameworks put before it."""
    return _WRAPPERS.sub("", name)


def _digest(data: memoryview) -> bytes:
    return blake3(data).digest(length=16)


def _sample(data: memoryview, width: int) -> memoryview:
    count = len(data) // width
    start = max(count - _SAMPLE, 0) // 2 * width
    return data[start : start + min(count, _SAMPLE) * width]


class BaseTensors:
    """All tensors of the base, to be found by name and by content."""

    def __init__(self, base: Model) -> None:
        """Index the base; contents are hashed only when asked for."""
        self._by_name: dict[tuple[str, int], Place] = {}
        self._by_path_and_name: dict[tuple[str, str, int], Place] = {}
        self._by_length: dict[int, list[tuple[Place, memoryview]]] = defaultdict(list)
        self._by_content: dict[int, dict[bytes, Place]] = {}
        self._floats: dict[str, Place] = {}
        self._floats_by_path: dict[tuple[str, str], Place] = {}
        self._floats_by_count: dict[int, list[tuple[Place, memoryview]]] = defaultdict(list)
        self._by_sample: dict[tuple[int, Element], dict[bytes, Place]] = {}
        # What comes after a tensor, by its offset, or first in a file, by its path: (name, place).
        self._next: dict[int | str, tuple[str, Place]] = {}
        for file, start in zip(base.files, file_starts(base.files), strict=True):
            before: int | str = file.path
            for span, tensor in file.layout.tensors():
                element = element_of(tensor.dtype)
                width = element.width
                place = Place(start + span.offset, span.length, element)
                self._next[before] = (plain_name(tensor.name), place)
                before = place.offset
                self._by_path_and_name.setdefault((file.path, tensor.name, width), place)
                self._by_name.setdefault((plain_name(tensor.name), width), place)
                view = file.data[span.offset : span.offset + span.length]
                self._by_length[span.length].append((place, view))
                if element in FLOATS:
                    self._floats_by_path.setdefault((file.path, tensor.name), place)
                    self._floats.setdefault(plain_name(tensor.name), place)
                    self._floats_by_count[place.elements].append((place, view))

    def by_name(self, path: str, name: str, width: int) -> Place | None:
        """The tensor of that name, in the file of that path first."""
        return self._by_path_and_name.get((path, name, width)) or self._by_name.get((plain_name(name), width))

    def float_by_name(self, path: str, name: str) -> Place | None:
        """The tensor of that name if it is of floats, however wide, in the file of that path first."""
        return self._floats_by_path.get((path, name)) or self._floats.get(plain_name(name))

    def by_cast(self, data: memoryview, element: Element) -> Place | None:
        """A tensor of other floats which, rounded to ``element``, look like these, whatever its name."""
        count = len(data) // element.width
        if count not in self._floats_by_count:
            return None
        sample = _sample(data, element.width)
        if len({bytes(sample[i : i + element.width]) for i in range(0, len(sample), element.width)}) < (
            _FEWEST_VALUES
        ):
            return None
        key = count, element
        if key not in self._by_sample:
            self._by_sample[key] = {
                cast(_sample(view, place.width), place.element, element): place
                for place, view in reversed(self._floats_by_count[count])
                if place.element is not element
            }
        return self._by_sample[key].get(bytes(sample))

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
    return frozenset(plain_name(tensor.name) for _, tensor in layout.tensors())


def glue_of(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Offsets and lengths of the spans that are no tensors."""
    return [(span.offset, span.length) for span in spans if span.tensor is None]
