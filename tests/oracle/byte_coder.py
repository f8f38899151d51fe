"""The learned byte coder's decoder, from docs/SPEC.md alone: slow, plain, one lane at a time."""

from dataclasses import dataclass, field
from typing import Final

__all__ = ["LEVELS", "Model", "decode"]

LANES: Final = 16
RATES: Final = (196, 116, 80, 60, 49, 41, 35, 21)
MULTIPLIER: Final = 0x9E3779B97F4A7C15
KNOTS: Final = tuple(round(65536 / (1 + (1 << j))) for j in range(17))
FIRST_WEIGHT: Final = 2500
ERROR_SCALE: Final = 704
LEAST: Final = 16
FIRST_SURE: Final = 65000
SETTLES: Final = 65000
MOST_SURE: Final = 65520


@dataclass(frozen=True)
class Level:
    """A row of the table of levels."""

    text: tuple[int, ...]
    record: tuple[int, ...]
    wide: bool
    slots: int
    places: int
    found_by: int
    sure: int


LEVELS: Final = (
    Level((3,), (20,), False, 15, 16, 5, 16),
    Level((2, 4, 16), (3, 20, 21), False, 17, 18, 6, 24),
    Level((2, 3, 4, 5, 6, 16), (2, 3, 20, 21, 22, 24), True, 19, 20, 6, 32),
)


def _limited(value: int) -> int:
    return max(-32768, min(32767, value))


def _rounded(a: int, b: int) -> int:
    return (a * b + 16384) >> 15


def _stretched(lane: int) -> int:
    p = lane & ~7 | 4
    q = p if p < 32768 else 65535 - p
    top = q.bit_length() - 1
    size = 16384 - (q >> 5) - (1024 * top + ((q << (15 - top)) % 32768 >> 5))
    return size if p >= 32768 else -size


def _unlikely(total: int) -> int:
    d = min(abs(total), 4095)
    knot, following = KNOTS[d >> 8], KNOTS[(d >> 8) + 1]
    return max(LEAST, knot - ((knot - following) * (d % 256) >> 8))


