"""What a format is to Sapwood: a module, or any object, with a name, a test and a reader."""

from typing import Protocol

from sapwood.formats.layout import Layout

__all__ = ["Reader"]


class Reader(Protocol):
    """What a module of one format offers."""

    @property
    def FORMAT(self) -> str:  # noqa: N802
        """The format's name."""

    def matches(self, head: memoryview, size: int, data: memoryview, /) -> bool:
        """Whether the content looks like this format; cheap, and never raises.

        ``head`` is the first 64 bytes or fewer, ``data`` all ``size`` of them.
        """

    def read(self, data: memoryview, /) -> Layout:
        """The layout, or MalformedModel."""
