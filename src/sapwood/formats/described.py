"""A tensor that one file of a model describes and another one holds."""

from collections.abc import Callable
from dataclasses import dataclass

from sapwood.formats.layout import Tensor

__all__ = ["Described", "Find"]

Find = Callable[[str], memoryview | None]
"""The bytes of the model's file at a path from the describing file's folder; None where there is none."""


@dataclass(frozen=True, slots=True)
class Described:
    """``length`` bytes at ``offset`` of the file ``location``, a path from the describing file's folder."""

    location: str
    offset: int
    length: int
    tensor: Tensor
