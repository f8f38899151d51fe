"""SPLICE blocks: runs of the base and literals in turn (SPEC, "Codec 1").

Small ones are said in binary decisions, each foreseen by a model of what the base has there and of what came
before (core/src/splice_walk.h). In others the payload is one compressed stream that holds, column after
column: the number of runs; the literals before each; where each begins, relative to the end of the last plus
the literals between (0 where bytes were replaced); the length of each; then all literals. Columns of like
numbers compress better than rows.

There, literals before a run that begins where they would end in the base (the third column is 0) replace base
bytes: they are given as differences to them, modulo 256, for tables whose offsets all moved alike.
"""

import dataclasses
import enum
import lzma
from collections.abc import Callable, Iterator
from typing import Any, Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.refusal import refused
from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.codec.zstandard_frames import compress, decompress
from sapwood.errors import CorruptPatch

__all__ = [
    "MOST_CONTENT",
    "MOST_MODELLED",
    "MOST_RUNS",
    "Splice",
    "SpliceKind",
    "decode_splice",
    "encode_splice",
    "encode_splice_as",
]

ReadBase = Callable[[int, int], memoryview]

MOST_CONTENT: Final = 2 * MAX_BLOCK
"""Bytes of runs and literals together, before compression."""

MOST_RUNS: Final = 1 << 16
"""Runs of one splice."""

MOST_MODELLED: Final = _core.MOST_MODELLED
"""Literals of a splice whose content is modelled, in bytes."""


class SpliceKind(enum.IntEnum):
    """How the content of a splice is coded."""

    ZSTD = 0
    LZMA = 1
    PLAIN = 2
    MODELLED = 3


# So little is not worth a compressor's time.
_PLAIN_TO: Final = 24
# The model takes some 3 us a literal, both ways; by level.
_MODELLED_TO: Final = (4 << 10, 64 << 10, 256 << 10)
# LZMA is some 12 % smaller than zstd on tables of zip files and flatbuffers; the model a fifth smaller still.
_LZMA_TO: Final = 256 << 10
# Runs shorter than these are not worth their numbers: between literals that replace base bytes, and far from
# where the runs around them lie.
_SHORT_INSIDE: Final = 8
_SHORT_ASTRAY: Final = 20
# Raw LZMA1 without header; lc 0, lp 0, pb 0 suit short tables. Part of the format.
_FILTERS: Final[list[dict[str, Any]]] = [
    {"id": lzma.FILTER_LZMA1, "dict_size": MOST_CONTENT, "lc": 0, "lp": 0, "pb": 0, "preset": 9}
]
_ADVICE: Final = "Fetch the patch again, or make it anew."


@dataclasses.dataclass
class Splice:
    """A splice under construction: ``runs`` of (literals before, base offset, length), and all literals."""

    runs: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)
    literals: bytearray = dataclasses.field(default_factory=bytearray)
    open_literals: int = 0
    length: int = 0

    def copy(self, offset: int, length: int) -> None:
        """Go on with ``length`` bytes of the base."""
        self.length += length
        if self.runs and self.open_literals == 0:
            before, start, size = self.runs[-1]
            if start + size == offset:
                self.runs[-1] = (before, start, size + length)
                return
        self.runs.append((self.open_literals, offset, length))
        self.open_literals = 0

    def literal(self, data: bytes | bytearray | memoryview) -> None:
        """Go on with bytes given."""
        self.length += len(data)
        self.open_literals += len(data)
        self.literals += data


def _add(data: bytes | bytearray | memoryview, base: memoryview, sign: int) -> bytes:
    return bytes((a + sign * b) & 255 for a, b in zip(data, base, strict=True))


def _columns(splice: Splice, read_base: ReadBase) -> bytes:
    """The content of kinds 0 to 2."""
    content = bytearray()
    put_unsigned(content, len(splice.runs))
    for before, _, _ in splice.runs:
        put_unsigned(content, before)
    end = at = 0
    literals = bytearray(splice.literals)
    for before, offset, length in splice.runs:
        move = offset - end - before
        put_signed(content, move)
        if move == 0 and before:
            literals[at : at + before] = _add(literals[at : at + before], read_base(end, before), -1)
        at += before
        end = offset + length
    for _, _, length in splice.runs:
        put_unsigned(content, length)
    return bytes(content + literals)


def _without_short_runs(splice: Splice, read_base: ReadBase) -> Splice:
    """The same with runs as literals that are cheaper so: the model foresees much of what the base holds."""
    kept = Splice()
    at = 0
    ends = [0, *(offset + length for _, offset, length in splice.runs)]
    moves = [offset - before - end for (before, offset, _), end in zip(splice.runs, ends, strict=False)]
    for i, (before, offset, length) in enumerate(splice.runs):
        kept.literal(splice.literals[at : at + before])
        at += before
        last = i + 1 == len(moves)
        inside = moves[i] == 0 and not last and moves[i + 1] == 0
        astray = moves[i] not in (0, -before) and (last or moves[i + 1] != 0)
        if length < (_SHORT_INSIDE if inside else _SHORT_ASTRAY if astray else 0):
            kept.literal(read_base(offset, length))
        else:
            kept.copy(offset, length)
    kept.literal(splice.literals[at:])
    return kept


def _modelled(splice: Splice, base_size: int, read_base: ReadBase) -> bytes | None:
    splice = _without_short_runs(splice, read_base)
    coded = _core.encode_splice(splice.runs, splice.literals, base_size, read_base)
    if coded is None:
        return None
    payload = bytearray([SpliceKind.MODELLED])
    put_unsigned(payload, len(splice.runs))
    put_unsigned(payload, len(splice.literals))
    return bytes(payload + coded)


