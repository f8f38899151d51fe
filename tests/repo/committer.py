"""Commits FOLDER NAME COUNT times, and says each commit's digest once it is acknowledged."""

import os
import sys

import numpy as np

from sapwood.repo.repository import Repository


def main() -> None:
    folder, name, count = sys.argv[1:]
    with Repository(folder) as repo:
        for i in range(int(count)):
            values = np.random.default_rng([i, os.getpid()]).standard_normal(20_000).astype(np.float32)
            digest = repo.commit({"w": values}, f"{name} {i}", file=f"{name}.safetensors")
            sys.stdout.write(digest + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
