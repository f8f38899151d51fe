"""SPLICE blocks: runs of the base and literals in turn (SPEC, "Codec 1").

The payload is one zstd frame holding: the number of runs; for each the literals before it, its offset in
the base relative to the end of the last one, and its length; then all literals.
"""

import dataclasses
from collections.abc import Iterator

from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.varint import ByteReader, put_signed, put_unsigned
from sapwood.codec.zstandard_frames import compress, decompress
from sapwood.errors import CorruptPatch

__all__ = ["MOST_CONTENT", "Splice", "decode_splice", "encode_splice"]

# Decoded size of the frame: runs and literals together.
MOST_CONTENT = 2 * MAX_BLOCK


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


def encode_splice(splice: Splice) -> Block:
    """The block of a splice."""
    content = bytearray()
    put_unsigned(content, len(splice.runs))
    end = 0
    for before, offset, length in splice.runs:
        put_unsigned(content, before)
        put_signed(content, offset - end)
        put_unsigned(content, length)
        end = offset + length
    content += splice.literals
    return Block(Codec.SPLICE, splice.length, compress(bytes(content), 19))


def decode_splice(block: Block, base_size: int) -> Iterator[bytes | tuple[int, int]]:
    """The pieces of a splice in order: literal bytes, or (offset, length) of the base.

    Raises:
        CorruptPatch: Damaged, out of the base, or of another length than the block says.
    """
    reader = ByteReader(decompress(block.payload, MOST_CONTENT))
    count = reader.unsigned("count of runs")
    if count * 3 > reader.left:
        raise reader.error("more runs than the splice can hold", found=count)
    runs = []
    end = 0
    total = 0
    for _ in range(count):
        before = reader.unsigned("literal length")
        offset = end + reader.signed("base offset")
        length = reader.unsigned("run length")
        end = offset + length
        total += before + length
        if offset < 0 or end > base_size:
            raise reader.error("run reaches outside the base", expected=f"within {base_size}", found=(offset, length))
        runs.append((before, offset, length))
    literal_bytes = reader.left
    if total - sum(r[2] for r in runs) > literal_bytes or literal_bytes + sum(r[2] for r in runs) != block.length:
        raise CorruptPatch(
            "splice makes another length than its block says",
            expected=block.length,
            found=literal_bytes + sum(r[2] for r in runs),
            advice="Fetch the patch again, or make it anew.",
        )
    for before, offset, length in runs:
        if before:
            yield bytes(reader.take(before, "literals"))
        if length:
            yield offset, length
    if reader.left:
        yield bytes(reader.take(reader.left, "literals"))
