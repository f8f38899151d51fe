"""Segments of a DEVICE block: what the encoder is told to say, one after the other (SPEC, "Codec 9")."""

import enum
from collections.abc import Iterable
from typing import Final, NamedTuple

from sapwood import _core
from sapwood.codec.element import Element

__all__ = ["STATES", "Kind", "Segment", "encode_segments", "join_copies", "price"]

STATES: Final = (512, 2048)
"""Bytes of model memory a decoder may need: the two sizes there are."""


class Kind(enum.IntEnum):
    """What a segment is made of; the numbers are part of the format."""

    COPY = 0
    """Bytes of the base."""
    DIFFERENCE = 1
    """Elements against the base."""
    NUMBERS = 2
    """Elements against 0."""
    BYTES = 3
    """Bytes."""
    REPEAT = 4
    """Bytes of what the block made before."""
    SCALED = 5
    """F32 against a multiple of what the block made before."""
    PLAIN = 6
    """Bytes by equal odds."""


class Segment(NamedTuple):
    """One segment.

    Attributes:
        kind: A :class:`Kind`.
        element: An :class:`Element` of differences and numbers; else 0.
        number: Elements of differences, numbers and scaled segments; else bytes.
        place: Offset in the base of copies and differences; bytes back of repeats and scaled ones; else 0.
        factor: The bits of the f32 that scaled segments multiply by; else 0.
    """

    kind: int
    element: int
    number: int
    place: int
    factor: int

    @property
    def length(self) -> int:
        """Bytes it makes."""
        if self.kind == Kind.SCALED:
            return 4 * self.number
        return self.number * (Element(self.element).width if self.element else 1)

    @property
    def uses_base(self) -> bool:
        """Whether its place is an offset in the base."""
        return self.kind in (Kind.COPY, Kind.DIFFERENCE)


def join_copies(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbouring copies of neighbouring bytes become one."""
    joined: list[Segment] = []
    for segment in segments:
        last = joined[-1] if joined else None
        if (
            last is not None
            and segment.kind == last.kind == Kind.COPY
            and last.place + last.number == segment.place
        ):
            joined[-1] = last._replace(number=last.number + segment.number)
        else:
            joined.append(segment)
    return joined


def price(base: memoryview, target: memoryview, start: int, segments: list[Segment], state: int) -> int:
    """Bytes it takes to say the end of ``target``, from ``start`` on, by a model that knows nothing yet."""
    coded = _core.encode_device(base, target, segments, state, start)
    if coded is None:
        raise AssertionError("segments do not make the target")
    return len(coded)


def encode_segments(base: memoryview, target: memoryview, segments: list[Segment], state: int) -> bytes:
    """The payload of a block of ``target``, at most MAX_BLOCK bytes. It has been decoded and compared."""
    coded = _core.encode_device(base, target, segments, state)
    if coded is None:
        raise AssertionError("a DEVICE block does not give back its target")
    return coded
