"""The twin of range_coder.py, for tests that make blocks."""

from collections.abc import MutableSequence

__all__ = ["RangeEncoder"]


class RangeEncoder:
    """Gathers the coded number as one large integer: slow, and no carry to follow."""

    def __init__(self) -> None:
        self.low = 0
        self.range = (1 << 32) - 1
        self.shifts = 0

    def _renormalise(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            self.low <<= 8
            self.shifts += 1

    def bit(self, models: MutableSequence[int], i: int, bit: int) -> None:
        bound = (self.range >> 16) * models[i]
        if bit:
            self.low += bound
            self.range -= bound
            models[i] -= models[i] >> 4
        else:
            self.range = bound
            models[i] += (65535 - models[i]) >> 4
        self._renormalise()

    def direct(self, value: int, count: int) -> None:
        for i in reversed(range(count)):
            self.range >>= 1
            self.low += self.range * (value >> i & 1)
            self._renormalise()

    def tree(self, models: MutableSequence[int], start: int, bits: int, value: int) -> None:
        for i in reversed(range(bits)):
            self.bit(models, start + ((1 << bits | value) >> (i + 1)), value >> i & 1)

    def integer(self, models: MutableSequence[int], start: int, value: int) -> None:
        length = (value + 1).bit_length() - 1
        for i in range(length):
            self.bit(models, start + i, 1)
        if length < 62:
            self.bit(models, start + length, 0)
        if length > 0:
            self.bit(models, start + 64 + length, (value + 1) >> (length - 1) & 1)
            self.direct((value + 1) & ((1 << (length - 1)) - 1), length - 1)

    def close(self) -> bytes:
        """All bytes but up to four zeros at the end; one at least."""
        data = self.low.to_bytes(self.shifts + 4, "big")
        kept = max(len(data.rstrip(b"\0")), len(data) - 4, 1)
        return data[:kept]
