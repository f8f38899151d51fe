"""A training state as tensors and typed JSON. There is no pickle: what has no type here is refused.

A state is a tree of dicts, lists and tuples with arrays and plain values at its ends. Arrays go to files of
tensors, and where each stood the JSON says so. Type by type:

    None, bool, int, str, list      as JSON
    float, complex                  {"float": "0x1.8p+1"}, {"complex": [.., ..]}: hexadecimal, exact, inf and
    nan too bytes                           {"bytes": base64} tuple, torch.Size               {"tuple": [..]},
    {"size": [..]} dict, OrderedDict, Counter      {"dict": [[key, value], ..]}, {"ordered": ..}, {"counter":
    ..} defaultdict                     refused: its factory is code array of NumPy or PyTorch       {"numpy":
    [name, dtype, shape]}, {"torch": ..} scalar of NumPy                 {"scalar": [dtype, base64 of its
    bytes]} torch.dtype, torch.device       {"dtype": "bfloat16"}, {"device": "cuda:0"}
"""

import base64
import binascii
import collections
import math
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from sapwood.errors import BadData, WrongCall
from sapwood.patch.array_types import ARRAY_TYPES

__all__ = ["Json", "pack", "unpack"]

Json = Any
"""What the ``json`` module reads and writes."""

MAX_DEPTH: Final = 64
_DICTS: Final[dict[type, str]] = {
    dict: "dict",
    collections.OrderedDict: "ordered",
    collections.Counter: "counter",
}
_DICT_TYPES: Final = {name: kind for kind, name in _DICTS.items()}


def pack(value: object, name: str, keep: Callable[[str, Any], None]) -> Json:
    """A state as JSON; ``keep`` is given each array that has elements, with its name.

    Args:
        value: The state.
        name: Of the state. An array is named by the keys that lead to it, with dots: ``state.0.exp_avg``.
        keep: Called with names relative to the state, each once, and NumPy or PyTorch arrays.

    Raises:
        WrongCall: Something in it has no type that a checkpoint keeps; named.
    """
    return _Packer(name, keep).pack(value, ())


def unpack(document: Json, fetch: Callable[[str], Any], *, views: bool = False) -> Any:
    """The state back, each value of its type; ``fetch`` gives a NumPy array by its name.

    With ``views`` tensors of PyTorch lie over the fetched arrays' memory: to write to one of a read-only
    array ends the process. Without, each has its own.

    Raises:
        BadData: The document is none that ``pack`` makes, or an array is not as it says.
    """
    return _unpack(document, fetch, views, MAX_DEPTH)


class _Packer:
    def __init__(self, name: str, keep: Callable[[str, Any], None]) -> None:
        self._name, self._keep = name, keep
        self._names: set[str] = set()

    def pack(self, value: object, path: tuple[str, ...]) -> Json:
        if len(path) > MAX_DEPTH:
            raise WrongCall(f"{self._at(path[:3])} is nested too deeply", expected=MAX_DEPTH)
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return {"float": value.hex()}  # type: ignore[attr-defined]
        if kind is complex:
            return {"complex": [value.real.hex(), value.imag.hex()]}  # type: ignore[attr-defined]
        if kind is bytes:
            return {"bytes": base64.b64encode(value).decode()}  # type: ignore[arg-type]
        if kind is list:
            return self._items(value, path)
        if kind is tuple:
            return {"tuple": self._items(value, path)}
        if kind in _DICTS:
            return {_DICTS[kind]: self._pairs(value, path)}
        if isinstance(value, np.ndarray):
            return {"numpy": self._array(value, value.dtype.name, path)}
        if isinstance(value, np.generic):
            if value.dtype.name not in ARRAY_TYPES:
                raise self._refused(value, path)
            return {"scalar": [value.dtype.name, base64.b64encode(value.tobytes()).decode()]}
        return self._of_torch(value, path)

    def _of_torch(self, value: Any, path: tuple[str, ...]) -> Json:
        torch = sys.modules.get("torch")
        if torch is None:
            raise self._refused(value, path)
        if type(value) is torch.Size:
            return {"size": list(value)}
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if type(value) in (torch.Tensor, torch.nn.Parameter):
            return {"torch": self._array(value, str(value.dtype).removeprefix("torch."), path)}
        raise self._refused(value, path)

    def _items(self, values: Any, path: tuple[str, ...]) -> list[Json]:
        return [self.pack(value, (*path, str(place))) for place, value in enumerate(values)]

    def _pairs(self, values: Any, path: tuple[str, ...]) -> list[list[Json]]:
        pairs = []
        for key, value in values.items():
            if type(key) not in (str, int, bool, float, tuple, type(None)):
                raise self._refused(key, path, "a key that is a")
            inner = (*path, str(key))
            pairs.append([self.pack(key, (*path, "key")), self.pack(value, inner)])
        return pairs

    def _array(self, array: Any, dtype: str, path: tuple[str, ...]) -> list[Json]:
        if dtype not in ARRAY_TYPES:
            raise self._refused(array, path)
        name = ".".join(path) or "value"
        while name in self._names:  # "a.b" and "a" with "b" in it
            name += "'"
        self._names.add(name)
        if math.prod(array.shape):
            self._keep(name, array)
        return [name, dtype, list(array.shape)]

    def _refused(self, value: object, path: tuple[str, ...], what: str = "a") -> WrongCall:
        kind = type(value)
        told = getattr(value, "dtype", None)
        return WrongCall(
            f"{self._at(path)} is {what} {kind.__module__}.{kind.__qualname__}"
            f"{'' if told is None else f' of {told}'}, which no checkpoint keeps",
            advice="Leave it out, or turn it into numbers, texts and arrays.",
        )

    def _at(self, path: tuple[str, ...]) -> str:
        return repr(".".join((self._name, *path)))


