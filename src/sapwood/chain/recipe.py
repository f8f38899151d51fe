"""A version as ops over an earlier one: what two patches come to when one follows the other.

An op makes the next bytes of the version: a span of the base, bytes given, differences to a span of the base,
or a coded block. No model is needed to put ops together, only to decode a block that is a difference to one.
Bytes and payloads wait in a stash, so that ops are small whatever they stand for.
"""

import bisect
import dataclasses
from collections.abc import Iterator
from typing import IO, Final

from sapwood.codec.block import Block, Codec
from sapwood.codec.decode import decode_block
from sapwood.errors import LimitExceeded, WrongCall

__all__ = ["Added", "Coded", "Copied", "Given", "Op", "Recipe", "Stash", "needs_model"]

MOST_OPS: Final = 1 << 22
"""Ops of a recipe: a few bytes of SPLICE can ask for any number."""

# These know all they need; a difference names its base.
_ALONE: Final = (Codec.STORED, Codec.ZSTD, Codec.NUMERIC, Codec.ADAPTIVE)


def needs_model(message: str) -> WrongCall:
    """The error for patches that cannot be put together: one changes what the other changed."""
    return WrongCall(
        message, advice="Give the model that the patch shall start from as base; it is then made anew."
    )


class Stash:
    """Bytes put aside, in a file that may be in memory; found again by where they were put."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size = 0

    def put(self, data: bytes | bytearray | memoryview) -> int:
        """Put bytes aside; returns where."""
        self._file.seek(self._size)
        self._file.write(data)
        at = self._size
        self._size += len(data)
        return at

    def get(self, at: int, size: int) -> bytes:
        """Bytes put aside before."""
        self._file.seek(at)
        return self._file.read(size)


@dataclasses.dataclass(frozen=True, slots=True)
class Copied:
    """``length`` bytes of the base, from ``base`` on."""

    length: int
    base: int


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """``length`` bytes that are in the stash at ``at``."""

    length: int
    at: int


@dataclasses.dataclass(frozen=True, slots=True)
class Added:
    """``length`` bytes of the base from ``base`` on, each with one of the stash added, modulo 256."""

    length: int
    base: int
    at: int


@dataclasses.dataclass(frozen=True, slots=True)
class Coded:
    """A block: ``size`` bytes of payload in the stash at ``at``; ``base`` is its span of the base."""

    length: int
    codec: Codec
    base: tuple[int, int] | None
    at: int
    size: int

    @property
    def stands_alone(self) -> bool:
        """Whether it can be decoded without a base."""
        return self.base is None and self.codec in _ALONE

    def block(self, stash: Stash) -> Block:
        """As it goes into a patch."""
        return Block(self.codec, self.length, stash.get(self.at, self.size), self.base)


Op = Copied | Given | Added | Coded


class Recipe:
    """How a version is made of the base: ops, end to end."""

    def __init__(self, stash: Stash, link: int) -> None:
        """An empty one, of what the patches up to ``link`` make."""
        self.stash = stash
        self.link = link
        self.ops: list[Op] = []
        self._starts: list[int] = []
        self.size = 0
        self._decoded: dict[int, int] = {}

    @classmethod
    def same(cls, stash: Stash, size: int) -> "Recipe":
        """The base itself."""
        recipe = cls(stash, 0)
        if size:
            recipe.add(Copied(size, 0))
        return recipe

    @property
    def is_same(self) -> bool:
        """Whether it changes nothing, so that any block may be taken as it is."""
        return all(isinstance(op, Copied) for op in self.ops) and len(self.ops) <= 1 and self.link == 0

    def add(self, op: Op) -> None:
        """Go on with an op; a copy that goes on where the last one ended becomes one with it."""
        last = self.ops[-1] if self.ops else None
        if isinstance(op, Copied) and isinstance(last, Copied) and last.base + last.length == op.base:
            self.ops[-1] = Copied(last.length + op.length, last.base)
        else:
            if len(self.ops) >= MOST_OPS:
                raise LimitExceeded("too many pieces in a version", expected=MOST_OPS)
            self.ops.append(op)
            self._starts.append(self.size)
        self.size += op.length

    def span(self, offset: int, length: int) -> Iterator[Op]:
        """Ops for a part of the version.

        Raises:
            WrongCall: A block would have to be cut that cannot be decoded without the base.
        """
        i = bisect.bisect_right(self._starts, offset) - 1
        while length > 0:
            op, skip = self.ops[i], offset - self._starts[i]
            taken = min(op.length - skip, length)
            yield op if taken == op.length else self._cut(op, skip, taken)
            offset, length, i = offset + taken, length - taken, i + 1

    def _cut(self, op: Op, skip: int, length: int) -> Op:
        match op:
            case Copied():
                return Copied(length, op.base + skip)
            case Given():
                return Given(length, op.at + skip)
            case Added():
                return Added(length, op.base + skip, op.at + skip)
            case Coded():
                return Given(length, self._content(op) + skip)

    def _content(self, op: Coded) -> int:
        """Where the stash holds the bytes of a block that needs no base."""
        if not op.stands_alone:
            raise self.needs_model(f"what a {op.codec.name} block of an earlier link makes is not known")
        # Once for each block: a patch may name the same one any number of times.
        if op.at not in self._decoded:
            pieces = decode_block(op.block(self.stash), 0, lambda _offset, _length: memoryview(b""))
            self._decoded[op.at] = self.stash.put(b"".join(pieces))
        return self._decoded[op.at]

    def content(self, op: Coded) -> bytes:
        """What a block makes, if that can be told without the base.

        Raises:
            WrongCall: It cannot.
        """
        return self.stash.get(self._content(op), op.length)

    def known(self, offset: int, length: int) -> bytes:
        """Bytes of the version that can be told without the base.

        Raises:
            WrongCall: They cannot.
        """
        out = bytearray()
        for op in self.span(offset, length):
            match op:
                case Given():
                    out += self.stash.get(op.at, op.length)
                case Coded():
                    out += self.content(op)
                case _:
                    raise self.needs_model("what an earlier link took from the base is changed")
        return bytes(out)

    def one_copy(self, offset: int, length: int) -> int | None:
        """Where the base has this part of the version in one piece; None if it has not."""
        if length == 0:
            return 0
        i = bisect.bisect_right(self._starts, offset) - 1
        op, skip = self.ops[i], offset - self._starts[i]
        return op.base + skip if isinstance(op, Copied) and skip + length <= op.length else None

    def needs_model(self, reason: str) -> WrongCall:
        """The error for a patch that comes after."""
        return needs_model(
            f"link {self.link + 1} cannot be put together with others without a model: {reason}"
        )
