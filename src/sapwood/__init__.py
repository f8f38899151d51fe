"""Sapwood: bit-exact patches between versions of a model's weights.

A patch knows the tensors inside the files, sends only what changed, and proves that the result is right.
"""

from importlib.metadata import version

from sapwood.errors import SapwoodError
from sapwood.formats.layout import Layout
from sapwood.formats.model import open_model
from sapwood.patch.patch import Patch, apply, compress, decompress, diff, open_patch, sign, verify

__all__ = [
    "Layout",
    "Patch",
    "SapwoodError",
    "__version__",
    "apply",
    "compress",
    "decompress",
    "diff",
    "open_model",
    "open_patch",
    "sign",
    "verify",
]

__version__: str = version("sapwood")
