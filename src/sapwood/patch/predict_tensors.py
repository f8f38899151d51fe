"""What whole tensors tell before they are cut into jobs: the low-rank terms of their differences."""

import dataclasses
from collections.abc import Iterable, Iterator

from sapwood.codec.encode import Level
from sapwood.codec.predicted import FLOATS
from sapwood.codec.quantised import QuantisedPair
from sapwood.patch.adapter import Adapter
from sapwood.patch.byte_stream import ByteStream
from sapwood.patch.low_rank import find_low_rank
from sapwood.patch.plan import Piece
from sapwood.patch.quantised_term import find_quantised_term
from sapwood.patch.relation import Relation
from sapwood.patch.workers import Workers

__all__ = ["with_terms"]


def _with_term(
    piece: Piece, base: ByteStream, target: ByteStream, level: Level, adapter: Adapter | None
) -> Piece:
    held = piece.relation
    if piece.base is None or piece.columns == 0:
        return piece
    if isinstance(held, QuantisedPair):
        length = held.bytes_of_base(piece.length)
        old, new = base.read(piece.base, length), target.read(piece.start, piece.length)
        return dataclasses.replace(piece, relation=find_quantised_term(held, old, new, piece.columns, level))
    if piece.element not in FLOATS:
        return piece
    row = piece.columns * piece.element.width
    length = piece.length // row * row
    relation = Relation(piece.element) if held is None else held
    if length != piece.length:
        return piece
    old = base.read(piece.base, relation.bytes_of_base(length, piece.element))
    new = target.read(piece.start, length)
    elements = relation.base_element, piece.element
    known = adapter.product(piece.name, length // row, piece.columns) if adapter is not None else None
    term = find_low_rank(old, new, elements, piece.columns, level, known=known)
    if term is None:
        return piece
    return dataclasses.replace(piece, relation=dataclasses.replace(relation, term=term))


def with_terms(
    pieces: Iterable[Piece],
    base: ByteStream,
    target: ByteStream,
    level: Level,
    workers: Workers,
    *,
    adapter: Adapter | None = None,
) -> Iterator[Piece]:
    """The pieces, with low-rank terms where they pay; ``adapter``: one that may have been merged."""
    return workers.map(lambda piece: _with_term(piece, base, target, level, adapter), pieces)
