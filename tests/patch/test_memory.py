"""Models larger than memory: a diff and an apply of 4 GB take less than 1 GB of their own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

GIGABYTE = 1_000_000_000
SIZE = int(os.environ.get("SAPWOOD_MEMORY_TEST_BYTES", 4 * GIGABYTE))
TENSOR = 64 << 20


def write_pair(folder: Path) -> tuple[Path, Path]:
    """Two safetensors files of bf16 tensors; the second a training step after the first."""
    count = SIZE // TENSOR
    header = {
        f"layer.{i}.weight": {
            "dtype": "BF16",
            "shape": [TENSOR // 8192, 4096],
            "data_offsets": [i * TENSOR, (i + 1) * TENSOR],
        }
        for i in range(count)
    }
    encoded = json.dumps(header).encode()
    head = len(encoded).to_bytes(8, "little") + encoded
    random = np.random.default_rng(0)
    block = (random.standard_normal(TENSOR // 2, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    changes = random.random(TENSOR // 2, np.float32) < 0.02
    paths = folder / "v1.safetensors", folder / "v2.safetensors"
    with paths[0].open("wb") as base, paths[1].open("wb") as target:
        base.write(head)
        target.write(head)
        for i in range(count):
            # Rolled: no two tensors are alike, at the price of one.
            tensor = np.roll(block, 977 * i)
            base.write(tensor.tobytes())
            target.write((tensor + np.roll(changes, 31 * i)).tobytes())
    return paths


@pytest.fixture
def large_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sapwood-memory-"))
    try:
        if shutil.disk_usage(folder).free < 4 * SIZE:
            pytest.skip(f"needs {4 * SIZE // GIGABYTE} GB free in {folder.parent}")
        yield folder
    finally:
        shutil.rmtree(folder)


def peak(code: str, *arguments: object) -> tuple[int, float]:
    """Peak of a process's own memory in bytes, without the pages of mapped files, and its seconds."""
    started = time.monotonic()
    most = 0
    with subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)]) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("RssAnon:"):
                    most = max(most, int(line.split()[1]) << 10)
            time.sleep(0.02)
    assert process.returncode == 0
    return most, time.monotonic() - started


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which only Linux has")
def test_models_larger_than_memory(large_folder: Path) -> None:
    base, target = write_pair(large_folder)
    patch, out = large_folder / "patch", large_folder / "out"
    made = peak(
        "import sapwood, sys; sapwood.diff(*sys.argv[1:], level='fast', threads=1)", base, target, patch
    )
    print(f"diff: {made[0] / 1e6:.0f} MB, {made[1]:.0f} s, patch {patch.stat().st_size / 1e6:.0f} MB")  # noqa: T201  shown by -s
    applied = peak("import sapwood, sys; sapwood.apply(*sys.argv[1:], threads=1)", base, patch, out)
    print(f"apply: {applied[0] / 1e6:.0f} MB, {applied[1]:.0f} s")  # noqa: T201
    assert subprocess.run(["cmp", str(target), str(out)], check=False).returncode == 0
    assert made[0] < GIGABYTE
    assert applied[0] < GIGABYTE
