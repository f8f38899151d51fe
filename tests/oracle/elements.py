"""Elements: how wide they are, and how a difference moves one (SPEC, "Elements")."""

import dataclasses

__all__ = ["ELEMENTS", "Element", "join", "moved", "split"]


@dataclasses.dataclass(frozen=True)
class Element:
    """``bits`` in all, a float's sign highest; its field is ``value >> class_shift & class_mask``."""

    bits: int
    is_float: bool
    class_shift: int
    class_mask: int


ELEMENTS = {
    1: Element(8, False, 4, 15),
    2: Element(16, False, 12, 15),
    3: Element(32, False, 28, 15),
    4: Element(64, False, 60, 15),
    5: Element(16, True, 10, 31),
    6: Element(16, True, 7, 255),
    7: Element(32, True, 23, 255),
    8: Element(64, True, 52, 2047),
    9: Element(8, True, 3, 15),
    10: Element(8, True, 2, 31),
    11: Element(4, False, 0, 15),
}


def split(data: bytes, bits: int) -> list[int]:
    """Bytes to unsigned elements: little-endian, and the low half of a byte first."""
    if bits == 4:
        return [half for byte in data for half in (byte & 15, byte >> 4)]
    width = bits // 8
    return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]


def join(elements: list[int], bits: int) -> bytes:
    """The inverse of :func:`split`."""
    if bits == 4:
        return bytes(low | high << 4 for low, high in zip(elements[::2], elements[1::2], strict=True))
    return b"".join(e.to_bytes(bits // 8, "little") for e in elements)


def moved(base: int, difference: int, element: Element) -> int:
    """``base`` moved by ``difference`` steps: upwards for integers, away from zero for floats."""
    span = 1 << element.bits
    if not element.is_float:
        return (base + difference) % span
    half = span >> 1
    # Negative floats in the order of their values: -0 is -1, the next below is -2.
    ordered = base - half if base >= half else base
    if base >= half:
        ordered = -1 - ordered
    ordered += difference if ordered >= 0 else -difference
    ordered = (ordered + half) % span - half
    return ordered if ordered >= 0 else half + (-1 - ordered)
