"""Blocks of ggml come to the numbers that ggml's own package makes of them."""

import gguf
import numpy as np
import pytest

from sapwood.formats.dtype import DTYPES
from sapwood.kinship import limits
from sapwood.kinship.dequantise import DEQUANTISERS


@pytest.mark.parametrize("name", DEQUANTISERS)
def test_as_ggml_does(name: str) -> None:
    dtype = DTYPES[name]
    size = limits.RUN // dtype.block_elements * dtype.block_bytes
    rows = np.random.default_rng(1).integers(0, 256, (50, size)).astype(np.uint8)
    blocks = rows.reshape(-1, dtype.block_bytes)
    # Any bytes are a block, but for scales that are no numbers.
    for at in {"q6_k": (208,)}.get(name, (0, 2) if name[-1] in "1k" else (0,)):
        blocks[:, at : at + 2] = np.linspace(-2, 2, len(blocks), dtype=np.float16)[:, None].view(np.uint8)
    expected = gguf.quants.dequantize(rows, gguf.GGMLQuantizationType[name.upper()])
    found = DEQUANTISERS[name](rows)
    assert found.dtype == np.float32
    assert found.shape == (50, limits.RUN)
    assert np.array_equal(found, expected)
