"""Real models, the patches between them for devices, and what tests of devices need of this machine."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import sapwood

ROOT: Final = Path(__file__).parents[2]
MODELS: Final = ROOT / "bench" / "corpus" / "tflite"
PAIRS: Final = (
    "my_cnn_lastlayer",
    "my_cnn_ft_lr1e-5x1",
    "my_cnn_retrain",
    "my_mlp_ft_lr1e-5x1",
    "f32_mlp_lr1e-5x1",
)


class Pair(NamedTuple):
    """Two versions of a model, and the patch from the one to the other."""

    base: Path
    target: Path
    patch: Path


def make_pair(name: str, folder: Path, *, state: int = 2048, counter: int = 1) -> Pair:
    """The pair of that name, in MODELS if it has no folder of its own; its patch goes into ``folder``."""
    base, target = (MODELS / f"{name}.{age}.tflite" for age in ("old", "new"))
    patch = folder / f"{Path(name).name}-{state}-{counter}.swpatch"
    sapwood.diff(base, target, patch, profile="device", state=state, version_counter=counter)
    return Pair(base, target, patch)


def need(program: str, package: str) -> None:
    """Skip the test, by name, where a program is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is missing (Debian package: {package})")


def compiles(includes: str, *flags: str, compiler: str = "cc") -> bool:
    """Whether a C file with these includes can be compiled and, for this machine, linked."""
    command = [compiler, "-xc", "-", "-o", "/dev/null", *flags]
    source = f"{includes}\nint main(void) {{ return 0; }}\n"
    return subprocess.run(command, input=source.encode(), capture_output=True, check=False).returncode == 0


def need_arm_compiler() -> None:
    """Skip the test, by name, where the compiler for Cortex-M or its library is missing."""
    need("arm-none-eabi-gcc", "gcc-arm-none-eabi")
    if not compiles("#include <string.h>", "-c", compiler="arm-none-eabi-gcc"):
        pytest.skip("string.h for arm-none-eabi-gcc is missing (Debian package: libnewlib-arm-none-eabi)")
