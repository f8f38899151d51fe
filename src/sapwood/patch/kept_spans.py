"""Parts of the target that later blocks read again: spans, and their record (SPEC, "Manifest", KEPT). No I/O.

The base's stream goes on with them. A block sees those that lie before its own first byte, so nothing can
point at itself or ahead, and whatever is read has been made before.
"""

import bisect
from collections.abc import Iterable
from itertools import accumulate

from sapwood.codec.varint import ByteReader, put_unsigned
from sapwood.errors import LimitExceeded
from sapwood.patch import limits
from sapwood.patch.byte_stream import ByteStream

__all__ = ["KeptSpans", "read_kept", "write_kept"]


class KeptSpans:
    """Spans of the target as (offset, length), rising and apart; and themselves as a stream, end to end."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        """Take spans in the order of their offsets."""
        self.spans = tuple(spans)
        self._starts = [start for start, _ in self.spans]
        self._before = [0, *accumulate(length for _, length in self.spans)]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._before[-1]

    def before(self, position: int) -> int:
        """How many of them lie before an offset in the target."""
        i = bisect.bisect_right(self._starts, position) - 1
        if i < 0:
            return 0
        start, length = self.spans[i]
        return self._before[i] + min(position - start, length)

    def views(self, target: ByteStream) -> list[memoryview]:
        """Their bytes in a target that is there."""
        return [target.read(start, length) for start, length in self.spans]


def write_kept(spans: tuple[tuple[int, int], ...]) -> bytes:
    """The record of spans; nothing if there are none."""
    out = bytearray()
    end = 0
    for offset, length in spans:
        put_unsigned(out, offset - end)
        put_unsigned(out, length)
        end = offset + length
    return bytes(out)


def read_kept(reader: ByteReader, target_size: int) -> tuple[tuple[int, int], ...]:
    """Offsets and lengths in the target's stream.

    Raises:
        CorruptPatch: A span is empty or outside, or there is none. LimitExceeded: There are too many.
    """
    spans: list[tuple[int, int]] = []
    end = 0
    while reader.left:
        if len(spans) >= limits.MAX_KEPT:
            raise LimitExceeded("too many kept spans in a patch", expected=limits.MAX_KEPT)
        offset = end + reader.unsigned("offset of a kept span")
        length = reader.unsigned("length of a kept span")
        end = offset + length
        if length == 0 or end > target_size:
            raise reader.error(
                "a kept span is empty or reaches outside the target",
                expected=f"within {target_size}",
                found=(offset, length),
            )
        spans.append((offset, length))
    if not spans:
        raise reader.error("the record KEPT lists nothing")
    return tuple(spans)
