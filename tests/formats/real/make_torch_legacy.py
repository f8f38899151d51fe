"""Make torch-legacy-{1,2}/ with torch 2.13.0: ``python -m tests.formats.real.make_torch_legacy``.

A state dict with a tied weight and part of a storage, and a checkpoint with its optimizer.
"""

from pathlib import Path

import torch

from tests.formats.real.network import arrays

HERE = Path(__file__).parent

if __name__ == "__main__":
    for version in (1, 2):
        folder = HERE / f"torch-legacy-{version}"
        folder.mkdir(exist_ok=True)
        state = {name: torch.from_numpy(array) for name, array in arrays(version).items()}
        optimizer = {"step": torch.tensor(100 + version), "moments": [state["fc1.bias"].half()]}
        state["tied"] = state["fc1.weight"]
        state["part"] = torch.arange(10)[2:5]
        state["codes"] = (state["fc2.weight"] * 100).round().to(torch.int8)
        state["brain"] = state["fc2.weight"].bfloat16()
        for name, saved in (("state.pt", state), ("checkpoint.pt", {"model": state, "optimizer": optimizer})):
            torch.save(saved, folder / name, _use_new_zipfile_serialization=False)
