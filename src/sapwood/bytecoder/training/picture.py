"""The curves of a training as a picture: held-out bits a byte by step, a line for each level."""

from collections.abc import Sequence
from typing import Final

from sapwood.bytecoder.level import Level
from sapwood.bytecoder.picture import saved
from sapwood.bytecoder.training.run import Point

__all__ = ["picture"]

_COLORS: Final = {Level.LIVE: "tab:blue", Level.DEFAULT: "tab:green", Level.MAX: "tab:red"}


def picture(curve: Sequence[Point], kind: str) -> bytes:
    """The picture's bytes, of a kind that ``check_kind`` gave."""
    from matplotlib.figure import Figure  # noqa: PLC0415  it is optional, and takes long to import

    sizes = sorted({point.size for point in curve})
    figure = Figure(figsize=(4.5 * max(1, len(sizes)), 4), layout="constrained")
    for axis, size in zip(figure.subplots(1, max(1, len(sizes)), squeeze=False)[0], sizes, strict=False):
        for level in Level:
            points = [point for point in curve if (point.level, point.size) == (level, size)]
            steps, bits = [point.step for point in points], [point.bits for point in points]
            axis.plot(steps, bits, marker=".", color=_COLORS[level], label=level.name.lower())
        axis.set_title(f"held-out messages of {size} bytes")
        axis.set_xlabel("steps of training the weights")
        axis.set_ylabel("bits a byte, the mean of all kinds")
        axis.grid(alpha=0.3)
        axis.legend()
    return saved(figure, kind)
