"""What the pictures of this package share: the kinds of file, and a figure's bytes."""

import io
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from sapwood.errors import MissingDependency, WrongCall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_kind", "saved"]

_FORMATS: Final = ("png", "svg", "pdf")


def check_kind(path: str) -> str:
    """The kind of picture that a file's suffix names, before the work takes its time.

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


def saved(figure: "Figure", kind: str) -> bytes:
    """The picture's bytes, of a kind that ``check_kind`` gave."""
    out = io.BytesIO()
    # Without a date, the same numbers give the same file.
    metadata = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    figure.savefig(out, format=kind, dpi=120, metadata=metadata)
    return out.getvalue()
