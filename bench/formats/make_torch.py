"""Write .pt with torch: ``python -m bench.formats.make_torch FOLDER``."""

import sys
from pathlib import Path

from bench.formats import weights

try:
    import torch
except ImportError as error:
    weights.missing(error)

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version, arrays in weights.versions(folder):
        state = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        torch.save(state, folder / f"{version}.pt")
        torch.save(state, folder / f"{version}-legacy.pt", _use_new_zipfile_serialization=False)
