"""A layout says what every byte of a model file is: a tensor, or glue between tensors.

Rules: spans are in order, touch each other, and cover the file exactly. A tensor's span has the length its
type and shape ask for, so that a codec may trust both. Tensors without bytes are not in the layout.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats.dtype import BYTES, DType

__all__ = ["FormatWarning", "Layout", "Span", "Tally", "Tensor", "cover", "fit", "joined"]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array. ``shape`` is in row-major order of the bytes; names are unique in a layout."""

    name: str
    dtype: DType
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """``length`` bytes at ``offset``; ``tensor`` is None for glue."""

    offset: int
    length: int
    tensor: Tensor | None


@dataclass(frozen=True, slots=True)
class FormatWarning:
    """A model is carried exactly, but less of it is understood than its format promises."""

    format: str
    path: str
    reason: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Layout:
    """What the ``size`` bytes of a file of this ``format`` are.

    Raises:
        MalformedModel: The spans leave a hole, overlap, or do not fit their tensors.
    """

    format: str
    size: int
    spans: tuple[Span, ...]
    warnings: tuple[FormatWarning, ...] = ()

    def __post_init__(self) -> None:
        at = 0
        for span in self.spans:
            if span.offset != at or span.length <= 0:
                raise MalformedModel("span out of place", offset=span.offset, expected=at, found=span.length)
            tensor = span.tensor
            if tensor is not None and span.length != tensor.dtype.nbytes(math.prod(tensor.shape)):
                raise MalformedModel(f"tensor {tensor.name!r} does not fit its span", offset=span.offset)
            at += span.length
        if at != self.size:
            raise MalformedModel("spans do not cover the file", offset=at, expected=self.size)

    def tensors(self) -> Iterator[tuple[Span, Tensor]]:
        """The spans that are tensors, in file order."""
        for span in self.spans:
            if span.tensor is not None:
                yield span, span.tensor


class Tally:
    """Counts tensors, and the characters of their names, while a list of them grows.

    Names are joined from texts that a file may use again and again: a small file must not make a large list.
    """

    def __init__(self) -> None:
        self._tensors = 0
        self._characters = 0

    def add(self, name: str, offset: int) -> None:
        """Count one more, which the file tells of at ``offset``.

        Raises:
            MalformedModel: Its name is too long, or all of them together, or there are too many.
        """
        self._tensors += 1
        self._characters += len(name)
        if self._tensors > limits.MAX_TENSORS or self._characters > limits.MAX_NAMES_CHARS:
            raise MalformedModel("too many tensors or too long names", offset=offset)
        if len(name) > limits.MAX_NAME_CHARS:
            raise MalformedModel("a tensor's name is too long", offset=offset, found=len(name))


def fit(name: str, dtype: DType, shape: tuple[int, ...], length: int) -> Tensor:
    """The tensor as described if it takes ``length`` bytes, else the same bytes without a type."""
    if length == dtype.nbytes(math.prod(shape)):
        return Tensor(name, dtype, shape)
    return Tensor(name, BYTES, (length,))


def joined(path: str, name: str, offset: int) -> str:
    """``name`` under ``path``, either of which may be empty."""
    whole = f"{path}.{name}" if path and name else path or name
    if len(whole) > limits.MAX_NAME_CHARS:
        raise MalformedModel("a name is too long", offset=offset, found=len(whole))
    return whole


def cover(format: str, size: int, tensors: Iterable[tuple[int, int, Tensor]]) -> Layout:
    """Sort (offset, length, tensor) triples and fill what is between them with glue.

    Of tensors that share all their bytes the first one given wins. Equal names get ``#2``, ``#3``… in file
    order.

    Raises:
        MalformedModel: A tensor lies outside the file, two overlap in part, or there are too many.
    """
    spans: list[Span] = []
    at = 0
    names = _Names()
    for offset, length, tensor in _sorted(size, tensors):
        if spans and spans[-1].offset == offset and spans[-1].length == length:
            continue
        if offset < at:
            raise MalformedModel(f"tensor {tensor.name!r} overlaps another", offset=offset, expected=at)
        if offset > at:
            spans.append(Span(at, offset - at, None))
        spans.append(Span(offset, length, names.unique(tensor)))
        at = offset + length
    if at < size:
        spans.append(Span(at, size - at, None))
    return Layout(format, size, tuple(spans))


def _sorted(size: int, tensors: Iterable[tuple[int, int, Tensor]]) -> list[tuple[int, int, Tensor]]:
    """The triples that have bytes, in file order, counted while they are made."""
    found: list[tuple[int, int, Tensor]] = []
    tally = Tally()
    for offset, length, tensor in tensors:
        tally.add(tensor.name, offset)
        if len(tensor.shape) > limits.MAX_DIMENSIONS:
            raise MalformedModel(f"tensor {tensor.name!r} has too many dimensions", offset=offset)
        if offset < 0 or length < 0 or offset + length > size:
            raise MalformedModel(f"tensor {tensor.name!r} lies outside the file", offset=offset, found=length)
        if length:
            found.append((offset, length, tensor))
    found.sort(key=lambda triple: triple[:2])
    return found


class _Names:
    """Gives each tensor a name of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._copies: dict[str, int] = {}

    def unique(self, tensor: Tensor) -> Tensor:
        name = tensor.name
        while name in self._taken:
            copies = self._copies.get(tensor.name, 1) + 1
            self._copies[tensor.name] = copies
            name = f"{tensor.name}#{copies}"
        self._taken.add(name)
        return tensor if name == tensor.name else Tensor(name, tensor.dtype, tensor.shape)