def _packed(content: bytes, kind: SpliceKind) -> bytes:
    payload = bytearray([kind])
    if kind is SpliceKind.ZSTD:
        return bytes(payload + compress(content, 19))
    if kind is SpliceKind.LZMA:
        put_unsigned(payload, len(content))
        return bytes(payload + lzma.compress(content, format=lzma.FORMAT_RAW, filters=_FILTERS))
    return bytes(payload + content)


def encode_splice_as(kind: SpliceKind, splice: Splice, base_size: int, read_base: ReadBase) -> Block | None:
    """The block of a splice in one kind; None if there is too much for the model."""
    if kind is SpliceKind.MODELLED:
        payload = _modelled(splice, base_size, read_base)
    else:
        payload = _packed(_columns(splice, read_base), kind)
    return None if payload is None else Block(Codec.SPLICE, splice.length, payload)


def encode_splice(splice: Splice, base_size: int, read_base: ReadBase, level: int) -> Block:
    """The block of a splice: the smallest of the kinds that ``level`` has time for."""
    content = _columns(splice, read_base)
    payloads = [_packed(content, SpliceKind.PLAIN)]
    if len(content) > _PLAIN_TO:
        payloads.append(_packed(content, SpliceKind.ZSTD))
    if len(content) <= _MODELLED_TO[level]:
        modelled = _modelled(splice, base_size, read_base)
        payloads += [] if modelled is None else [modelled]
    if _PLAIN_TO < len(content) <= _LZMA_TO:
        payloads.append(_packed(content, SpliceKind.LZMA))
    return Block(Codec.SPLICE, splice.length, min(payloads, key=len))


def _content(reader: ByteReader, kind: int) -> bytes:
    if kind == SpliceKind.ZSTD:
        return decompress(reader.take(reader.left, "splice"), MOST_CONTENT)
    if kind == SpliceKind.PLAIN and reader.left <= MOST_CONTENT:
        return bytes(reader.take(reader.left, "splice"))
    if kind != SpliceKind.LZMA:
        raise reader.error("unknown kind of a splice", expected="0 to 3", found=kind)
    size = reader.unsigned("size of a splice")
    if size > MOST_CONTENT:
        raise reader.error("a splice is too large", expected=MOST_CONTENT, found=size)
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_FILTERS)
    try:
        content = decoder.decompress(reader.take(reader.left, "splice"), max_length=size)
        rest = b"" if decoder.eof or decoder.needs_input else decoder.decompress(b"", max_length=1)
    except lzma.LZMAError as error:
        raise CorruptPatch(f"LZMA stream is damaged: {error}", advice=_ADVICE) from error
    if len(content) != size or rest or not decoder.eof or decoder.unused_data:
        raise CorruptPatch(
            "LZMA stream has another size than it says", expected=size, found=len(content), advice=_ADVICE
        )
    return content


def _read_runs(reader: ByteReader, block_length: int, base_size: int) -> list[tuple[int, int, int, bool]]:
    """Runs as (literals before, base offset, length, whether the literals are differences)."""
    count = reader.unsigned("count of runs")
    if count > MOST_RUNS or count * 3 > reader.left:
        raise reader.error("more runs than a splice can hold", expected=f"at most {MOST_RUNS}", found=count)
    befores = [reader.unsigned("literal length") for _ in range(count)]
    moves = [reader.signed("base offset") for _ in range(count)]
    lengths = [reader.unsigned("run length") for _ in range(count)]
    if sum(befores) > reader.left or reader.left + sum(lengths) != block_length:
        raise CorruptPatch(
            "splice makes another length than its block says",
            expected=block_length,
            found=reader.left + sum(lengths),
            advice=_ADVICE,
        )
    runs = []
    end = 0
    for before, move, length in zip(befores, moves, lengths, strict=True):
        offset = end + before + move
        end = offset + length
        if offset < 0 or length == 0 or end > base_size:
            raise reader.error(
                "run reaches outside the base", expected=f"within {base_size}", found=(offset, length)
            )
        runs.append((before, offset, length, move == 0))
    return runs


def _replay(
    runs: list[tuple[int, int, int, bool]], literals: ByteReader, read_base: ReadBase
) -> Iterator[bytes | tuple[int, int]]:
    for before, offset, length, replaces in runs:
        if before:
            data = literals.take(before, "literals")
            yield _add(data, read_base(offset - before, before), 1) if replaces else bytes(data)
        yield offset, length
    if literals.left:
        yield bytes(literals.take(literals.left, "literals"))


def _read_modelled(
    reader: ByteReader, block: Block, base_size: int, read_base: ReadBase
) -> tuple[list[tuple[int, int, int, bool]], bytes]:
    runs = reader.unsigned("count of runs")
    literals = reader.unsigned("count of literals")
    payload = reader.take(reader.left, "splice")
    found = _core.decode_splice(payload, block.length, runs, literals, base_size, read_base)
    if isinstance(found, int):
        raise refused(block, found)
    return [(before, offset, length, False) for before, offset, length in found[0]], found[1]


def decode_splice(block: Block, base_size: int, read_base: ReadBase) -> Iterator[bytes | tuple[int, int]]:
    """The pieces of a splice in order: literal bytes, or (offset, length) of the base.

    Raises:
        CorruptPatch: Damaged, out of the base, or of another length than the block says.
    """
    reader = ByteReader(block.payload)
    kind = reader.byte("kind of a splice")
    if kind == SpliceKind.MODELLED:
        runs, literals = _read_modelled(reader, block, base_size, read_base)
        yield from _replay(runs, ByteReader(literals), read_base)
        return
    content = ByteReader(_content(reader, kind))
    yield from _replay(_read_runs(content, block.length, base_size), content, read_base)