class _Range:
    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0
        self._range = 2**64 - 1
        self._value = self._bytes(8)

    def _bytes(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 8 | (self._payload[self._at] if self._at < len(self._payload) else 0)
            self._at += 1
        return value

    def as_foreseen(self, unlikely: int) -> bool:
        """Whether the decision went the likely way."""
        other = (self._range >> 16) * unlikely
        bound = self._range - other
        foreseen = self._value < bound
        if foreseen:
            self._range = bound
        else:
            self._value -= bound
            self._range = other
        if self._range < 2**32:
            self._range <<= 32
            self._value = (self._value << 32 | self._bytes(4)) % 2**64
        return foreseen

    def ended(self) -> bool:
        return len(self._payload) <= self._at <= len(self._payload) + 8


@dataclass
class Match:
    """The place of the expected byte, 0 for none, and how well it did."""

    place: int = 0
    length: int = 0
    misses: int = 0

    def kind(self) -> int:
        n = self.length
        if self.misses and n < 16:
            return 13 if n < 4 else 14 if n < 8 else 15
        if n < 8:
            return n
        return 8 + (n - 8) // 4 if n < 16 else 10 + (n - 16) // 8 if n < 32 else 12


@dataclass
class Model:
    """All that adapts. Tables hold what was touched; the rest is as at the start."""

    level: int
    record: int = 0
    hashed: dict[int, list[int]] = field(default_factory=dict)
    plain: dict[tuple[int, ...], list[int]] = field(default_factory=dict)
    weights: dict[tuple[object, ...], list[list[int]]] = field(default_factory=dict)
    sure: dict[tuple[int, int], int] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    match: Match = field(default_factory=Match)
    history: int = 0
    word: int = 0

    def _contexts(self) -> tuple[int, ...]:
        row = LEVELS[self.level]
        return row.record if self.record else row.text

    def _key(self, context: int, window: bytes | bytearray) -> int:
        if context < 7:
            return self.history % (1 << 8 * context) + context
        last = self.history % 256
        if context == 16:
            return self.word + (last << 32) + 77
        at, record = len(window), self.record
        above = window[at - record] if at >= record else 0
        twice = window[at - 2 * record] if at >= 2 * record else 0
        x = {20: above, 21: above + 256 * last, 22: above + 256 * twice, 24: self.history % 65536}[context]
        return (context << 56) + (x << 16) + at % record

    def _slot(self, digest: int, nibble: int) -> tuple[int, list[int]]:
        bits = LEVELS[self.level].slots
        place = (digest >> (32 - bits) ^ 2 * nibble) % 2**bits
        tag = 16 * ((digest % 4096 ^ 128 * nibble ^ 8 * nibble) % 4096 | 1)
        empty = [0] + [32768] * (LANES - 1)
        first, second = (self.hashed.get(at, empty) for at in (place, place ^ 1))
        if first[0] == tag:
            return place, first
        if second[0] == tag:
            return place ^ 1, second
        victim = place if first[1] & 7 <= second[1] & 7 else place ^ 1
        return victim, [tag] + [32768] * (LANES - 1)

    def _weights_of(self, matched: bool, high: bool, nibble: int, inputs: int) -> list[list[list[int]]]:
        last = self.history % 256
        keys: list[tuple[object, ...]] = [("match", high, self.match.kind() if matched else 0)]
        keys.append(("byte", high, last))
        if LEVELS[self.level].wide:
            keys.append(("nibble", nibble))
        for key in keys:
            if key not in self.weights:
                first = FIRST_WEIGHT if key[0] == "byte" else 0
                self.weights[key] = [[0] + [first] * (LANES - 1) for _ in range(inputs)]
        return [self.weights[key] for key in keys]

    def nibble(self, coder: _Range, window: bytearray, before: int | None) -> int:
        """Decode one: the high one if ``before`` is None, else the low one behind that high one."""
        high = before is None
        n = 0 if before is None else 1 + before
        last = self.history % 256
        expected = window[self.match.place] if self.match.place else None
        matched = expected is not None and (before is None or expected >> 4 == before)
        keys: list[tuple[int, ...]] = [(0, last, n)]
        keys.append(
            (1, int(high), expected, self.match.kind())
            if matched and expected is not None
            else (1, int(high))
        )
        if LEVELS[self.level].wide:
            keys.append((2, n))
        slots = [self.plain.get(key, [0] + [32768] * (LANES - 1)) for key in keys]
        found = [self._slot(self._key(c, window) * MULTIPLIER % 2**64 >> 32, n) for c in self._contexts()]
        slots = [list(slot) for slot in (*slots, *(slot for _, slot in found))]
        sets = self._weights_of(matched, high, n, len(slots))

        node, path = 1, []
        for _ in range(4):
            total = 0
            for i, slot in enumerate(slots):
                weight = 0
                for one in sets:
                    weight = _limited(weight + one[i][node])
                total = _limited(total + _rounded(_stretched(slot[node]), weight))
            likely, unlikely = int(total >= 0), _unlikely(total)
            foreseen = coder.as_foreseen(unlikely)
            bit = likely if foreseen else 1 - likely
            size = (unlikely if foreseen else 65535 - unlikely) * ERROR_SCALE >> 16
            path.append((node, bit, size if bit else -size))
            node = 2 * node + bit

        for i, slot in enumerate(slots):
            for at, bit, error in path:
                step = _rounded(_stretched(slot[at]), error)
                for one in sets:
                    one[i][at] = _limited(one[i][at] + step)
                slot[at] = _trained(slot[at], bit)
        for key, slot in zip(keys, slots, strict=False):
            self.plain[key] = slot
        for (place, _), slot in zip(found, slots[len(keys) :], strict=True):
            self.hashed[place] = slot
        return node - 16

    def see(self, window: bytes | bytearray) -> None:
        """The last byte of the window is known."""
        byte, at = window[-1], len(window)
        self.history = (self.history << 8 | byte) % 2**64
        of_word = (chr(byte).isascii() and chr(byte).isalnum()) or byte >= 128
        self.word = (self.word + byte + 1) * 0x2F0B4C47 % 2**32 if of_word else 0
        match = self.match
        if match.place:
            if window[match.place] == byte:
                match.length = min(match.length + 1, 65535)
                match.misses = 0 if match.length >= 16 else match.misses
                match.place += 1
            else:
                match.misses += 1
                match.length = 0
                match.place = 0 if match.misses > 8 else match.place + 1
        if at < 8:
            return
        level = LEVELS[self.level]
        place = (self.history % 256**level.found_by) * MULTIPLIER % 2**64 >> (64 - level.places)
        if not match.place or (match.misses and match.length < 16):
            candidate = self.places.get(place, 0)
            length = _common(window, candidate)
            if length >= level.found_by and length > match.length:
                self.match = Match(candidate, length)
        self.places[place] = at

    def byte(self, coder: _Range, window: bytearray) -> int:
        """Decode the next byte; it is not yet seen."""
        match = self.match
        expected = window[match.place] if match.place else 0
        key = None
        if match.place and match.length >= LEVELS[self.level].sure and not match.misses:
            n = match.length
            key = (expected, 0 if n < 64 else 1 if n < 128 else 2 if n < 512 else 3)
            sure = self.sure.get(key, FIRST_SURE)
            if sure >= SETTLES and coder.as_foreseen(65536 - min(sure, MOST_SURE)):
                self.sure[key] = sure + ((65535 - sure) >> 5)
                return expected
        high = self.nibble(coder, window, None)
        byte = 16 * high + self.nibble(coder, window, high)
        if key is not None:
            sure = self.sure.get(key, FIRST_SURE)
            self.sure[key] = sure + ((65535 - sure) >> 5) if byte == expected else sure - (sure >> 5)
        return byte


def _trained(lane: int, bit: int) -> int:
    mask, count = 65535 * bit, lane & 7
    away = (lane ^ mask) & ~7
    away = away - (away * RATES[count] >> 8) + 3
    return (away ^ mask) & 0xFFF8 | min(count + 1, 7)


def _common(window: bytes | bytearray, candidate: int) -> int:
    length = 0
    while length < min(32, candidate // 8 * 8) and window[candidate - 1 - length] == window[-1 - length]:
        length += 1
    return length


def decode(payload: bytes, length: int, level: int, record: int = 0) -> bytes:
    """The ``length`` bytes of a block's payload.

    Raises:
        ValueError: The payload is too short or too long.
    """
    model, coder, window = Model(level, record), _Range(payload), bytearray()
    for _ in range(length):
        window.append(model.byte(coder, window))
        model.see(window)
    if not coder.ended():
        raise ValueError("the payload has another length")
    return bytes(window)
