"""Patches built block by block: of chosen blocks, and not of those that diff would choose."""

import io
import random

import numpy as np
from blake3 import blake3

from sapwood import _core
from sapwood.codec.block import Block, Codec, put_block
from sapwood.codec.decode import decode_block
from sapwood.codec.element import Element
from sapwood.codec.scattered import encode_scattered
from sapwood.codec.zstandard_frames import compress, compress_against
from sapwood.patch.container import chunk_digest, opening_bytes
from sapwood.patch.manifest import Chunk, Manifest, ModelIdentity, Shape
from tests.patch import crafted

WIDTH = 4

__all__ = ["patch_of", "plain_splice", "random_patch", "scattered"]


def identity(data: bytes) -> ModelIdentity:
    return ModelIdentity(Shape.FILE, len(data), blake3(data).digest())


def patch_of(base: bytes, blocks: list[Block], per_chunk: int = 3) -> tuple[bytes, bytes]:
    """The patch of some blocks, and its target."""
    view = memoryview(base)
    target = bytearray()
    chunks, coded = [], io.BytesIO()
    for first in range(0, len(blocks), per_chunk):
        out, position, start = bytearray(), 0, len(target)
        for block in blocks[first : first + per_chunk]:
            position = put_block(out, block, position)
            for piece in decode_block(block, len(base), lambda at, size: view[at : at + size]):
                target += piece
        chunks.append(Chunk(len(target) - start, len(out), chunk_digest(bytes(out), 8)))
        coded.write(out)
    manifest = Manifest(identity(base), identity(bytes(target)), tuple(chunks), format="built")
    return opening_bytes(manifest) + coded.getvalue(), bytes(target)


def plain_splice(pieces: list[tuple[int, int] | bytes], base: bytes) -> Block:
    """A SPLICE of kind 2 of runs (offset, length) of the base and literals between them."""
    runs, literals, before, end, length = [], bytearray(), 0, 0, 0
    for piece in pieces:
        if isinstance(piece, bytes):
            literals += piece
            before += len(piece)
            length += len(piece)
            continue
        move = piece[0] - end - before
        if move == 0 and before:
            for i in range(before):
                literals[-before + i] = (literals[-before + i] - base[end + i]) % 256
        runs.append((before, move, piece[1]))
        before, end = 0, piece[0] + piece[1]
        length += piece[1]
    return Block(Codec.SPLICE, length, b"\2" + crafted.splice(runs, bytes(literals)))


def _span(dice: random.Random, size: int, most: int) -> tuple[int, int]:
    length = dice.randrange(1, min(most, size) // WIDTH + 1) * WIDTH
    return dice.randrange(0, (size - length) // WIDTH + 1) * WIDTH, length


def _moved(base: bytes, dice: random.Random) -> bytes:
    noise = np.random.default_rng(dice.randrange(1 << 30))
    values = np.frombuffer(base, np.int32)
    return (
        (values + (noise.random(len(values)) < 0.2) * noise.integers(-9, 9, len(values)))
        .astype(np.int32)
        .tobytes()
    )


def _numbers(dice: random.Random) -> bytes:
    noise = np.random.default_rng(dice.randrange(1 << 30))
    return noise.standard_normal(dice.randrange(600, 1500)).astype(np.float32).tobytes()


def _splice(base: bytes, dice: random.Random) -> Block:
    pieces: list[tuple[int, int] | bytes] = []
    for _ in range(dice.randrange(1, 6)):
        offset, length = _span(dice, len(base), 3000)
        match dice.randrange(4):
            case 0:
                pieces.append(dice.randbytes(dice.randrange(1, 60)))
            case 1:
                # Bytes replaced where the base goes on.
                gap = dice.randrange(1, 30)
                if offset + length + gap + 5 <= len(base):
                    pieces += [(offset, length), dice.randbytes(gap), (offset + length + gap, 5)]
            case _:
                pieces.append((offset, length))
    return plain_splice(pieces or [b"some"], base)


def scattered(base: bytes, offset: int, length: int, first: int = 0) -> Block:
    """A span in which the byte ``first`` and every hundredth behind it change."""
    span = base[offset : offset + length]
    few = bytearray(span)
    for at in range(first, length, 100):
        few[at] ^= 1
    coded = encode_scattered(memoryview(span), memoryview(few), Element.INT32, 1, thorough=False, always=True)
    assert coded is not None
    return Block(Codec.SCATTERED, length, coded, (offset, length))


def random_block(base: bytes, dice: random.Random) -> Block:
    """A block of any codec that stands in patches of the host, and can be one of a pair."""
    element = dice.choice([1, 2, 3, 7])
    offset, length = _span(dice, len(base), 6000)
    span = base[offset : offset + length]
    match dice.randrange(9):
        case 0:
            data = dice.randbytes(dice.randrange(1, 500))
            return Block(Codec.STORED, len(data), data)
        case 1:
            data = bytes(dice.choices(b"abcdef", k=dice.randrange(50, 900)))
            return Block(Codec.ZSTD, len(data), compress(data, 3))
        case 2:
            target = _moved(span, dice)[:2000]
            frame = compress_against(span, target)
            return Block(Codec.ZSTD_BASE, len(target), frame, (offset, length))
        case 3:
            numbers = _numbers(dice)
            coded = _core.encode_numeric(None, numbers, 7, 1)
            if coded is not None:
                return Block(Codec.NUMERIC, len(numbers), coded)
        case 4:
            target = _moved(span, dice)
            coded = _core.encode_numeric(span, target, element, 1)
            if coded is not None:
                return Block(Codec.NUMERIC, length, coded, (offset, length))
        case 5:
            target = _moved(span, dice)[:3000]
            coded = _core.encode_adaptive(span[: len(target)], target, element)
            if coded is not None:
                return Block(Codec.ADAPTIVE, len(target), coded, (offset, len(target)))
        case 6 if length >= 800:
            return scattered(base, offset, length, dice.randrange(100))
    return _splice(base, dice)


def random_patch(base: bytes, dice: random.Random) -> tuple[bytes, bytes]:
    """A patch of blocks of any kind, and its target."""
    if dice.randrange(3) == 0:
        # Mostly the base again, as most patches are.
        size = len(base) // WIDTH * WIDTH
        at = dice.randrange(0, size // WIDTH) * WIDTH
        blocks = [plain_splice([(0, at)], base)] if at else []
        blocks += [random_block(base, dice), plain_splice([(at, len(base) - at)], base)]
    else:
        blocks = [random_block(base, dice) for _ in range(dice.randrange(1, 7))]
    return patch_of(base, blocks, dice.randrange(1, 4))
