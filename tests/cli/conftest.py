from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save_file

from sapwood.cli.main import main


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``sapwood`` in this process."""

    def command(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Ran(left.value.code, captured.out, captured.err)

    return command


class Pair(NamedTuple):
    """Two versions of a model, and a folder to write to."""

    base: Path
    target: Path
    folder: Path


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Two small safetensors files; the folder is the working folder."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(64, 32)).astype(np.float32)
    bias = np.zeros(32, np.float16)
    changed = weights.copy()
    changed[::2] *= np.float32(1.001)
    save_file({"layers.0.weight": weights, "layers.0.bias": bias}, tmp_path / "v1.safetensors")
    save_file({"layers.0.weight": changed, "layers.0.bias": bias}, tmp_path / "v2.safetensors")
    monkeypatch.chdir(tmp_path)
    return Pair(tmp_path / "v1.safetensors", tmp_path / "v2.safetensors", tmp_path)
