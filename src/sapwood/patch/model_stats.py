"""How two models differ, as numbers: what ``sapwood.stats`` returns."""

import dataclasses
import enum
import os

from sapwood.formats.layout import FormatWarning

__all__ = ["Change", "ModelStats", "TensorStats"]


class Change(enum.Enum):
    """How a tensor of the target stands to the base."""

    SAME = "same"
    CHANGED = "changed"
    MOVED = "moved"
    """Found under another name, or in another file."""
    RETYPED = "retyped"
    """The same name and shape in another type; compared by value."""
    RESIZED = "resized"
    """The same name in another size; compared as far as both go, in the order of the bytes."""
    NEW = "new"
    REMOVED = "removed"
    """In the base alone."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorStats:
    """One tensor: the target's, or the base's if it was removed.

    Attributes:
        name, file, dtype, shape: The tensor, and the path of its file in a folder ("" for a lone file).
        change: How it stands to the base.
        source: Its name in the base, where that is another.
        nbytes: Bytes it takes.
        compared: Elements with a counterpart in the base: blocks for block types, bytes for sub-byte types.
        changed: How many of those differ.
        base_rms: Root mean square of the base's elements; None where the elements are not floats.
        rms: Root mean square of the difference over ``base_rms``; None also where that is 0
            and the tensor changed.
        max: Largest difference, without its sign, over ``base_rms``.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    change: Change
    source: str
    nbytes: int
    compared: int = 0
    changed: int = 0
    base_rms: float | None = None
    rms: float | None = None
    max: float | None = None

    @property
    def changed_share(self) -> float | None:
        """Share of the compared elements that differ; None if none was compared."""
        return self.changed / self.compared if self.compared else None


@dataclasses.dataclass(frozen=True, slots=True)
class ModelStats:
    """Every tensor of the target in file order, then those only the base has."""

    tensors: tuple[TensorStats, ...]
    base_size: int
    target_size: int
    warnings: tuple[FormatWarning, ...] = ()

    @property
    def changed_share(self) -> float | None:
        """Share of all compared elements that differ; None if none was compared."""
        compared = sum(t.compared for t in self.tensors)
        return sum(t.changed for t in self.tensors) / compared if compared else None

    def count(self, change: Change) -> int:
        """How many tensors stand so to the base."""
        return sum(t.change is change for t in self.tensors)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw the change by layer and role into a PNG, SVG or PDF, by the name's suffix; needs matplotlib.

        Raises:
            MissingDependency: matplotlib is not installed.
            WrongCall: The suffix names no kind of picture, or the place cannot be written to.
        """
        from sapwood.patch.stats_plot import plot  # noqa: PLC0415  it needs matplotlib

        plot(self, path)
