"""A block and the base -> target bytes."""

from collections.abc import Callable, Iterator
from typing import Final

from sapwood import _core
from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.refusal import refused
from sapwood.codec.splice import decode_splice
from sapwood.codec.zstandard_frames import decompress, decompress_against
from sapwood.errors import CorruptPatch

__all__ = ["BaseReader", "Room", "decode_block", "decode_factors"]

BaseReader = Callable[[int, int], memoryview]
"""Bytes of the base by offset and length."""

Room = Callable[[int], memoryview]
"""Writable memory of a length, of any content: where a block's bytes go."""


def _new_room(length: int) -> memoryview:
    return memoryview(bytearray(length))


_DECODERS: Final = {
    Codec.NUMERIC: _core.decode_numeric,
    Codec.ADAPTIVE: _core.decode_adaptive,
    Codec.DEVICE: _core.decode_device,
    Codec.SCATTERED: _core.decode_scattered,
}


def _elements(block: Block, base: memoryview | None, factors: _core.Factors | None, room: Room) -> memoryview:
    out = room(block.length)
    if block.codec is Codec.QUANTISED:
        status = _core.decode_quantised(block.payload, base, factors, out)
    else:
        status = _DECODERS[block.codec](block.payload, base, out)
    if status != 0:
        raise refused(block, status)
    return out


def _predicted(
    block: Block, base_size: int, read_base: BaseReader, factors: _core.Factors | None, room: Room
) -> memoryview:
    wants = _core.predicted_wants(block.payload, block.length)
    if isinstance(wants, int):
        raise refused(block, wants)
    size, move = wants
    start, length = block.base if block.base is not None else (0, 0)
    second = None
    if move is not None:
        if not 0 <= start + move <= base_size - size:
            raise CorruptPatch(
                "PREDICTED block reaches outside the base",
                expected=f"within {base_size}",
                found=(start + move, size),
                advice="Fetch the patch again, or make it anew.",
            )
        second = read_base(start + move, size)
    out = room(block.length)
    status = _core.decode_predicted(block.payload, read_base(start, length), second, factors, out)
    if status != 0:
        raise refused(block, status)
    return out


def decode_factors(block: Block, before: _core.Factors | None) -> _core.Factors:
    """The chunk's right factor after a FACTORS block.

    Raises:
        CorruptPatch: The payload is damaged, or goes beyond the limits.
    """
    factors = _core.decode_factors(block.payload, before)
    if isinstance(factors, int):
        raise refused(block, factors)
    return factors


def _whole(
    block: Block, base: memoryview | None, factors: _core.Factors | None, room: Room
) -> bytes | memoryview:
    match block.codec:
        case Codec.STORED:
            return block.payload
        case Codec.ZSTD:
            return decompress(block.payload, MAX_BLOCK)
        case Codec.ZSTD_BASE:
            return decompress_against(base if base is not None else b"", block.payload)
        case _:
            return _elements(block, base, factors, room)


def decode_block(
    block: Block,
    base_size: int,
    read_base: BaseReader,
    factors: _core.Factors | None = None,
    room: Room = _new_room,
) -> Iterator[bytes | memoryview]:
    """The block's bytes in pieces of at most MAX_BLOCK. ``factors`` is the right factor of its chunk so far.

    A piece may lie in what ``room`` gave, which is asked once at most.

    Raises:
        CorruptPatch: The payload is damaged or makes another length than the block says.
    """
    if block.codec is Codec.SPLICE:
        for piece in decode_splice(block, base_size, read_base):
            if isinstance(piece, bytes):
                yield piece
                continue
            offset, length = piece
            for start in range(offset, offset + length, MAX_BLOCK):
                yield read_base(start, min(MAX_BLOCK, offset + length - start))
        return
    if block.codec is Codec.PREDICTED:
        yield _predicted(block, base_size, read_base, factors, room)
        return
    span = (0, base_size) if block.codec is Codec.DEVICE else block.base
    out = _whole(block, read_base(*span) if span is not None else None, factors, room)
    if len(out) != block.length:
        raise CorruptPatch(
            f"{block.codec.name} block makes another length than it says",
            expected=block.length,
            found=len(out),
            advice="Fetch the patch again, or make it anew.",
        )
    yield out
