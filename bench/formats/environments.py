"""Environments for makers whose packages are not installed here: one each, made once, by pip."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

PACKAGES: Final = {
    "make_coreml": ("coremltools", "numpy"),
    "make_executorch": ("executorch", "torch==2.13.0", "safetensors"),
    "make_flax": ("flax",),
    "make_hdf5": ("h5py",),
    "make_keras": ("keras", "torch==2.13.0"),
    "make_mxnet": ("mxnet==1.9.1", "numpy<1.24"),
    "make_openvino": ("openvino", "torch==2.13.0", "safetensors"),
    "make_paddle": ("paddlepaddle",),
    "make_tensorflow": ("tensorflow-cpu",),
    "make_tensorrt_rtx": ("tensorrt-rtx", "numpy"),
}
"""What each maker takes that ``make bench`` does not install."""

VARIABLES: Final = {"KERAS_BACKEND": "torch"}
"""What makers are told unless the caller's environment says otherwise."""


def python_of(maker: str, folder: Path) -> tuple[str, str]:
    """The interpreter with a maker's packages, and why there is none; either is ""."""
    place = (folder / maker).absolute()
    python = place / "bin" / "python"
    # An environment of other packages, or one that was cut short, is made anew.
    complete, packages = place / "complete", "\n".join(PACKAGES[maker])
    if complete.exists() and complete.read_text() == packages:
        return str(python), ""
    print(f"installing {', '.join(PACKAGES[maker])} for {maker}", file=sys.stderr, flush=True)
    venv.create(place, with_pip=True, clear=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[maker]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        return "", f"{' and '.join(PACKAGES[maker])} cannot be installed: {last}"
    complete.write_text(packages)
    return str(python), ""
