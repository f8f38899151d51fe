"""SPLICE blocks: runs of the base and literals in turn (SPEC, "Codec 1").

The payload is one compressed stream that holds, column after column: the number of runs; the literals before
each; where each begins, relative to the end of the last plus the literals between (0 where bytes were
replaced); the length of each; then all literals. Columns of like numbers compress better than rows.

Literals before a run that begins where they would end in the base (the third column is 0) replace base bytes:
they are given as differences to them, modulo 256, for tables whose offsets all moved alike.
"""

import dataclasses
import lzma
from collections.abc import Callable, Iterator
from typing import Any, Final

from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.codec.zstandard_frames import compress, decompress
from sapwood.errors import CorruptPatch

__all__ = ["MOST_CONTENT", "MOST_RUNS", "Splice", "decode_splice", "encode_splice"]

ReadBase = Callable[[int, int], memoryview]

MOST_CONTENT: Final = 2 * MAX_BLOCK
"""Bytes of runs and literals together, before compression."""

MOST_RUNS: Final = 1 << 16
"""Runs of one splice."""

_ZSTD: Final = 0
_LZMA: Final = 1
_PLAIN: Final = 2
# So little is not worth a compressor's time.
_PLAIN_TO: Final = 24
# Up to this much, LZMA is tried too: some 12 % smaller on zip directories and flatbuffer tables, but slow.
_LZMA_TO: Final = 256 << 10
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

    def literal(self, data: bytes | memoryview) -> None:
        """Go on with bytes given."""
        self.length += len(data)
        self.open_literals += len(data)
        self.literals += data


def _add(data: bytes | bytearray | memoryview, base: memoryview, sign: int) -> bytes:
    return bytes((a + sign * b) & 255 for a, b in zip(data, base, strict=True))


def encode_splice(splice: Splice, read_base: ReadBase) -> Block:
    """The block of a splice."""
    content = bytearray()
    put_unsigned(content, len(splice.runs))
    for before, _, _ in splice.runs:
        put_unsigned(content, before)
    end = at = 0
    literals = splice.literals
    for before, offset, length in splice.runs:
        move = offset - end - before
        put_signed(content, move)
        if move == 0 and before:
            literals[at : at + before] = _add(literals[at : at + before], read_base(end, before), -1)
        at += before
        end = offset + length
    for _, _, length in splice.runs:
        put_unsigned(content, length)
    content += literals
    if len(content) <= _PLAIN_TO:
        return Block(Codec.SPLICE, splice.length, bytes([_PLAIN]) + bytes(content))
    payload = min(bytes([_ZSTD]) + compress(bytes(content), 19), bytes([_PLAIN]) + bytes(content), key=len)
    if len(content) <= _LZMA_TO:
        raw = bytearray([_LZMA])
        put_unsigned(raw, len(content))
        raw += lzma.compress(bytes(content), format=lzma.FORMAT_RAW, filters=_FILTERS)
        payload = min(payload, bytes(raw), key=len)
    return Block(Codec.SPLICE, splice.length, payload)


def _content(payload: bytes | memoryview) -> bytes:
    reader = ByteReader(payload)
    kind = reader.byte("kind of a splice")
    if kind == _ZSTD:
        return decompress(reader.take(reader.left, "splice"), MOST_CONTENT)
    if kind == _PLAIN and reader.left <= MOST_CONTENT:
        return bytes(reader.take(reader.left, "splice"))
    if kind != _LZMA:
        raise reader.error("unknown kind of a splice", expected="0, 1 or 2", found=kind)
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


def decode_splice(block: Block, base_size: int, read_base: ReadBase) -> Iterator[bytes | tuple[int, int]]:
    """The pieces of a splice in order: literal bytes, or (offset, length) of the base.

    Raises:
        CorruptPatch: Damaged, out of the base, or of another length than the block says.
    """
    reader = ByteReader(_content(block.payload))
    for before, offset, length, replaces in _read_runs(reader, block.length, base_size):
        if before:
            data = reader.take(before, "literals")
            yield _add(data, read_base(offset - before, before), 1) if replaces else bytes(data)
        yield offset, length
    if reader.left:
        yield bytes(reader.take(reader.left, "literals"))
