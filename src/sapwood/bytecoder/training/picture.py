"""The curves of a training as a picture: held-out bits a byte by step, a line for each level."""

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from sapwood.bytecoder.level import Level
from sapwood.bytecoder.training.run import Point
from sapwood.errors import MissingDependency, WrongCall

__all__ = ["check_kind", "picture"]

_FORMATS: Final = ("png", "svg", "pdf")
_COLORS: Final = {Level.LIVE: "tab:blue", Level.DEFAULT: "tab:green", Level.MAX: "tab:red"}


def check_kind(path: str) -> str:
    """The kind of picture that a file's suffix names, before the training takes its time.

    Raises:
        WrongCall: It names none.
        MissingDependency: matplotlib is not installed.
    """
    kind = path.rpartition(".")[2].lower()
    if kind not in _FORMATS:
        raise WrongCall("no kind of picture by this suffix", path=path, expected=", ".join(_FORMATS))
    if find_spec("matplotlib") is None:
        raise MissingDependency(
            "matplotlib is not installed", advice="Install it with: pip install 'sapwood[plot]'"
        )
    return kind


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
    out = io.BytesIO()
    # Without a date, the same numbers give the same file.
    metadata = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    figure.savefig(out, format=kind, dpi=120, metadata=metadata)
    return out.getvalue()
