"""Estimates from a sample: how to take bytes of which nothing is known."""

from typing import Final

from sapwood import _core
from sapwood.codec.element import Element
from sapwood.codec.encode import SAMPLE, Level

__all__ = ["guess_element", "sample_size"]

# Width before meaning: of two that cost the same, the earlier is taken.
_CANDIDATES: Final = (
    Element.F32,
    Element.BF16,
    Element.F16,
    Element.INT8,
    Element.F64,
    Element.INT16,
)
# A guess must beat plain bytes by this much to be believed.
_MARGIN: Final = 0.98
_SMALLEST: Final = 256


def _middle(data: memoryview, size: int, phase: int) -> memoryview:
    start = (len(data) - size) // 2 // 8 * 8 + phase if len(data) > size + 16 else phase
    return data[start : start + size]


def sample_size(base: memoryview | None, target: memoryview, element: Element, phase: int = 0) -> float:
    """Coded size of a sample from the middle, as a share of it; 1.0 for what does not compress."""
    size = min(SAMPLE, len(target) - phase) // element.width * element.width
    if size <= 0:
        return 1.0
    new = _middle(target, size, phase)
    old = _middle(base, size, phase) if base is not None else None
    if old is not None and _core.equal(old, new):
        return 0.0
    coded = _core.encode_numeric(old, new, element, Level.FAST)
    return 1.0 if coded is None else len(coded) / size


def guess_element(target: memoryview, base: memoryview | None) -> tuple[Element | None, int]:
    """The element kind that codes a sample best, and the bytes before the first whole element.

    Returns (None, 0) where no kind does better than none.
    """
    if len(target) < _SMALLEST:
        return (Element.INT8 if base is not None else None), 0
    best: tuple[float, Element | None, int] = (_MARGIN, None, 0)
    for element in _CANDIDATES:
        for phase in range(element.width):
            share = sample_size(base, target, element, phase)
            if share < best[0] * (_MARGIN if best[1] is not None else 1.0):
                best = (share, element, phase)
    return best[1], best[2]
