"""The row of blocks that an object is stored as, each of at most 1 MiB and decoded by itself.

The blocks are those of a patch (SPEC, "Blocks"), but each record tells where its base begins in the base
object, not relative to the record before: blocks are read in any order. No digests stand between them: the
object's own covers them all.
"""

import bisect

from sapwood.codec.block import Block, Codec, put_head, read_block
from sapwood.codec.decode import BaseReader, decode_block
from sapwood.codec.varint import ByteReader
from sapwood.errors import BadData, DamagedStore

__all__ = ["BlockRow", "decode", "needs_base", "record_head"]


def needs_base(block: Block) -> bool:
    """Whether a block reads the base object."""
    return block.base is not None or block.codec is Codec.SPLICE


def record_head(block: Block) -> bytes:
    """What stands before a block's payload."""
    head = bytearray()
    put_head(head, block, 0)
    return bytes(head)


class BlockRow:
    """The blocks of a stored object, parsed but not decoded."""

    def __init__(self, payload: memoryview, length: int, base_size: int | None) -> None:
        """Parse the records of an object of ``length`` bytes; ``base_size`` is None without a base.

        Raises:
            DamagedStore: They are damaged, or make another length.
        """
        self.base_size = base_size or 0
        self.blocks: list[Block] = []
        self.starts = [0]
        reader = ByteReader(payload)
        try:
            while reader.left:
                block, _ = read_block(reader, 0, self.base_size)
                if base_size is None and needs_base(block):
                    raise DamagedStore("an object without a base has blocks that need one")
                self.blocks.append(block)
                self.starts.append(self.starts[-1] + block.length)
        except BadData as error:
            raise _damaged(error) from error
        if self.starts[-1] != length:
            raise DamagedStore("blocks make another length", expected=length, found=self.starts[-1])

    def covering(self, offset: int, length: int) -> range:
        """Numbers of the blocks that hold a span."""
        first = bisect.bisect_right(self.starts, offset) - 1
        return range(first, bisect.bisect_left(self.starts, offset + length))


def decode(block: Block, base_size: int, read_base: BaseReader, out: memoryview) -> None:
    """A block's bytes into ``out``, which is as long.

    Raises:
        DamagedStore: The block is damaged.
    """
    at = 0
    try:
        for piece in decode_block(block, base_size, read_base, room=lambda _length: out):
            if piece is not out:
                out[at : at + len(piece)] = piece
            at += len(piece)
    except DamagedStore:
        raise
    except BadData as error:
        raise _damaged(error) from error
    except ValueError as error:
        raise DamagedStore("a block makes more than it says") from error
    if at != len(out):
        raise DamagedStore("a block makes another length than it says", expected=len(out), found=at)


def _damaged(error: BadData) -> DamagedStore:
    return DamagedStore(
        f"a stored block is damaged: {error.message}", expected=error.expected, found=error.found
    )
