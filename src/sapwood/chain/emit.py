"""A recipe written as the blocks of a patch: all but coded blocks goes into splices, each read back."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from sapwood.chain.compose import Piece, splice_pieces
from sapwood.chain.recipe import Added, Coded, Copied, Given, Recipe, needs_model
from sapwood.codec.block import Block
from sapwood.codec.splice import Splice, SpliceKind, encode_splice_as

__all__ = ["blocks_of"]

# As in patch/assemble.py: a receiver's memory stays bounded.
_MOST_LITERALS: Final = 512 << 10
_MOST_RUNS: Final = 32 << 10
# The model would have to know the base.
_WITHOUT_BASE: Final = (SpliceKind.PLAIN, SpliceKind.ZSTD, SpliceKind.LZMA)


def blocks_of(recipe: Recipe, base_size: int) -> Iterator[Block]:
    """The blocks that say a recipe, in order.

    Raises:
        WrongCall: Bytes that replace others stand where a splice cannot say so.
    """
    open_splice = _OpenSplice(recipe, base_size)
    for i, op in enumerate(recipe.ops):
        match op:
            case Coded():
                yield from open_splice.close()
                yield op.block(recipe.stash)
            case Copied():
                yield from open_splice.copy(op.base, op.length)
            case Given():
                for at in range(0, op.length, _MOST_LITERALS):
                    size = min(_MOST_LITERALS, op.length - at)
                    yield from open_splice.literal(recipe.stash.get(op.at + at, size))
            case Added():
                after = recipe.ops[i + 1] if i + 1 < len(recipe.ops) else None
                goes_on = isinstance(after, Copied | Added) and after.base == op.base + op.length
                if not goes_on or not open_splice.can_add(op.base, op.length):
                    raise needs_model("bytes that replace others stand where a splice cannot say so")
                open_splice.add(op.base, recipe.stash.get(op.at, op.length))
    yield from open_splice.close()


class _OpenSplice:
    """A splice under construction, and the pieces that it must be read back as."""

    def __init__(self, recipe: Recipe, base_size: int) -> None:
        self._recipe = recipe
        self._base_size = base_size
        self._start()

    def _start(self) -> None:
        self._splice = Splice()
        self._pieces: list[Piece] = []
        # Where the base goes on behind the last run; literals before the next run, and whether they replace.
        self._end = 0
        self._before = 0

    def can_add(self, base: int, length: int) -> bool:
        """Whether literals given now can replace ``length`` bytes of the base from ``base`` on."""
        last = self._pieces[-1] if self._before else None
        only_such = last is None or (last.base is not None and last.length == self._before)
        return only_such and self._end + self._before == base and self._before + length <= _MOST_LITERALS

    def copy(self, base: int, length: int) -> Iterator[Block]:
        """Go on with a run of the base."""
        if self._before and self._pieces[-1].base is None and self._end + self._before == base:
            # Here a run would make the literals before it into differences.
            yield from self.close()
        full = len(self._splice.runs) >= _MOST_RUNS or len(self._splice.literals) >= _MOST_LITERALS // 2
        if full and self._before == 0:
            # Here, because differences to the base need a run before them in the same splice.
            yield from self.close()
        self._splice.copy(base, length)
        self._put(Piece(length, base, b""))
        self._end, self._before = base + length, 0

    def literal(self, data: bytes) -> Iterator[Block]:
        """Go on with bytes given."""
        if self._splice.literals and len(self._splice.literals) + len(data) > _MOST_LITERALS:
            yield from self.close()
        self._splice.literal(data)
        self._put(Piece(len(data), None, data))
        self._before += len(data)

    def add(self, base: int, differences: bytes) -> None:
        """Go on with differences to the base; a run that begins behind them must follow."""
        self._splice.literal(differences)
        self._put(Piece(len(differences), base, differences))
        self._before += len(differences)

    def _put(self, piece: Piece) -> None:
        last = self._pieces[-1] if self._pieces else None
        if last is not None and _joins(last, piece):
            self._pieces[-1] = Piece(last.length + piece.length, last.base, last.data + piece.data)
        else:
            self._pieces.append(piece)

    def _coded(self, kind: SpliceKind) -> Block | None:
        # Against zeros, differences stay what they are.
        return encode_splice_as(
            kind, self._splice, self._base_size, lambda _at, size: memoryview(bytes(size))
        )

    def close(self) -> Iterator[Block]:
        """The splice as a block, if there is one; the next op begins another."""
        if self._splice.length:
            block = min(filter(None, map(self._coded, _WITHOUT_BASE)), key=lambda block: len(block.payload))
            said = splice_pieces(block, self._base_size, self._recipe)
            if any(one != other for one, other in zip_longest(said, self._pieces)):
                raise AssertionError("a splice does not say what it was made of")
            yield block
            self._start()


def _joins(last: Piece, piece: Piece) -> bool:
    """Whether a splice does not tell two pieces apart."""
    if last.base is None or piece.base is None:
        return last.base == piece.base
    return bool(last.data) == bool(piece.data) and last.base + last.length == piece.base