def _unpack(document: Json, fetch: Callable[[str], Any], views: bool, depth: int) -> Any:
    if depth == 0:
        raise BadData("a state is nested too deeply", expected=MAX_DEPTH)
    if document is None or type(document) in (bool, int, str):
        return document
    if type(document) is list:
        return [_unpack(item, fetch, views, depth - 1) for item in document]
    if type(document) is not dict or len(document) != 1:
        raise BadData("not a value of a state", found=ascii(document)[:80])
    ((kind, told),) = document.items()
    try:
        return _typed(kind, told, fetch, views, depth)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, binascii.Error) as error:
        raise BadData(f"not a value of type {kind!r}", found=ascii(told)[:80]) from error


def _typed(kind: str, told: Json, fetch: Callable[[str], Any], views: bool, depth: int) -> Any:
    if kind == "float":
        return float.fromhex(told)
    if kind == "complex":
        real, imaginary = told
        return complex(float.fromhex(real), float.fromhex(imaginary))
    if kind == "bytes":
        return base64.b64decode(told, validate=True)
    if kind == "tuple":
        return tuple(_unpack(item, fetch, views, depth - 1) for item in told)
    if kind in _DICT_TYPES:
        pairs = (
            (_unpack(key, fetch, views, depth - 1), _unpack(value, fetch, views, depth - 1))
            for key, value in told
        )
        return _DICT_TYPES[kind](dict(pairs))
    if kind == "scalar":
        dtype, data = told
        return np.frombuffer(base64.b64decode(data, validate=True), ARRAY_TYPES[dtype], 1)[0]
    if kind == "numpy":
        return _array(told, fetch)
    return _torch_value(kind, told, fetch, views)


def _torch_value(kind: str, told: Json, fetch: Callable[[str], Any], views: bool) -> Any:
    if kind not in ("torch", "size", "dtype", "device"):
        raise BadData("not a type of value", found=kind)
    from sapwood.train.torch_views import torch_device, torch_dtype, torch_size, torch_view  # noqa: PLC0415  it brings torch

    if kind == "size":
        return torch_size(told)
    if kind == "dtype":
        return torch_dtype(told)
    if kind == "device":
        return torch_device(told)
    tensor = torch_view(_array(told, fetch))
    return tensor if views else tensor.clone()


def _array(told: Json, fetch: Callable[[str], Any]) -> Any:
    name, dtype, shape = told
    shape = tuple(int(size) for size in shape)
    if dtype not in ARRAY_TYPES or any(size < 0 for size in shape):
        raise BadData(f"array {name!r} is of no known form", found=(dtype, shape))
    if math.prod(shape) == 0:
        return np.empty(shape, ARRAY_TYPES[dtype])
    array = fetch(name)
    if array.dtype != ARRAY_TYPES[dtype] or array.shape != shape:
        raise BadData(
            f"array {name!r} is not as its state says",
            expected=(dtype, shape),
            found=(array.dtype.name, array.shape),
        )
    return array
