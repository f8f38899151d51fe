"""DEVICE blocks (SPEC, "Codec 9: DEVICE")."""

from collections.abc import Sequence

from tests.oracle.adaptive import CURVE
from tests.oracle.elements import ELEMENTS, Element, moved
from tests.oracle.range_coder import RangeDecoder
from tests.oracle.reader import Refused

__all__ = ["STATES", "decode_device", "device_reach", "has_floats", "product"]

STATES = (512, 2048)
COPY, DIFFERENCE, NUMBERS, BYTES, REPEAT, SCALED, PLAIN = range(7)
_INTEGERS = (1, 2, 3)  # INT8, INT16, INT32
_ZERO, _GROUP, _LENGTH, _SIGN, _DIGIT, _BYTE, _SEGMENT, _BITS, _LEADING = 0, 1, 2, 3, 4, 6, 7, 8, 9
_SETS = 10
_GROUP_AT, _SIGN_AT, _DIGIT_AT, _BYTE_AT, _SEGMENT_AT = (k << 12 for k in range(1, 6))
_GROUP_SIZE, _QUARTER, _GROUP_FROM = 16, 4, 4
_STEPS = [131072 // (2 * n + 3) for n in range(16)]


def product(a: int, b: int) -> int:
    """The bits of a * b in single precision; 0 if one of them is no normal number."""
    high, low = a >> 23 & 255, b >> 23 & 255
    if not (0 < high < 255 and 0 < low < 255):
        return 0
    exact = (a % (1 << 23) + (1 << 23)) * (b % (1 << 23) + (1 << 23))
    cut = 24 if exact >> 47 else 23
    mantissa, rest = exact >> cut, exact % (1 << cut)
    half = 1 << (cut - 1)
    if rest > half or (rest == half and mantissa & 1):
        mantissa += 1
    exponent = high + low - 127 + (cut - 23) + (mantissa >> 24)
    if not 0 < exponent < 255:
        return 0
    return (a ^ b) & (1 << 31) | exponent << 23 | mantissa % (1 << 23)


def _log(p: int) -> int:
    bits = p.bit_length()
    return bits * 2048 + (p << (12 - bits)) % 2048


def _squash(x: int) -> int:
    high, low = divmod(abs(x), 64)
    p = CURVE[high] + (((CURVE[high + 1] - CURVE[high]) * low + 32) >> 6)
    return 65536 - p if x < 0 else p


class _Model:
    """Three voters, the weights that mix them, and the range decoder."""

    def __init__(self, data: bytes, state: int) -> None:
        self.coder = RangeDecoder(data)
        self.weights = [[7000] * 3 for _ in range(_SETS)]
        self.region = (state // 2 - 3 * _SETS) // 3
        self.slots = [[(2048, 0)] * self.region for _ in range(3)]  # probability of a 1 in 2**-12, times seen

    def bit(self, weight_set: int, contexts: Sequence[int], node: int) -> int:
        places = [(((c * 256 + node) * 0x9E3779B1 & 0xFFFFFFFF) >> 16) * self.region >> 16 for c in contexts]
        found = [self.slots[v][place] for v, place in enumerate(places)]
        votes = [(_log(p) - _log(4096 - p)) * 177 >> 11 for p, _ in found]
        weights = self.weights[weight_set]
        total = sum(v * w for v, w in zip(votes, weights, strict=True)) >> 14
        one = _squash(max(-2816, min(2816, total)))
        bit = self.coder.bit([65536 - one], 0)
        error = bit * 65536 - one
        for v, (p, seen) in enumerate(found):
            weight = weights[v] + ((votes[v] * (error >> 2) + 16384) >> 15)
            weights[v] = max(-32767, min(32767, weight))
            step = (4095 - p) * _STEPS[seen] >> 16 if bit else -(p * _STEPS[seen] >> 16)
            self.slots[v][places[v]] = (p + step, min(seen + 1, 15))
        return bit

    def tree(self, weight_set: int, contexts: Sequence[int], bits: int) -> int:
        node = 1
        for _ in range(bits):
            node = node << 1 | self.bit(weight_set, contexts, node)
        return node - (1 << bits)

    def direct(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.coder.direct(1)
        return value

    def check(self) -> None:
        if self.coder.missing > 4:
            raise Refused("a block is cut short")


class _Elements:
    """Elements against what is expected of them."""

    def __init__(self, model: _Model) -> None:
        self.model = model
        self.start()

    def start(self) -> None:
        self.fast = self.slow = self.zeros = self.signs = 0
        self.same = self.asked = self.waiting = 0

    def next(self, expected: int, element: Element, left: int | None) -> int:
        """The next element; ``left``: how many there are with it, None where groups are not asked for."""
        if self.same == 0 and left is not None:
            self.same = self._run(left)
        if self.same:
            self.same -= 1
            return expected
        return self._one(expected, element)

    def _run(self, left: int) -> int:
        """How many elements from the next on are said to be as expected."""
        if self.asked == 0:
            if self.zeros < _GROUP_FROM or left < _GROUP_SIZE:
                return 0
            if self._group(0):
                return _GROUP_SIZE
            self.asked = _GROUP_SIZE
        if self.asked % _QUARTER == 0:
            # If three quarters were, the last one is not.
            known = self.asked == _QUARTER and self.zeros >= _GROUP_SIZE - _QUARTER
            if not known and self._group(1):
                self.asked -= _QUARTER
                return _QUARTER
            self.waiting = _QUARTER
        self.asked -= 1
        return 0

    def _group(self, quarter: int) -> int:
        start = _GROUP_AT + 96 * quarter
        counts = (self.slow.bit_length(), self.zeros.bit_length(), self.fast.bit_length())
        same = self.model.bit(_GROUP, [start + 32 * v + count for v, count in enumerate(counts)], 0)
        if same:
            self.zeros += _QUARTER if quarter else _GROUP_SIZE
            self.fast = self.fast // 4 if quarter else 0
            self.slow -= self.slow // 8 if quarter else self.slow // 2
        return same

    def _one(self, base: int, element: Element) -> int:
        model = self.model
        negative_base = base >> (element.bits - 1)
        size = ((1 << element.bits) - base if negative_base else base).bit_length()
        field = base >> element.class_shift & element.class_mask & 15
        cls = field if element.is_float else min(size, 15)
        slow = self.slow.bit_length()
        contexts = (
            96 + self.waiting if self.waiting else min(self.zeros.bit_length(), 11) * 8 + min(slow, 7),
            16 * (self.waiting > 0) + cls,
            self.fast.bit_length() * 16 + min(slow, 15),
        )
        length = difference = 0
        # Of a quarter that is not as expected, the last one differs if no other did.
        if self.waiting == 1 or model.bit(_ZERO, contexts, 0):
            self.waiting = 0
            length = 1 + model.tree(_LENGTH, contexts, {8: 3, 16: 4, 32: 5}[element.bits])
            side = 0 if element.is_float else negative_base
            signs = (
                _SIGN_AT + self.signs * 2 + side,
                _SIGN_AT + cls * 2 + side,
                _SIGN_AT + (length * 2 + self.signs % 2) * 2 + side,
            )
            negative = model.bit(_SIGN, signs, 0)
            self.signs = (self.signs * 2 + negative) % 4
            digits = (_DIGIT_AT + length, _DIGIT_AT + 64 + cls, _DIGIT_AT + 512 + cls * 32 + length)
            difference = 1
            for depth in range(min(length - 1, 2)):
                difference = difference * 2 + model.bit(_DIGIT + depth, digits, difference)
            rest = max(length - 3, 0)
            difference = difference << rest | model.direct(rest)
            difference = -difference if negative else difference
        self.zeros = 0 if length else self.zeros + 1
        self.waiting = max(self.waiting - 1, 0)
        self.fast += length * 16 - self.fast // 4
        self.slow += length * 16 - self.slow // 32
        return moved(base, difference, element)


class _Block:
    def __init__(self, model: _Model, base: bytes, length: int) -> None:
        self.model = model
        self.base = base
        self.length = length
        self.out = bytearray()
        self.elements = _Elements(model)
        self.kind, self.element = COPY, 1
        self.shift = self.factor = 0
        self.distance = {REPEAT: 0, SCALED: 0}
        self.before = [0, 0]
        self.window = 0
        self.has_floats = False
        self.lead = -(1 << 32)  # the most that a segment's place lies beyond the base's bytes it reads

    def _contexts(self, question: int, before: int) -> Sequence[int]:
        start = _SEGMENT_AT + question * 8
        return start, start + before, start + self.kind

    def _yes(self, question: int, before: int) -> int:
        return self.model.bit(_SEGMENT, self._contexts(question, before), 0)

    def _integer(self, question: int, before: int) -> int:
        contexts = self._contexts(question, before)
        length = self.model.tree(_BITS, contexts, 5)
        if length == 0:
            return 0
        value = 1
        for _ in range(min(length - 1, 2)):
            value = value * 2 + self.model.bit(_LEADING, contexts, 32 + 4 * length + value % 4)
        rest = max(length - 3, 0)
        return value << rest | self.model.direct(rest)

    def _opening(self) -> int:
        """Reads what a segment says of itself; returns its count."""
        before, made = self.kind, len(self.out)
        self.kind = self.model.tree(_SEGMENT, self._contexts(0, before), 3)
        if self.kind > PLAIN:
            raise Refused("an unknown kind of segment")
        if self.kind in (DIFFERENCE, NUMBERS):
            self.element = self.model.tree(_SEGMENT, self._contexts(1, self.element), 4)
            if self.element not in ELEMENTS or not 8 <= ELEMENTS[self.element].bits <= 32:
                raise Refused("an element a device does not know")
        width = self._width()
        if self.kind in (COPY, DIFFERENCE) and self._yes(2, before):
            back = self._yes(3, before)
            move = 1 + self._integer(4, before)
            self.shift = (self.shift + (-move if back else move)) % (1 << 32)
        if self.kind in self.distance:
            if not self._yes(5, before):
                self.distance[self.kind] = 1 + self._integer(6, before)
            if not width <= self.distance[self.kind] <= made:
                raise Refused("a segment reads before the block's start")
            self.window = max(self.window, self.distance[self.kind])
        if self.kind == SCALED and not self._yes(7, before):
            self.factor = self.model.direct(32)
        named = self.kind in (DIFFERENCE, NUMBERS) and self.element not in _INTEGERS
        self.has_floats |= self.kind == SCALED or named
        count = 1 + self._integer(8, self.kind)
        if count * width > self.length - made:
            raise Refused("a segment makes more than its block")
        start = (made + self.shift) % (1 << 32)
        if self.kind in (COPY, DIFFERENCE):
            if start + count * width > len(self.base):
                raise Refused("a segment reads outside the base")
            self.lead = max(self.lead, made - start)
        return count

    def _width(self) -> int:
        if self.kind in (DIFFERENCE, NUMBERS):
            return ELEMENTS[self.element].bits // 8
        return 4 if self.kind == SCALED else 1

    def _expected(self) -> int:
        made, width = len(self.out), self._width()
        if self.kind == DIFFERENCE:
            start = (made + self.shift) % (1 << 32)
            return int.from_bytes(self.base[start : start + width], "little")
        if self.kind == SCALED:
            start = made - self.distance[SCALED]
            return product(int.from_bytes(self.out[start : start + 4], "little"), self.factor)
        return 0

    def _byte(self) -> int:
        one, two = self.before
        contexts = (0, 1 + one, 257 + two)
        byte = self.model.tree(_BYTE, [_BYTE_AT + c for c in contexts], 8)
        self.before = [byte, one]
        return byte

    def segment(self) -> None:
        count = self._opening()
        self.elements.start()
        made = len(self.out)
        if self.kind == COPY:
            start = (made + self.shift) % (1 << 32)
            self.out += self.base[start : start + count]
            return
        for left in range(count, 0, -1):
            self.model.check()
            if self.kind == BYTES:
                self.out.append(self._byte())
            elif self.kind == PLAIN:
                self.out.append(self.model.direct(8))
            elif self.kind == REPEAT:
                self.out.append(self.out[len(self.out) - self.distance[REPEAT]])
            else:
                element = ELEMENTS[7 if self.kind == SCALED else self.element]
                groups = None if self.kind == NUMBERS else left
                value = self.elements.next(self._expected(), element, groups)
                self.out += value.to_bytes(element.bits // 8, "little")


def _decoded(payload: bytes, base: bytes, length: int) -> _Block:
    if len(payload) < 2:
        raise Refused("a block is cut short")
    if payload[0] >= len(STATES) or not 0 < length <= 1 << 20:
        raise Refused("a header field is out of range")
    model = _Model(payload[1:], STATES[payload[0]])
    block = _Block(model, base, length)
    while len(block.out) < length:
        model.check()
        block.segment()
    if not model.coder.ended():
        raise Refused("a block has bytes left over")
    return block


def decode_device(payload: bytes, base: bytes, length: int) -> bytes:
    """The ``length`` bytes a DEVICE block makes; ``base`` is the whole base."""
    return bytes(_decoded(payload, base, length).out)


def has_floats(payload: bytes, base: bytes, length: int) -> bool:
    """Whether any element of a block is a float: not so with the record INTEGERS."""
    return _decoded(payload, base, length).has_floats


def device_reach(payload: bytes, base: bytes, length: int, at: int) -> tuple[int, int]:
    """``window`` and ``behind`` (SPEC, "Device profile") of a block that begins at ``at`` in the target."""
    block = _decoded(payload, base, length)
    return block.window, max(at + block.lead, 0)
