"""Sapwood: bit-exact patches between versions of a model's weights.

A patch knows the tensors inside the files, sends only what changed, and proves that the result is right.
"""

from importlib.metadata import version

from sapwood.errors import SapwoodError
from sapwood.formats.layout import Layout
from sapwood.formats.model import open_model
from sapwood.patch.calls import apply, compress, decompress, diff, open_patch, sign, verify
from sapwood.patch.model_stats import ModelStats, TensorStats
from sapwood.patch.patch import Patch
from sapwood.patch.signing import generate_key
from sapwood.patch.stats import stats
from sapwood.patch.tensors import apply_tensors, diff_tensors

__all__ = [
    "Layout",
    "ModelStats",
    "Patch",
    "SapwoodError",
    "TensorStats",
    "__version__",
    "apply",
    "apply_tensors",
    "compress",
    "decompress",
    "diff",
    "diff_tensors",
    "generate_key",
    "open_model",
    "open_patch",
    "sign",
    "stats",
    "verify",
]

__version__: str = version("sapwood")
