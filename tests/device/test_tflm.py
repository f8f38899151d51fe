"""A model out of updated flash does in TensorFlow Lite Micro what the target file does."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.device.patches import PAIRS, make_pair

runtime = pytest.importorskip("tflite_micro", reason="the extra 'tflm' is not installed").runtime


def outputs(model: bytes) -> list[bytes]:
    """For a few random inputs."""
    interpreter = runtime.Interpreter.from_bytes(model)
    details = interpreter.get_input_details(0)
    chance = np.random.default_rng(7)
    made = []
    for _ in range(5):
        values = chance.integers(-128, 128, size=details["shape"])
        interpreter.set_input(values.astype(details["dtype"]), 0)
        interpreter.invoke()
        made.append(interpreter.get_output(0).tobytes())
    return made


@pytest.mark.parametrize("name", PAIRS)
def test_the_updated_model_runs(program: Path, tmp_path: Path, name: str) -> None:
    pair = make_pair(name, tmp_path)
    flash, out = tmp_path / "flash.bin", tmp_path / "out.tflite"
    for arguments in (("--provision", pair.base, "--size", "1048576"), (pair.patch,), ("--extract", out)):
        subprocess.run([program, flash, *arguments], check=True)
    new, old = outputs(pair.target.read_bytes()), outputs(pair.base.read_bytes())
    assert outputs(out.read_bytes()) == new
    assert new != old
