"""A target as a whole, without its tensors: what is cheaper where each of them costs more than it holds."""

from collections.abc import Iterable
from typing import Final

from sapwood.codec.block import MAX_BLOCK, Block, Codec
from sapwood.codec.device_segment import STATES
from sapwood.codec.encode import Level, encode_plain
from sapwood.codec.zstandard_frames import compress_against, decompress_against
from sapwood.formats.model import Model
from sapwood.patch.byte_stream import ByteStream
from sapwood.patch.device_plan import DeviceLimits, device_blocks
from sapwood.patch.plan import plan

__all__ = ["RECORD", "simpler_blocks"]

RECORD: Final = 8
"""What a chunk takes in the manifest and a block in its chunk, beside digest and payload."""

# Up to this much, a model is also tried as one DEVICE block: it takes a second for a MB.
_SEGMENTED_TO: Final = {Level.FAST: 0, Level.DEFAULT: 256 << 10, Level.MAX: MAX_BLOCK}


def simpler_blocks(old: Model, new: Model, level: Level, cost: int) -> Iterable[Block]:
    """Blocks for the target as a whole, if they take less than ``cost`` bytes; none otherwise.

    Of many tiny tensors every one may cost more as a block of its own than it holds.
    """
    base, target = ByteStream.of(old), ByteStream.of(new)
    if target.size > MAX_BLOCK:
        if cost <= target.size:
            return ()
        steps = range(0, target.size, MAX_BLOCK)
        return (encode_plain(target.read(at, min(MAX_BLOCK, target.size - at)), level) for at in steps)
    if target.size == 0:
        return ()
    found = [encode_plain(target.read(0, target.size), level)]
    if level is not Level.FAST and 0 < base.size <= MAX_BLOCK:
        found.append(_whole_file(base, target))
        if target.size <= _SEGMENTED_TO[level] and not old.is_folder:
            # It knows what no other codec does: that scales follow from other scales.
            blocks = device_blocks(plan(old, new), base, target, DeviceLimits(STATES[-1]))
            found += [coded.block for coded in blocks]
    best = min(found, key=lambda block: len(block.payload))
    return (best,) if len(best.payload) + 2 * RECORD < cost else ()


def _whole_file(base: ByteStream, target: ByteStream) -> Block:
    """A small model as one zstd frame against the whole base: what retrained small models come down to."""
    old, new = base.read(0, base.size), target.read(0, target.size)
    frame = compress_against(old, new)
    if decompress_against(old, frame) != new:
        raise AssertionError("zstd did not give back what it was given")
    return Block(Codec.ZSTD_BASE, target.size, frame, (0, base.size))
