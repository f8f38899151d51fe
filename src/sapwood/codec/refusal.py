"""What the core's decoders answer, as an error."""

from typing import Final

from sapwood.codec.block import Block
from sapwood.errors import CorruptPatch

__all__ = ["refused"]

# By sw_status (core/include/sapwood.h).
_REASONS: Final = {
    -1: "ends too early or holds bytes left over",
    -2: "has a header field out of range",
    -3: "does not end in the state it must end in",
    -4: "needs more of the base than there is",
    -5: "does not go with the right factor of its chunk",
}


def refused(block: Block, status: int) -> CorruptPatch:
    """The error for a block that a decoder refused with a negative status."""
    return CorruptPatch(
        f"{block.codec.name} block {_REASONS.get(status, 'is damaged')}",
        advice="Fetch the patch again, or make it anew.",
    )
