"""What a walked pickle is made of: plain records instead of the objects it would build.

``None`` stands for every value that cannot lead to a tensor (numbers with a fraction, bytes, None itself).
"""

from dataclasses import dataclass, field

__all__ = ["Global", "Node", "Record", "Sequence", "StorageRef", "View"]


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function by name. It is never imported."""

    module: str
    name: str


@dataclass(eq=False, slots=True)
class Sequence:
    """A list, tuple or set."""

    items: list["Node"]


@dataclass(eq=False, slots=True)
class Record:
    """A dictionary or any object: its pairs in order, and what it was made from and given as its state."""

    pairs: list[tuple["Node", "Node"]] = field(default_factory=list)
    parts: list["Node"] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class StorageRef:
    """A torch storage by its key in the archive; ``type_name`` is the class, ``count`` its elements."""

    type_name: str
    key: str
    count: int


@dataclass(eq=False, slots=True)
class View:
    """A tensor: a view of a storage, in elements. ``dtype`` is set where the storage has none."""

    storage: StorageRef
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str | None = None


Node = None | bool | int | str | Global | Sequence | Record | StorageRef | View
