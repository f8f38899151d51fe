"""ADAPTIVE blocks (SPEC, "Codec 5: ADAPTIVE")."""

from tests.oracle.elements import ELEMENTS, Element, join, moved, split
from tests.oracle.range_coder import RangeDecoder
from tests.oracle.reader import Refused

__all__ = ["CURVE", "STRETCH", "TOP", "clamp", "decode_adaptive", "squash"]

# fmt: off
CURVE = (
    32768, 36843, 40793, 44511, 47911, 50941, 53581, 55834, 57724, 59287, 60565, 61598, 62428, 63090, 63615,
    64030, 64357, 64614, 64816, 64974, 65097, 65194, 65269, 65328, 65374, 65410, 65438, 65459, 65476, 65489,
    65500, 65508, 65514, 65519, 65523, 65526, 65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535,
    65535,
)
# fmt: on
_LENGTH, _SIGN, _DIGIT = 0, 1 << 20, 2 << 20
_ZERO_SET, _SIGN_SET, _DIGIT_SET = 32, 49, 50
TOP = (1 << 22) - 1


def clamp(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))


def squash(x: int) -> int:
    high, low = divmod(abs(x), 64)
    p = CURVE[high] + (((CURVE[high + 1] - CURVE[high]) * low + 32) >> 6)
    return 65536 - p if x < 0 else p


def _stretch_table() -> list[int]:
    table = []
    x = -2047
    for p in range(4096):
        while x < 2047 and squash(x) >> 4 < p:
            x += 1
        table.append(x)
    return table


STRETCH = _stretch_table()


class _Model:
    """Six voters, the weights that mix them, and the range decoder."""

    def __init__(self, data: bytes) -> None:
        self.coder = RangeDecoder(data)
        self.slots = [[(1 << 21, 0)] * 2048 for _ in range(6)]  # probability of a 1 in 2**-22, times seen
        self.weights = [[13000] * 6 for _ in range(68)]
        self.haste = [24 << 8] * 68

    def bit(self, weight_set: int, contexts: list[int], nodes: list[int]) -> int:
        places = [
            (((c * 256 + n) * 0x9E3779B1) & 0xFFFFFFFF) >> 21 for c, n in zip(contexts, nodes, strict=True)
        ]
        found = [self.slots[i][place] for i, place in enumerate(places)]
        weights = self.weights[weight_set]
        votes = [STRETCH[p >> 10] for p, _ in found]
        total = sum(v * (w >> 4) for v, w in zip(votes, weights, strict=True)) >> 12
        one = squash(clamp(total, 2816))
        bit = self.coder.bit([65536 - one], 0)

        haste = self.haste[weight_set]
        self.haste[weight_set] = haste - (haste >> 8)
        error = (bit * 65536 - one) * (6 + (haste >> 8)) >> 4
        for i, (p, seen) in enumerate(found):
            weights[i] = clamp(weights[i] + ((votes[i] * error + (1 << 13)) >> 14), 1 << 20)
            step = 131072 // (2 * seen + 3)
            moved_to = p + (((TOP - p) >> 6) * step >> 10) if bit else p - ((p >> 6) * step >> 10)
            self.slots[i][places[i]] = (moved_to, min(seen + 1, 250))
        return bit


