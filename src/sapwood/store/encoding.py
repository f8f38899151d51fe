"""An object's bytes -> blocks of at most 1 MiB, each coded by itself."""

import dataclasses
from collections.abc import Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.decode import decode_block
from sapwood.codec.element import Element, element_of
from sapwood.codec.encode import Level, encode_plain, encode_span
from sapwood.codec.predicted import FLOATS
from sapwood.codec.quantised import QuantisedPair, quantised_pair
from sapwood.codec.splice import Splice, encode_splice
from sapwood.codec.zstandard_frames import compress_against
from sapwood.formats.dtype import DTYPES
from sapwood.patch.predict_job import code_related, code_scaled
from sapwood.patch.quantised_pairs import code_pair
from sapwood.patch.relation import Relation
from sapwood.store.kinds import Description, Kind

__all__ = ["Part", "encode", "parts"]

# Text is coded with its base as a dictionary up to this size: that takes some 0.3 s a MB.
_TEXT_TO: Final = 256 << 10


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """What becomes one block.

    Attributes:
        start: Offset in the object.
        length: Bytes.
        base: Offset in the base object of what it is like; None if nothing is.
        element: How to take its bytes; None for text.
        relation: How elements follow from other elements of the base; None to take their difference.
    """

    start: int
    length: int
    base: int | None
    element: Element | None
    relation: Relation | QuantisedPair | None = None

    @property
    def base_length(self) -> int:
        """Bytes of the base behind it."""
        if self.relation is None or self.element is None:
            return self.length
        return self.relation.bytes_of_base(self.length, self.element)


def _relation(target: Description, base: Description) -> tuple[bool, Relation | QuantisedPair | None]:
    """Whether a tensor may follow from another, and how if not by the difference of like elements."""
    new, old = DTYPES[target.dtype], DTYPES[base.dtype]
    pair = quantised_pair(new, old)
    if pair is not None:
        return True, pair
    if new is old:
        return True, None
    elements = element_of(new), element_of(old)
    if elements[0] in FLOATS and elements[1] in FLOATS:
        return True, None if elements[0] is elements[1] else Relation(elements[1])
    return False, None


def parts(
    target: Description, length: int, base: Description | None = None, base_length: int = 0
) -> Iterator[Part]:
    """The parts that an object is coded in, against a base or none.

    Of a tensor that has grown, what is behind the base's length is coded without it.
    """
    if target.kind is not Kind.TENSOR:
        like = base is not None and max(length, base_length) <= _TEXT_TO
        for at in range(0, length, MAX_BLOCK):
            yield Part(at, min(MAX_BLOCK, length - at), 0 if like and base_length else None, None)
        return
    element = element_of(DTYPES[target.dtype])
    follows, relation = (False, None) if base is None else _relation(target, base)
    shared = 0
    if follows and relation is None:
        shared = min(length, base_length) // element.width * element.width
    elif follows and relation is not None and relation.bytes_of_base(length, element) == base_length:
        shared = length
    most = element.most_bytes if relation is None or not shared else relation.most_bytes(element)
    for at in range(0, shared, most):
        there = at if relation is None else relation.bytes_of_base(at, element)
        yield Part(at, min(most, shared - at), there, element, relation)
    for at in range(shared, length, element.most_bytes):
        yield Part(at, min(element.most_bytes, length - at), None, element)


def encode(part: Part, target: memoryview, base: memoryview | None, base_size: int, level: Level) -> Block:
    """One part as a block. ``target`` and ``base`` are the bytes of the part, and those it is like.

    ``base_size`` is the base object's. The block has been decoded and compared.
    """
    if base is None or part.base is None:
        return (
            encode_plain(target, level)
            if part.element is None
            else encode_span(None, 0, target, part.element, level)
        )
    if part.element is None:
        return _text(target, base, level)
    if part.length == part.base_length and _core.equal(base, target):
        return _copy(part.base, part.length, base_size, base, level)
    if isinstance(part.relation, QuantisedPair):
        return code_pair(part.relation, base, part.base, target, level)
    if part.relation is not None:
        block, _ = code_related(base, part.base, target, part.element, level, relation=part.relation)
        return block
    block = encode_span(base, part.base, target, part.element, level)
    scaled = code_scaled(base, part.base, target, part.element, level, cost=len(block.payload))
    return scaled if scaled is not None and len(scaled.payload) < len(block.payload) else block


def _text(target: memoryview, base: memoryview, level: Level) -> Block:
    plain = encode_plain(target, level)
    frame = compress_against(base, target)
    known = Block(Codec.ZSTD_BASE, len(target), frame, (0, len(base)))
    if len(frame) >= len(plain.payload):
        return plain
    if (
        b"".join(decode_block(known, len(base), lambda offset, length: base[offset : offset + length]))
        != target
    ):
        raise AssertionError("zstd did not give back what it was given")
    return known


def _copy(offset: int, length: int, base_size: int, base: memoryview, level: Level) -> Block:
    splice = Splice()
    splice.copy(offset, length)
    return encode_splice(splice, base_size, lambda at, size: base[at - offset : at - offset + size], level)
