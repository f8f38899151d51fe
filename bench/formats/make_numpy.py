"""Write .npz: ``python -m bench.formats.make_numpy FOLDER``."""

import sys
from pathlib import Path

import numpy as np

from bench.formats import weights

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        np.savez(folder / f"{version}.npz", allow_pickle=False, **arrays)