class _Differences:
    def __init__(self, model: _Model, element: Element, base: list[int]) -> None:
        self.model = model
        self.element = element
        self.base = base
        self.top = max(self._field(b) for b in base)
        self.before = [0, 0]
        self.lanes = [0] * 4
        self.fast = self.slow = self.zeros = 0
        self.signs = [0, 0]
        self.repeats = 0
        self.last = [0] * 128

    def _field(self, value: int) -> int:
        return value >> self.element.class_shift & self.element.class_mask

    def _length(self, lane: int, cls: int, fine: int) -> int:
        slow = self.slow.bit_length()
        contexts = [
            cls * 32 + slow,
            (min(self.before[0], 15) * 16 + min(self.before[1], 15)) * 32 + min(slow, 11),
            cls * 32 + self.fast.bit_length(),
            lane * 128 + self.lanes[lane],
            cls * 8 + fine,
            min(self.zeros.bit_length(), 11) * 8 + min(slow, 7),
        ]
        length = 0
        while length < self.element.bits:
            weight_set = min(length, 31) if length else _ZERO_SET + slow
            if not self.model.bit(weight_set, [_LENGTH + c for c in contexts], [length] * 6):
                break
            length += 1
        return length

    def _sign(self, lane: int, cls: int, fine: int, length: int, base_sign: int) -> int:
        new, old = self.signs
        contexts = [
            new ^ base_sign,
            (new * 2 + old) * 2 + base_sign,
            cls,
            lane,
            cls * 8 + fine,
            length * 2 + new,
        ]
        return self.model.bit(_SIGN_SET, [_SIGN + c for c in contexts], [0] * 6) ^ base_sign

    def _digits(self, lane: int, cls: int, fine: int, length: int, last: int) -> int:
        value = 1
        same = last.bit_length() == length
        for depth in range(1, length):
            place = length - 1 - depth
            expected = last >> place & 1
            if depth > 3 and not same and self.repeats == 0:
                bit = self.model.coder.direct(1)
            else:
                hope = 1 + expected if same else 0
                contexts = [
                    length,
                    hope * 16 + self.repeats,
                    cls * 128 + length,
                    lane * 128 + length,
                    (cls * 8 + fine) * 128 + length,
                    length,
                ]
                nodes = [
                    value if depth <= 3 else 16 + depth,
                    min(depth, 4),
                    value if depth <= 3 else 32,
                    value if depth <= 2 else 32,
                    value if depth <= 2 else 32,
                    value if depth <= 5 else 64 + place,
                ]
                weight_set = _DIGIT_SET + 9 * (self.repeats > 0) + 3 * hope + min(depth, 3) - 1
                bit = self.model.bit(weight_set, [_DIGIT + c for c in contexts], nodes)
            same = same and bit == expected
            value = value << 1 | bit
        return value

    def next(self, i: int) -> int:
        base, element, lane = self.base[i], self.element, i & 3
        cls = min(self.top - self._field(base), 15)
        fine = (base << 3 >> element.class_shift) & 7
        length = self._length(lane, cls, fine)
        difference = 0
        if length:
            base_sign = 0 if element.is_float else base >> (element.bits - 1)
            negative = self._sign(lane, cls, fine, length, base_sign)
            last = self.last[cls * 8 + fine]
            magnitude = self._digits(lane, cls, fine, length, last)
            self.repeats = min(self.repeats + 1, 15) if last == magnitude else self.repeats // 2
            self.last[cls * 8 + fine] = magnitude
            self.signs = [negative, self.signs[0]]
            difference = -magnitude if negative else magnitude
        self.zeros = 0 if length else self.zeros + 1
        self.fast += length * 16 - self.fast // 4
        self.slow += length * 16 - self.slow // 32
        self.before = [length, self.before[0]]
        self.lanes[lane] = length
        return moved(base, difference, element)


def _half_log(value: int) -> int:
    bits = value.bit_length()
    return 0 if bits < 2 else 2 * bits + (value >> (bits - 2) & 1)


class _Raw:
    def __init__(self, model: _Model, element: Element) -> None:
        self.model = model
        self.element = element
        self.before = [0] * 8
        self.fast = self.slow = 0

    def _size(self, value: int) -> int:
        element = self.element
        if element.is_float:
            return (value >> element.class_shift & element.class_mask & 63) * 4
        magnitude = min(value, (1 << element.bits) - value)
        return magnitude * 4 if element.bits == 8 else magnitude.bit_length() * 8

    def next(self, i: int) -> int:
        fast, slow, lane, before = _half_log(self.fast), _half_log(self.slow), i & 3, self.before
        narrow = self.element.bits == 8
        value = 0
        for k in reversed(range(self.element.bits // 8)):
            if narrow:
                contexts = [0, before[0], lane * 256 + before[3], fast, before[0] * 256 + before[1], slow]
            else:
                contexts = [
                    k,
                    k * 256 + (value & 255),
                    k * 256 + before[k],
                    k * 64 + fast,
                    k << 16 | value & 0xFFFF,
                    lane * 8 + k,
                ]
            node = 1
            for place in reversed(range(8)):
                node = node << 1 | self.model.bit(k * 8 + place, contexts, [node] * 6)
            value = value << 8 | node & 255
            if not narrow:
                before[k] = node & 255
        if narrow:
            self.before = [value, *before[:7]]
        size = self._size(value)
        self.fast += size - self.fast // 4
        self.slow += size - self.slow // 16
        return value


def decode_adaptive(payload: bytes, base: bytes | None, size: int) -> bytes:
    """The ``size`` bytes an ADAPTIVE block makes; ``base`` is what a difference is against."""
    if len(payload) < 2:
        raise Refused("a block is cut short")
    number = payload[0] & 15
    has_base = bool(payload[0] & 16)
    if number == 11 and not has_base:
        number = 1  # raw INT4 goes by the byte
    if payload[0] > 31 or number not in ELEMENTS or not 0 < size <= 1 << 20:
        raise Refused("a header field is out of range")
    element = ELEMENTS[number]
    if size * 8 % element.bits:
        raise Refused("a block is no whole number of elements")
    if has_base and (base is None or len(base) < size):
        raise Refused("the base is too short")
    model = _Model(payload[1:])
    old = split((base or b"")[:size], element.bits) if has_base else []
    source = _Differences(model, element, old) if has_base else _Raw(model, element)
    out = []
    for i in range(size * 8 // element.bits):
        out.append(source.next(i))
        if model.coder.missing > 4:
            raise Refused("a block is cut short")
    if not model.coder.ended():
        raise Refused("a block has bytes left over")
    return join(out, element.bits)
