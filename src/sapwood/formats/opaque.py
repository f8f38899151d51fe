"""A file of no known format, or of a known format that it breaks: one span of glue."""

from typing import Final

from sapwood.formats.layout import Layout, Span

FORMAT: Final = "opaque"


def matches(_head: memoryview, _size: int, _data: memoryview, /) -> bool:
    """Anything is a row of bytes."""
    return True


def read(data: memoryview) -> Layout:
    """One span that covers everything; no span for an empty file."""
    size = len(data)
    return Layout(FORMAT, size, (Span(0, size, None),) if size else ())
