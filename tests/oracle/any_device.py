"""Random rows of segments, and a target that goes with them: all that a DEVICE block can say."""

import random

from sapwood import _core
from sapwood.codec.device_segment import STATES, Kind, Segment
from sapwood.codec.element import Element
from tests.oracle.device import product
from tests.oracle.elements import ELEMENTS

__all__ = ["ELEMENTS_OF_DEVICES", "any_device"]

ELEMENTS_OF_DEVICES = [e for e in Element if 8 <= ELEMENTS[e].bits <= 32]
_FACTORS = [0x3C23D70A, 0xBF800000, 0x3F800000, 0x7F000000, 0x00800000, 0x3B808081]


def _changed(rng: random.Random, expected: list[int], element: Element) -> bytes:
    """Elements near what is expected of them: often the same, sometimes far."""
    bits = ELEMENTS[element].bits
    share, most = rng.choice([(0, 0), (0.02, 1), (0.3, 9), (1, 1 << (bits - 1))])
    moved = ((v + rng.randint(-most, most)) % (1 << bits) if rng.random() < share else v for v in expected)
    return b"".join(v.to_bytes(bits // 8, "little") for v in moved)


def _words(data: bytes | bytearray, width: int) -> list[int]:
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def _segment(rng: random.Random, base: bytes, out: bytearray, element: Element) -> tuple[Segment, bytes]:
    """A segment and what it makes after ``out``."""
    kind = rng.choice([kind for kind in Kind if len(out) >= 64 or kind not in (Kind.REPEAT, Kind.SCALED)])
    number = rng.choice([1, 3, 16, 40, 200])
    width = element.width
    match kind:
        case Kind.COPY | Kind.DIFFERENCE:
            step = width if kind is Kind.DIFFERENCE else 1
            place = rng.choice([len(out), rng.randrange(len(base))]) % (len(base) - step * number)
            old = base[place : place + step * number]
            if kind is Kind.COPY:
                return Segment(kind, 0, number, place, 0), old
            return Segment(kind, element, number, place, 0), _changed(rng, _words(old, width), element)
        case Kind.NUMBERS:
            return Segment(kind, element, number, 0, 0), _changed(rng, [0] * number, element)
        case Kind.REPEAT:
            place = rng.choice([1, 2, 7, len(out), rng.randrange(1, len(out))])
            made = bytearray(out)
            for _ in range(number):
                made.append(made[len(made) - place])
            return Segment(kind, 0, number, place, 0), bytes(made[len(out) :])
        case Kind.SCALED:
            place, factor = rng.randrange(4, len(out)), rng.choice(_FACTORS)
            made = bytearray(out)
            for _ in range(number):
                old_word = int.from_bytes(made[len(made) - place : len(made) - place + 4], "little")
                made += _changed(rng, [product(old_word, factor)], Element.F32)
            return Segment(kind, 0, number, place, factor), bytes(made[len(out) :])
        case Kind.BYTES:
            return Segment(kind, 0, number, 0, 0), bytes(rng.choices(b"model/conv2d_1 \0", k=number))
        case _:
            return Segment(kind, 0, number, 0, 0), rng.randbytes(number)


def any_device(seed: int, element: Element | None = None) -> tuple[bytes, bytes, bytes]:
    """A payload, the base and the target; with ``element``, all elements are of that kind."""
    rng = random.Random(seed)
    base = rng.randbytes(rng.choice([900, 2000]))
    out = bytearray()
    segments = []
    for _ in range(rng.randrange(1, 12)):
        segment, made = _segment(rng, base, out, element or rng.choice(ELEMENTS_OF_DEVICES))
        segments.append(segment)
        out += made
    payload = _core.encode_device(base, bytes(out), segments, rng.choice(STATES))
    if payload is None:
        raise AssertionError(f"no block of {segments}")
    return payload, base, bytes(out)
