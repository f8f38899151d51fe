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
        torch.save({name: torch.from_numpy(a.copy()) for name, a in arrays.items()}, folder / f"{version}.pt")
