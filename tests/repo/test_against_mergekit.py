"""Every strategy against mergekit, where it is installed."""

import subprocess
from pathlib import Path
from typing import Any, Final

import ml_dtypes
import numpy as np
import pytest

from tests.repo.mergekit_comparison import PYTHON, STRATEGIES, compared

# mergekit computes the differences of DARE in float32 even for float64 tensors.
_DARES: Final = ("dare", "dare_elect")
_FLOAT32_STEP: Final = 2.0**-21


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [np.float32, np.float64, ml_dtypes.bfloat16, np.float16], ids=lambda kind: kind.__name__
)
def test_every_strategy_does_as_mergekit_does(kind: Any, tmp_path: Path) -> None:
    asked = subprocess.run([PYTHON, "-c", "import mergekit, torch"], capture_output=True, check=False)
    if asked.returncode:
        pytest.skip("mergekit is not installed; SAPWOOD_MERGEKIT_PYTHON may name a Python that has it")
    draw = np.random.default_rng(1)
    base = draw.normal(size=(200, 300))
    sides = [base + 0.25 * draw.normal(size=base.shape) for _ in range(2)]
    found = list(compared(tmp_path, *(tensor.astype(kind) for tensor in (base, *sides))))
    assert [name for name, *_ in found] == list(STRATEGIES)
    two_steps = float(ml_dtypes.finfo(kind).eps) * 8  # type: ignore[no-untyped-call]  # values lie below 8
    for name, _, draws, others in found:
        assert draws < 0.01 * base.size, name
        # They divide where we multiply, and sum in another order.
        assert others <= (_FLOAT32_STEP if kind == np.float64 and name in _DARES else two_steps), name
