"""The network of examples/models in PyTorch, for makers that convert it: ``writer(arrays)``."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from bench.formats.weights import Arrays

_SCRIPT = Path(__file__).parents[2] / "examples" / "models" / "make_models.py"
# What the f32 pair was made with.
_WIDTH, _LAYERS, _HEADS = 64, 6, 4


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_models", _SCRIPT)
    if spec is None or spec.loader is None:
        raise ImportError(name="make_models")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def writer(arrays: Arrays) -> Any:
    """The transformer with these weights, ready to infer."""
    network = _script().Writer(_WIDTH, _LAYERS, _HEADS)
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    return network.eval()


def example() -> Any:
    """One input: a row of characters' codes."""
    return torch.arange(32).reshape(1, 32)
