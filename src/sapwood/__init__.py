"""Sapwood: bit-exact patches between versions of a model's weights.

A patch knows the tensors inside the files, sends only what changed, and proves that the result is right.
Importing this package loads nothing heavy; the work is in ``formats``, ``codec`` and ``patch``.
"""

from importlib.metadata import version

__all__ = ["__version__"]

__version__: str = version("sapwood")
