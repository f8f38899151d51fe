"""How long frames should be: long ones waste less on heads, short ones less on errors.

With ``e`` errors a byte and ``h`` bytes of head, about ``sqrt(h / e)`` bytes lose least. Errors are counted
against the bytes that were exposed to them; of a lost frame, half were before the error.
"""

import math
from typing import Final

__all__ = ["FrameLength"]

_HEAD: Final = 14
"""Bytes of a DATA frame on the line besides its content: kind, sequence, offset, CRC, COBS, zero."""
_SHORTEST: Final = 32
_PRIOR_ERRORS: Final = 0.5
_PRIOR_BYTES: Final = 512
"""Half an error in 512 bytes: frames begin short, because one that is on its way cannot be cut."""
_MOST_ERRORS: Final = 32
_MOST_BYTES: Final = 1 << 21
_RECENT: Final = 7 / 8
"""Share of the recent sums that is kept at each frame: what was eight frames ago counts a third."""


class FrameLength:
    """Tells the best length of the next frame by the fate of those before."""

    def __init__(self) -> None:
        self._errors = 0.0
        self._bytes = 0.0
        self._recent_errors = 0.0
        self._recent_bytes = 0.0

    @property
    def error_rate(self) -> float:
        """Errors a byte, from what was seen; 0 where none was."""
        return self._errors / self._bytes if self._bytes else 0.0

    @property
    def best(self) -> int:
        """Bytes of a frame, its head with it."""
        lasting = (self._errors + _PRIOR_ERRORS) / (self._bytes + _PRIOR_BYTES)
        # One loss alone says nothing new; two in a row say that the line has changed.
        recent = max(0.0, self._recent_errors - 1) / max(1.0, self._recent_bytes)
        rate = max(lasting, recent)
        return max(_SHORTEST, int(math.sqrt(_HEAD / rate)))

    def came(self, size: int) -> None:
        """A frame of ``size`` bytes arrived."""
        self._add(0, size)

    def lost(self, size: int) -> None:
        """A frame of ``size`` bytes did not."""
        self._add(1, size / 2)

    def was_not_lost(self) -> None:
        """What was taken as lost did come, only late."""
        self._errors = max(0.0, self._errors - 1)
        self._recent_errors = max(0.0, self._recent_errors - 1)

    def _add(self, errors: int, exposed: float) -> None:
        self._errors += errors
        self._bytes += exposed
        self._recent_errors = self._recent_errors * _RECENT + errors
        self._recent_bytes = self._recent_bytes * _RECENT + exposed
        if self._errors > _MOST_ERRORS or self._bytes > _MOST_BYTES:
            self._errors /= 2
            self._bytes /= 2
