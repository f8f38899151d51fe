"""Coded spans, in target order, into blocks and chunks: copies and literals are gathered into splices."""

import dataclasses
from collections.abc import Callable
from typing import Final

from sapwood._core import equal
from sapwood.codec.block import MAX_BLOCK, Block, Codec, put_head
from sapwood.codec.decode import decode_block
from sapwood.codec.encode import Level
from sapwood.codec.splice import Splice, encode_splice
from sapwood.codec.zstandard_frames import compress_against
from sapwood.patch import limits
from sapwood.patch.container import chunk_digest
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.kept_spans import KeptSpans
from sapwood.patch.manifest import Chunk

__all__ = ["Assembler"]

# A splice is closed at this many literal bytes or runs, so that a receiver's memory stays bounded.
_MOST_LITERALS: Final = 512 << 10
_MOST_RUNS: Final = 32 << 10
# A chunk may grow by this many times its last right factor, and hold so many times as many blocks with it:
# the next one would have to say it again.
_FACTOR_CHUNKS: Final = 64
_FACTOR_BLOCKS: Final = 4
# Shorter splices gain nothing from a dictionary.
_TEXT_FROM: Final = 256


@dataclasses.dataclass
class Assembler:
    """Builds the blocks of a patch; ``write`` gets the bytes of each finished chunk.

    Attributes:
        base_size: Bytes of the base's stream.
        digest_size: 32 if the patch is to be signed, else 8.
        write: Called with each chunk's bytes, in order.
        read_base: Bytes of the base by offset and length.
        read_target: Bytes of the target likewise: every splice is decoded and compared.
        target_size: Bytes of the target's stream: chunks grow with it, so that the manifest does not.
        level: How much time a splice may take.
        hash: What the digests of chunks are made by.
        kept: Parts of the target that blocks read as if they were behind the base.
    """

    base_size: int
    digest_size: int
    write: Callable[[bytes], object]
    read_base: Callable[[int, int], memoryview]
    read_target: Callable[[int, int], memoryview]
    target_size: int
    level: Level = Level.DEFAULT
    hash: HashKind = HashKind.BLAKE3
    kept: KeptSpans = dataclasses.field(default_factory=KeptSpans)
    chunks: list[Chunk] = dataclasses.field(default_factory=list)
    splice_payload: int = 0
    _splice: Splice = dataclasses.field(default_factory=Splice)
    _open: list[bytes | memoryview] = dataclasses.field(default_factory=list)
    _open_coded: int = 0
    _open_blocks: int = 0
    _open_decoded: int = 0
    _base_position: int = 0
    _target_position: int = 0
    _factors: tuple[Block, ...] = ()
    _factor_room: int = 0

    @property
    def chunk_coded(self) -> int:
        """Coded bytes at which a chunk is closed."""
        return min(max(limits.CHUNK_CODED, self.target_size >> 17), limits.MAX_CHUNK_CODED)

    @property
    def chunk_blocks(self) -> int:
        """Blocks at which a chunk is closed."""
        return max(limits.CHUNK_BLOCKS, self.target_size >> 37)

    @property
    def _visible(self) -> int:
        """Bytes of the base's stream as a block that begins here, or the open splice, sees it."""
        return self.base_size + self.kept.before(self._target_position)

    def copy(self, offset: int, length: int) -> None:
        """Go on with a span of the base."""
        if offset + length > self._visible:
            # It is what this splice makes.
            self._close_splice()
        self._splice.copy(offset, length)
        if len(self._splice.runs) >= _MOST_RUNS:
            self._close_splice()

    def literal(self, data: memoryview) -> None:
        """Go on with bytes that are like nothing."""
        for at in range(0, len(data), _MOST_LITERALS):
            part = data[at : at + _MOST_LITERALS]
            if self._splice.literals and len(self._splice.literals) + len(part) > _MOST_LITERALS:
                self._close_splice()
            self._splice.literal(part)

    def block(self, block: Block, factors: tuple[Block, ...] = ()) -> None:
        """Go on with a coded block; ``factors`` say the right factor that it needs, if it needs one."""
        self._close_splice()
        self._put(block, factors)

    def end_chunk(self) -> None:
        """The next block begins a chunk of its own."""
        self._close_splice()
        self._close_chunk()

    def finish(self) -> tuple[Chunk, ...]:
        """Close the last chunk."""
        self.end_chunk()
        return tuple(self.chunks)

    def _close_splice(self) -> None:
        if self._splice.length == 0:
            return
        block = encode_splice(self._splice, self._visible, self.read_base, self.level)
        known = self._against_base(self._splice)
        if known is not None and len(known.payload) < len(block.payload):
            block = known
        at = self._target_position
        for piece in decode_block(block, self._visible, self.read_base):
            if not equal(self.read_target(at, len(piece)), piece):
                raise AssertionError("a splice does not give back the target")
            at += len(piece)
        self.splice_payload += len(block.payload)
        self._splice = Splice()
        self._put(block)

    def _against_base(self, splice: Splice) -> Block | None:
        """Tables of a small model with its whole base as dictionary: finds what is too short for runs."""
        base_size = self._visible
        if base_size == 0 or base_size > MAX_BLOCK or not _TEXT_FROM <= splice.length <= MAX_BLOCK:
            return None
        data = self.read_target(self._target_position, splice.length)
        frame = compress_against(self.read_base(0, base_size), data)
        return Block(Codec.ZSTD_BASE, splice.length, frame, (0, base_size))

    def _put(self, block: Block, factors: tuple[Block, ...] = ()) -> None:
        if factors and factors is not self._factors:
            size = sum(len(part.payload) for part in factors)
            if self._open_coded >= self.chunk_coded or self._open_coded + size > limits.MAX_CHUNK_CODED:
                self._close_chunk()
            for part in factors:
                self._append(part)
            self._factors = factors
            self._factor_room = self._open_coded + (_FACTOR_CHUNKS - 1) * size
        self._append(block)
        self._open_blocks += 1
        self._open_decoded += block.length
        self._target_position += block.length
        most, blocks = self.chunk_coded, self.chunk_blocks
        if factors:
            most, blocks = max(most, self._factor_room), _FACTOR_BLOCKS * blocks
        if self._open_coded >= min(most, limits.MAX_CHUNK_CODED) or self._open_blocks >= blocks:
            self._close_chunk()

    def _append(self, block: Block) -> None:
        head = bytearray()
        self._base_position = put_head(head, block, self._base_position)
        self._open += (bytes(head), block.payload)
        self._open_coded += len(head) + len(block.payload)

    def _close_chunk(self) -> None:
        if not self._open:
            return
        coded = b"".join(self._open)
        digest = chunk_digest(coded, self.digest_size, self.hash)
        self.chunks.append(Chunk(self._open_decoded, len(coded), digest))
        self.write(coded)
        self._open.clear()
        self._open_coded = 0
        self._open_blocks = 0
        self._open_decoded = 0
        self._factors = ()
        # Chunks stand alone: a receiver may begin at any of them.
        self._base_position = 0
