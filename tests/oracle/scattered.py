"""SCATTERED blocks (SPEC, "Codec 10: SCATTERED")."""

from tests.oracle.adaptive import decode_adaptive
from tests.oracle.elements import ELEMENTS, join, split
from tests.oracle.numeric import decode_numeric
from tests.oracle.reader import Reader, Refused

__all__ = ["SHARE", "decode_scattered"]

SHARE = 8
_INT32 = 3


def _part(payload: bytes, coding: int, element: int, base: bytes) -> bytes:
    if coding == 2:
        if len(payload) != len(base):
            raise Refused("a stored part is not as long as it must be")
        return payload
    if not payload or payload[0] & 31 != element | 16:
        raise Refused("a part of a SCATTERED block has another element, or no base")
    decode = decode_adaptive if coding else decode_numeric
    return decode(payload, base, len(base))


def decode_scattered(payload: bytes, base: bytes | None, length: int) -> bytes:
    """The ``length`` bytes a payload makes of its span of the base."""
    reader = Reader(payload)
    head = reader.byte()
    top = reader.unsigned()
    classes = reader.byte()
    if head >> 6 == 3 or head >> 4 & 3 == 3 or head & 15 not in ELEMENTS or not 1 <= classes <= 16:
        raise Refused("a header field is out of range")
    changes = [reader.unsigned() for _ in range(classes)]
    gaps_size = reader.unsigned()
    coded_gaps = reader.take(gaps_size)
    coded_values = reader.take(reader.left())
    element = ELEMENTS[head & 15]
    if element.bits == 4 or top > element.class_mask or changes[-1] == 0:
        raise Refused("a header field is out of range")
    if base is None or len(base) < length or length % (element.bits // 8) != 0:
        raise Refused("the base is too short, or there is a part of an element")
    old = split(base[:length], element.bits)
    if sum(changes) > len(old) // SHARE:
        raise Refused("too many changes")

    foreseen = [(15 - c) << 28 for c, count in enumerate(changes) for _ in range(count)]
    made = _part(coded_gaps, head >> 4 & 3, _INT32, join(foreseen, 32))
    gaps = [(a - b) % (1 << 32) for a, b in zip(split(made, 32), foreseen, strict=True)]
    if any(gap >= len(old) for gap in gaps):
        raise Refused("a gap reaches behind the block")
    numbers: list[list[int]] = [[] for _ in range(16)]
    for i, value in enumerate(old):
        field = value >> element.class_shift & element.class_mask
        numbers[min(max(top - field, 0), 15)].append(i)
    places = []
    at = 0
    for of_class, count in zip(numbers, changes, strict=False):
        number = -1
        for gap in gaps[at : at + count]:
            number += gap + 1
            if number >= len(of_class):
                raise Refused("a gap reaches behind the block")
            places.append(of_class[number])
        at += count
    places.sort()

    before = join([old[i] for i in places], element.bits)
    after = split(_part(coded_values, head >> 6, head & 15, before), element.bits)
    for i, value in zip(places, after, strict=True):
        old[i] = value
    return join(old, element.bits)
