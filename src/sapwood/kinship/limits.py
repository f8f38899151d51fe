"""How much a sketch samples, and what a saved one may claim. The first five are part of its version."""

from typing import Final

GROUP: Final = 64
"""Values of which one wins."""

GROUPS: Final = 4
"""Groups of one run: neighbours, so that a page of the file tells of all of them."""

RUN: Final = GROUP * GROUPS
"""Values of one run."""

RUNS: Final = 512
"""Runs of a whole model, shared among its tensors; 256 bytes (int8) to 2 KiB (f64) of the file each."""

MAX_TENSOR_RUNS: Final = 256
"""Runs of one tensor."""

LEAST_RUNS: Final = 2
"""Runs of one tensor that has them, however small its part of the model."""

MAX_TENSORS: Final = 2048
"""Tensors of a sketch: of more, the largest."""

MAX_RUNS: Final = LEAST_RUNS * MAX_TENSORS + RUNS
"""Runs of a sketch, whatever is in it."""

MAX_SAVED: Final = 1 << 20
"""Bytes of a saved fingerprint."""

MAX_DATABASE_MODELS: Final = 1 << 20
"""Models of a database: their signatures are compared in memory, 512 bytes each."""
