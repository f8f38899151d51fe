"""PyTorch's side of a state. Importing this imports PyTorch."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sapwood.errors import BadData

__all__ = ["torch_device", "torch_dtype", "torch_size", "torch_view"]

_DEVICE = re.compile(r"[a-z]{2,16}(:[0-9]{1,4})?")


def torch_view(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """A tensor over the array's own memory, which must not be written to if the array is read-only."""
    kind = torch_dtype(array.dtype.name)
    if array.size == 0:
        return torch.empty(array.shape, dtype=kind)
    with warnings.catch_warnings():
        # That it is read-only is known: load_state_dict copies out of it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        plain = torch.from_numpy(array.reshape(-1).view(np.uint8))
    return plain.view(kind).reshape(array.shape)


def torch_dtype(name: str) -> torch.dtype:
    """The element type of that name."""
    kind = getattr(torch, str(name), None)
    if not isinstance(kind, torch.dtype):
        raise BadData("PyTorch has no such element type", found=ascii(name))
    return kind


def torch_size(sizes: Sequence[int]) -> torch.Size:
    """A shape."""
    return torch.Size(sizes)


def torch_device(name: object) -> torch.device:
    """A device, which need not be there."""
    if not isinstance(name, str) or not _DEVICE.fullmatch(name):
        raise BadData("not the name of a device", found=ascii(name))
    return torch.device(name)
