"""SCATTERED blocks, encoding (SPEC, "Codec 10")."""

from typing import Final

from sapwood import _core
from sapwood.codec.block import Codec
from sapwood.codec.element import Element
from sapwood.codec.varint import put_unsigned

__all__ = ["encode_scattered"]

_CODINGS: Final = {Codec.NUMERIC: 0, Codec.ADAPTIVE: 1, Codec.STORED: 2}


# Below so many changes tables cost more than they save; above, the adaptive coder takes more time than
# all the rest.
_TABLES_FROM: Final = 512


def _code(
    base: bytes, target: bytes, element: Element, level: int, *, with_tables: bool, adaptive: bool
) -> tuple[int, bytes]:
    """A part's coding and bytes."""
    found = [(Codec.STORED, target)]
    if with_tables:
        coded = _core.encode_numeric(base, target, element, level)
        if coded is not None:
            found.append((Codec.NUMERIC, coded))
    if adaptive or len(found) == 1:
        coded = _core.encode_adaptive(base, target, element)
        if coded is not None:
            found.append((Codec.ADAPTIVE, coded))
    codec, coded = min(found, key=lambda pair: len(pair[1]))
    return _CODINGS[codec], coded


def encode_scattered(
    base: memoryview,
    target: memoryview,
    element: Element,
    level: int,
    *,
    thorough: bool,
    always: bool = False,
) -> bytes | None:
    """A payload for few changes far apart; None if there are too many, or none, or they lie close together.

    Its parts have been decoded and compared.

    Args:
        base: What the differences are against.
        target: As many bytes.
        element: Of both.
        level: For the coder with tables.
        thorough: Whether to try both coders on many changes.
        always: Also where another codec will say it shorter.
    """
    found = _core.find_scattered(base, target, element, always)
    if found is None:
        return None
    top, changes, foreseen, gaps, before, after = found
    many = sum(changes) >= _TABLES_FROM
    how_gaps, coded_gaps = _code(foreseen, gaps, Element.INT32, level, with_tables=many, adaptive=thorough)
    how_values, coded_values = _code(before, after, element, level, with_tables=many, adaptive=thorough)
    classes = max(number for number, count in enumerate(changes, 1) if count > 0)
    payload = bytearray()
    payload.append(element | how_gaps << 4 | how_values << 6)
    put_unsigned(payload, top)
    payload.append(classes)
    for count in changes[:classes]:
        put_unsigned(payload, count)
    put_unsigned(payload, len(coded_gaps))
    payload += coded_gaps
    payload += coded_values
    return bytes(payload)
