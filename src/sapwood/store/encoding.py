"""An object's bytes -> blocks of at most 1 MiB, each coded by itself."""

from collections.abc import Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.decode import BaseReader, decode_block
from sapwood.codec.element import element_of
from sapwood.codec.encode import Level, encode_plain, encode_span
from sapwood.codec.predicted import FLOATS
from sapwood.codec.quantised import QuantisedPair, quantised_pair
from sapwood.codec.splice import Splice, encode_splice
from sapwood.codec.zstandard_frames import compress_against
from sapwood.formats.dtype import BYTES, DTYPES
from sapwood.patch.predict_job import code_related, code_scaled
from sapwood.patch.quantised_pairs import code_pair
from sapwood.patch.relation import Relation
from sapwood.store.kinds import Description, Kind
from sapwood.store.part import Part

__all__ = ["encode", "is_opaque", "parts"]

# Text is coded with its base as a dictionary up to this size: that takes some 0.3 s a MB.
_TEXT_TO: Final = 256 << 10
# Shorter bytes of no known type are text.
_OPAQUE_FROM: Final = 4 << 10


def is_opaque(description: Description, length: int, *, like: bool) -> bool:
    """Whether an object's bytes must be searched to know what they are; ``like``: whether it has a base."""
    unknown = description.kind is Kind.GLUE or description.dtype == BYTES.name
    return unknown and length >= (_TEXT_TO if like else _OPAQUE_FROM)


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
    """The parts that an object is coded in, against a base of the same kind or none.

    Of a tensor that has grown, what is behind the base's length is coded without it.
    """
    if target.kind is not Kind.TENSOR:
        like = base is not None and 0 < base_length <= _TEXT_TO and length <= _TEXT_TO
        for at in range(0, length, MAX_BLOCK):
            yield Part(at, min(MAX_BLOCK, length - at), 0 if like else None, None)
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


def encode(part: Part, target: memoryview, base_size: int, read_base: BaseReader, level: Level) -> Block:
    """One part, whose bytes are ``target``, as a block that has been decoded and compared.

    ``base_size`` and ``read_base`` are the base object's; a part that is like nothing never reads it.
    """
    if part.runs:
        return _splice(part, target, base_size, read_base, level)
    if part.base is None:
        if part.element is None:
            return encode_plain(target, level)
        return encode_span(None, 0, target, part.element, level)
    if part.element is None:
        return _text(target, read_base(0, base_size), level)
    base = read_base(part.base, part.base_length)
    if len(base) == len(target) and _core.equal(base, target):
        return _copied(part.base, len(target), base_size, read_base, level)
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
    if len(frame) >= len(plain.payload):
        return plain
    known = Block(Codec.ZSTD_BASE, len(target), frame, (0, len(base)))
    return _checked(known, target, len(base), lambda offset, length: base[offset : offset + length])


def _copied(offset: int, length: int, base_size: int, read_base: BaseReader, level: Level) -> Block:
    splice = Splice()
    splice.copy(offset, length)
    return encode_splice(splice, base_size, read_base, level)


def _splice(part: Part, target: memoryview, base_size: int, read_base: BaseReader, level: Level) -> Block:
    if all(run.base is None for run in part.runs):
        return encode_plain(target, level)
    splice = Splice()
    at = 0
    for run in part.runs:
        if run.base is None:
            splice.literal(target[at : at + run.length])
        else:
            splice.copy(run.base, run.length)
        at += run.length
    block = encode_splice(splice, base_size, read_base, level)
    return _checked(block, target, base_size, read_base)


def _checked(block: Block, target: memoryview, base_size: int, read_base: BaseReader) -> Block:
    if b"".join(decode_block(block, base_size, read_base)) != target:
        raise AssertionError("a block did not give back what it was made from")
    return block
