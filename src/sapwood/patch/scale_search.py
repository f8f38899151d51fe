"""Whether floats of the target are those of the base times one number: weight decay, moments, averages.

Only a sample is looked at, and plain updates are told at once: their ratios lie round 1.
"""

import math
from typing import Final

import numpy as np

from sapwood.codec.element import Element
from sapwood.patch.float_values import Values, half_ulps, is_usual, values_of

__all__ = ["find_scales"]

_SAMPLE: Final = 512
_FEWEST: Final = 64
# Where one in so many of the ratios are within a narrow window, the window's middle may be a scale.
_WINDOW: Final = 8
# Ratios this many half ulps from a scale are still taken for roundings of it.
_NEAR: Final = 4.0
# Larger ones are no singles.
_LARGEST: Final = 2.0**127


def _mode(ratios: Values) -> tuple[float, float]:
    """Middle and width of the narrowest window that holds one in ``_WINDOW`` of the ratios."""
    ordered = np.sort(ratios)
    held = max(len(ordered) // _WINDOW, 2)
    widths = ordered[held - 1 :] - ordered[: len(ordered) - held + 1]
    at = int(np.argmin(widths))
    return float(ordered[at + held // 2]), float(widths[at])


def _deepest(lows: Values, highs: Values) -> tuple[float, float]:
    """The range that most of the intervals have in common."""
    lows, highs = np.sort(lows), np.sort(highs)
    depth = np.arange(1, len(lows) + 1) - np.searchsorted(highs, lows)
    at = lows[int(np.argmax(depth))]
    return float(at), float(highs[int(np.searchsorted(highs, at))])


def find_scales(
    base: memoryview, base_element: Element, target: memoryview, element: Element
) -> tuple[float, ...]:
    """Scales worth a try, the likeliest first; mostly none. The two hold the same number of elements."""
    step = max(len(target) // element.width // _SAMPLE, 1)
    with np.errstate(all="ignore"):
        old, new = values_of(base, base_element, step), values_of(target, element, step)
        # Then the narrowest window lies at 1.
        if np.count_nonzero(old == new) * _WINDOW > len(new):
            return ()
        good = is_usual(old, base_element) & is_usual(new, element)
        if np.count_nonzero(good) < _FEWEST:
            return ()
        # Quotients, and how far rounding may have moved each.
        ratios, reach = (new / old)[good], (half_ulps(new, element) / np.abs(old))[good]
        middle, width = _mode(ratios)
        # Numbers of usual size may have quotients of none.
        if not (math.isfinite(middle) and math.isfinite(width)):
            return ()
        near = np.abs(ratios - middle) <= np.maximum(_NEAR * reach, width)
        # An update scatters its ratios; the shift of all of them must stand out.
        if abs(middle - 1.0) <= max(2 * width, float(np.min(reach[near]))):
            return ()
        low, high = _deepest((ratios - reach)[near], (ratios + reach)[near])
    centre = (low + high) / 2
    if not math.isfinite(centre):
        return ()
    # Trainers scale by a single: where one gives every rounding seen, it is likely the one.
    single = float(np.float32(centre)) if abs(centre) < _LARGEST else centre
    return (single, centre) if low <= single <= high and single != centre else (centre,)
