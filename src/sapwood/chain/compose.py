"""Two patches in a row -> one, without any model, where their blocks allow it.

A copy of a copy is a copy with another offset. A block that needs no base is taken as it is; one that is a
difference to a span goes to where the base has that span. Where the second patch changes what the first
changed, the bytes must be known (literals, or blocks that need no base), or a model is needed.
"""

import dataclasses
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from sapwood import _core
from sapwood.chain.recipe import Added, Coded, Copied, Given, Op, Recipe, Stash
from sapwood.codec.block import Block, Codec, read_block
from sapwood.codec.decode import decode_block
from sapwood.codec.element import Element
from sapwood.codec.encode import Level, encode_plain, encode_span
from sapwood.codec.quantised import has_term
from sapwood.codec.splice import SpliceKind, decode_splice
from sapwood.codec.varint import ByteReader
from sapwood.errors import CorruptPatch
from sapwood.patch.container import check_end, read_chunk, read_opening
from sapwood.patch.patch import Patch

__all__ = ["Piece", "composed", "splice_pieces"]

# Their span is all they read of the base.
_READ_SPAN: Final = (
    Codec.NUMERIC,
    Codec.ADAPTIVE,
    Codec.ZSTD_BASE,
    Codec.PREDICTED,
    Codec.QUANTISED,
    Codec.SCATTERED,
)
_LOW_RANK: Final = 4


class Piece(NamedTuple):
    """Of a splice: bytes (no base), a run of the base (no bytes), or differences to the base."""

    length: int
    base: int | None
    data: bytes


def splice_pieces(block: Block, base_size: int, known: Recipe) -> Iterator[Piece]:
    """What a splice says, its differences as they stand, without the base where that is possible.

    Raises:
        WrongCall: Its literals can be read only by who knows the base.
    """
    replaced: list[int] = []

    def nothing(offset: int, length: int) -> memoryview:
        # Asked for just before a literal that replaces these bytes: against zeros it stays what it is.
        replaced.append(offset)
        return memoryview(bytes(length))

    def told(offset: int, length: int) -> memoryview:
        return memoryview(known.known(offset, length))

    for piece in decode_splice(block, base_size, told if _foresees(block) else nothing):
        if isinstance(piece, tuple):
            yield Piece(piece[1], piece[0], b"")
        else:
            yield Piece(len(piece), replaced.pop() if replaced else None, piece)


def _foresees(block: Block) -> bool:
    """Whether the literals of a splice are said in words of the base."""
    reader = ByteReader(block.payload)
    if reader.byte("kind of a splice") != SpliceKind.MODELLED:
        return False
    reader.unsigned("count of runs")
    return reader.unsigned("count of literals") > 0


def composed(first: Recipe, patch: Patch, level: Level) -> Recipe:
    """What ``patch`` makes of what ``first`` makes. Its chunks are checked by their digests.

    Raises:
        WrongCall: It takes a model. CorruptPatch: The patch is damaged.
    """
    made = Recipe(first.stash, first.link + 1)
    with patch.stream() as stream:
        for block in _blocks(stream):
            for op in _ops(first, block, level):
                made.add(op)
    if made.size != patch.manifest.target.size:
        raise CorruptPatch(
            "the blocks do not make the target", expected=patch.manifest.target.size, found=made.size
        )
    return made


def _blocks(stream: BinaryIO) -> Iterator[Block]:
    """Every block of a patch, with those that make no bytes."""
    opening = read_opening(stream)
    at = opening.size
    for chunk in opening.manifest.chunks:
        reader = ByteReader(read_chunk(stream, chunk, at, opening.manifest.hash), at)
        base_position = 0
        while reader.left:
            block, base_position = read_block(reader, base_position, opening.manifest.base.size)
            yield block
        at += chunk.coded
    check_end(stream, at)


def _ops(first: Recipe, block: Block, level: Level) -> Iterator[Op]:
    if block.codec is Codec.SPLICE and not (first.is_same and _foresees(block)):
        yield from _of_splice(first, block)
        return
    if (
        block.codec is Codec.FACTORS
        or has_term(block)
        or (block.codec is Codec.PREDICTED and block.payload[1:2] and block.payload[1] & _LOW_RANK)
    ):
        raise first.needs_model("it has low-rank terms, which belong to a chunk")
    coded = _stashed(first.stash, block, block.base)
    if first.is_same or coded.stands_alone:
        yield coded
        return
    if block.codec not in _READ_SPAN or block.base is None:
        raise first.needs_model(f"a {block.codec.name} block may read any part of what it changes")
    moved = _moved(first, block, block.base)
    if moved is not None:
        yield dataclasses.replace(coded, base=(moved, block.base[1]))
        return
    if block.codec is Codec.PREDICTED:
        raise first.needs_model("a PREDICTED block changes what an earlier link changed")
    known = memoryview(first.known(*block.base))
    whole = b"".join(decode_block(block, first.size, lambda _offset, _length: known))
    anew = _encoded(block, memoryview(whole), level)
    yield _stashed(first.stash, anew, None)


def _stashed(stash: Stash, block: Block, base: tuple[int, int] | None) -> Coded:
    return Coded(block.length, block.codec, base, stash.put(block.payload), len(block.payload))


def _moved(first: Recipe, block: Block, base: tuple[int, int]) -> int | None:
    """Where the base has what a block reads; None if not in one piece."""
    found = first.one_copy(*base)
    if block.codec is Codec.PREDICTED and found is not None:
        wants = _core.predicted_wants(block.payload, block.length)
        if isinstance(wants, int):
            return None
        size, move = wants
        if move is not None and first.one_copy(base[0] + move, size) != found + move:
            return None
    return found


def _encoded(block: Block, whole: memoryview, level: Level) -> Block:
    """What a block made, once more, without a base."""
    if block.codec in (Codec.NUMERIC, Codec.ADAPTIVE, Codec.SCATTERED):
        # All begin with the element.
        return encode_span(None, 0, whole, Element(block.payload[0] & 15), level)
    return encode_plain(whole, level)


def _of_splice(first: Recipe, block: Block) -> Iterator[Op]:
    stash = first.stash
    for piece in splice_pieces(block, first.size, first):
        if piece.base is None:
            yield Given(piece.length, stash.put(piece.data))
        elif not piece.data:
            yield from first.span(piece.base, piece.length)
        else:
            at = 0
            for op in first.span(piece.base, piece.length):
                yield _changed(first, op, piece.data[at : at + op.length])
                at += op.length


def _changed(first: Recipe, op: Op, differences: bytes) -> Op:
    """An op with differences added to what it makes."""
    stash = first.stash
    match op:
        case Copied():
            return Added(op.length, op.base, stash.put(differences))
        case Added():
            return Added(op.length, op.base, stash.put(_sum(stash.get(op.at, op.length), differences)))
        case Given():
            return Given(op.length, stash.put(_sum(stash.get(op.at, op.length), differences)))
        case Coded():
            return Given(op.length, stash.put(_sum(first.content(op), differences)))


def _sum(one: bytes, other: bytes) -> bytes:
    return bytes((a + b) & 255 for a, b in zip(one, other, strict=True))
