"""The adaptive binary range decoder (SPEC, "Range coder")."""

from collections.abc import MutableSequence

__all__ = ["MODEL_START", "RangeDecoder"]

MODEL_START = 1 << 15
_WORD = (1 << 32) - 1


class RangeDecoder:
    """Decodes ``data`` from its start. Models are probabilities of a 0 in 65536ths; bits change them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.missing = 0
        self.range = _WORD
        self.code = 0
        for _ in range(4):
            self._shift()

    def _shift(self) -> None:
        byte = 0
        if self.at < len(self.data):
            byte = self.data[self.at]
            self.at += 1
        else:
            self.missing += 1
        self.code = (self.code << 8 | byte) & _WORD

    def _take(self, bit: int, bound: int) -> int:
        if bit:
            self.code -= bound
            self.range -= bound
        else:
            self.range = bound
        while self.range < 1 << 24:
            self.range <<= 8
            self._shift()
        return bit

    def bit(self, models: MutableSequence[int], i: int) -> int:
        """One bit by ``models[i]``, which moves 1/16 of the way to what came."""
        bound = (self.range >> 16) * models[i]
        if self.code < bound:
            models[i] += (65535 - models[i]) >> 4
            return self._take(0, bound)
        models[i] -= models[i] >> 4
        return self._take(1, bound)

    def direct(self, count: int) -> int:
        """``count`` bits of even odds, the highest first."""
        value = 0
        for _ in range(count):
            self.range >>= 1
            bit = int(self.code >= self.range)
            self.code -= self.range * bit
            while self.range < 1 << 24:
                self.range <<= 8
                self._shift()
            value = value << 1 | bit
        return value

    def tree(self, models: MutableSequence[int], start: int, bits: int) -> int:
        """A number of ``bits`` bits, the highest first; a 1 and the bits so far choose the model."""
        node = 1
        for _ in range(bits):
            node = node << 1 | self.bit(models, start + node)
        return node - (1 << bits)

    def integer(self, models: MutableSequence[int], start: int) -> int:
        """A number below 2**63 - 1: its length in unary, the bit below the leading one, the rest direct."""
        length = 0
        while length < 62 and self.bit(models, start + length):
            length += 1
        value = 1
        if length > 0:
            value = value << 1 | self.bit(models, start + 64 + length)
        for _ in range(length - 1):
            value = value << 1 | self.direct(1)
        return value - 1

    def ended(self) -> bool:
        """Whether every byte was used, and at most the four zeros that an encoder drops were missing."""
        return self.at == len(self.data) and self.missing <= 4
