"""A sketch as bytes, and back (docs/FINGERPRINT.md, "Bytes of a sketch")."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sapwood.codec.element import Element
from sapwood.errors import BadData, LimitExceeded
from sapwood.kinship import limits
from sapwood.kinship.sketch import BLOCKS, LEARNED, NO_WINNER, RUNS, TENSORS, Sketch

__all__ = ["VERSION", "read_sketch", "write_sketch"]

VERSION: Final = 1
"""Of what is sampled, and of its bytes."""

_HEAD: Final = 8
# What a signed 64-bit offset can say, and so many values that a run's number and a tensor's fit in 64 bits.
_MOST_BYTES: Final = (1 << 63) - 1
_MOST_VALUES: Final = 1 << 59
_ELEMENTS: Final = np.isin(np.arange(256), [element.value for element in Element])


def write_sketch(sketch: Sketch) -> bytes:
    """Version, number of tensors, rows of tensors, rows of runs."""
    head = VERSION.to_bytes(4, "little") + len(sketch.tensors).to_bytes(4, "little")
    return head + sketch.tensors.tobytes() + sketch.runs.tobytes()


def read_sketch(data: bytes) -> Sketch:
    """The sketch, every number of it checked.

    Raises:
        BadData: It is cut short, or of another version, or says what no model can be.
        LimitExceeded: It is too large.
    """
    if len(data) < _HEAD:
        raise BadData("the sketch is cut short", expected=_HEAD, found=len(data))
    version, count = int.from_bytes(data[:4], "little"), int.from_bytes(data[4:_HEAD], "little")
    if version != VERSION:
        raise BadData(
            "the sketch is of another version", expected=VERSION, found=version, advice="Make it anew."
        )
    if count > limits.MAX_TENSORS:
        raise LimitExceeded("the sketch has too many tensors", expected=limits.MAX_TENSORS, found=count)
    start = _HEAD + count * TENSORS.itemsize
    if len(data) < start:
        raise BadData("the sketch is cut short", expected=start, found=len(data))
    tensors = np.frombuffer(data, TENSORS, count, _HEAD)
    sampled = int(tensors["runs"].sum(dtype=np.uint64))
    if sampled > limits.MAX_RUNS:
        raise LimitExceeded("the sketch has too many runs", expected=limits.MAX_RUNS, found=sampled)
    if len(data) != start + sampled * RUNS.itemsize:
        raise BadData(
            "the sketch has another length", expected=start + sampled * RUNS.itemsize, found=len(data)
        )
    _check(tensors)
    runs = np.frombuffer(data, RUNS, sampled, start) if sampled else np.empty(0, RUNS)
    winners = runs["winners"]
    if ((winners >= 2 * limits.GROUP) & (winners != NO_WINNER)).any():
        raise BadData("the sketch has a winner outside its group")
    return Sketch(tensors, runs)


def _check(rows: npt.NDArray[Any]) -> None:
    """That there can be tensors of which this would be told."""
    values, runs = rows["values"], rows["runs"]
    sound = (values >= 1) & (values <= _MOST_VALUES) & (rows["bytes"] <= _MOST_BYTES)
    # No type takes less than a bit for a value, so that this bounds the values by the bytes.
    sound &= values // np.uint64(8) <= rows["bytes"]
    sound &= (runs >= 1) & (runs <= np.maximum(values // np.uint64(limits.RUN), 1))
    sound &= (
        (runs <= limits.MAX_TENSOR_RUNS) & _ELEMENTS[rows["element"]] & (rows["flags"] <= LEARNED + BLOCKS)
    )
    if not sound.all():
        raise BadData("the sketch tells of a tensor that cannot be", found=f"tensor {int(np.argmin(sound))}")
