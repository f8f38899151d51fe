"""A thousand commits of one model of 20 MB: ``python -m bench.repository FOLDER``.

Makes the repository in FOLDER where there is none, with 104 tensors in bf16 of which each commit changes 0.6
% of the elements by an ulp or two, as a step of reinforcement learning does. Then each command is run in a
process of its own, and its time told, start included: the least and the median of several.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import ml_dtypes
import numpy as np

from sapwood.repo.repository import Repository

TENSORS, ELEMENTS = 104, 96_154
CHANGED = 0.006


def make(folder: Path, commits: int) -> None:
    random = np.random.default_rng(0)
    model = {
        f"layers.{i:03}.weight": random.standard_normal(ELEMENTS, np.float32).astype(ml_dtypes.bfloat16)
        for i in range(TENSORS)
    }
    started = time.monotonic()
    with Repository.init(folder) as repo:
        for number in range(commits):
            repo.commit(model, f"Step {number}", metrics={"loss": 1 / (1 + number)})
            for array in model.values():
                bits = array.view(np.int16)
                places = random.integers(0, ELEMENTS, int(ELEMENTS * CHANGED))
                bits[places] += random.integers(-2, 3, len(places), np.int16)
        repo.restore([repo.path / "model.safetensors"])
    print(f"{commits} commits in {time.monotonic() - started:.0f} s")


def run(folder: Path, *command: str, times: int) -> None:
    seconds = []
    for _ in range(times):
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "sapwood", *command], cwd=folder, check=True, capture_output=True
        )
        seconds.append(time.monotonic() - started)
    print(f"{' '.join(command):<40} least {min(seconds):.3f} s, median {statistics.median(seconds):.3f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commits", type=int, default=1000)
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    if not (options.folder / ".sapwood").exists():
        make(options.folder, options.commits)
    stored = sum(path.stat().st_size for path in (options.folder / ".sapwood").rglob("*") if path.is_file())
    print(f"{stored / 1e6:.1f} MB stored")
    for command in (
        ["--version"],
        ["status"],
        ["log", "--oneline"],
        ["log"],
        ["log", "--oneline", "--graph", "-n", "20"],
        ["log", "--metric", "loss", "--best", "--smallest", "-n", "5"],
        ["diff", "--stat", "HEAD~500", "HEAD"],
        ["diff", "HEAD~1", "HEAD"],
        ["diff"],
    ):
        run(options.folder, *command, times=options.times)
    for revision in ("HEAD", f"HEAD~{options.commits - 1}"):
        for _ in range(3):
            (options.folder / "model.safetensors").unlink()
            run(options.folder, "restore", "--source", revision, "model.safetensors", times=1)


if __name__ == "__main__":
    main()
