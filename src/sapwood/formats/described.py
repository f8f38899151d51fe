"""A tensor that one file of a model describes and another one holds."""

from dataclasses import dataclass

from sapwood.formats.layout import Tensor

__all__ = ["Described"]


@dataclass(frozen=True, slots=True)
class Described:
    """``length`` bytes at ``offset`` of the file ``location``, a path from the describing file's folder."""

    location: str
    offset: int
    length: int
    tensor: Tensor
