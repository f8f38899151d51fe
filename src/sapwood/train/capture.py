"""A training state taken out of the hands of the training: documents and arrays that stay as they are."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from sapwood.errors import WrongCall
from sapwood.patch.tensors import as_array
from sapwood.train.values import Json, pack

__all__ = ["Captured", "State", "capture"]

State = Mapping[str, Any]
"""Parts of a state by name: ``{"model": model.state_dict(), "optimizer": ..}``."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What is to be committed.

    Attributes:
        documents: What ``sapwood.train.values.pack`` made of each part.
        arrays: The arrays of each part that has any, by part and name.
    """

    documents: dict[str, Json] = field(default_factory=dict)
    arrays: dict[str, dict[str, npt.NDArray[Any]]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for arrays in self.arrays.values() for array in arrays.values())


def capture(state: State, *, copy: bool = True) -> Captured:
    """Take a state. With ``copy`` it does not change when training goes on; tensors come to the CPU.

    Tensors that share their memory are copied once.

    Raises:
        WrongCall: A value has no type that a checkpoint keeps, or a part no usable name; named.
    """
    taken = Captured()
    copies: dict[object, npt.NDArray[Any]] = {}
    for part, value in state.items():
        if not str(part).isidentifier():
            raise WrongCall("the name of a part of a state is no plain word", found=ascii(part))
        arrays: dict[str, npt.NDArray[Any]] = {}

        def keep(
            name: str, array: Any, part: str = part, arrays: dict[str, npt.NDArray[Any]] = arrays
        ) -> None:
            arrays[name] = _taken(array, f"{part}.{name}", copies if copy else None)

        taken.documents[part] = pack(value, part, keep)
        if arrays:
            taken.arrays[part] = arrays
    return taken


def _taken(array: Any, name: str, copies: dict[object, npt.NDArray[Any]] | None) -> npt.NDArray[Any]:
    torch = sys.modules.get("torch")
    key: object
    if torch is not None and isinstance(array, torch.Tensor):
        if array.layout is not torch.strided or array.device.type == "meta":
            raise WrongCall(f"{name!r} is not a dense tensor with values", found=str(array.layout))
        array = array.detach()
        key = (array.data_ptr(), array.dtype, tuple(array.shape), array.stride(), array.device)
        if copies is None:
            return as_array(array.cpu(), name)
        if key not in copies:
            copies[key] = as_array(array.to("cpu", copy=True), name)
        return copies[key]
    if copies is None:
        return as_array(array, name)
    key = (array.__array_interface__["data"][0], array.dtype, array.shape, array.strides)
    if key not in copies:
        copies[key] = as_array(array.copy(), name)
    return copies[key]
