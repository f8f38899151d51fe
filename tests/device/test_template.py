"""The template of a port compiles for the smallest part, and holds no more than it says."""

import subprocess
from pathlib import Path

from tests.device.patches import ROOT, need_arm_compiler

TEMPLATE = ROOT / "device" / "ports" / "template"


def test_the_template_compiles(tmp_path: Path) -> None:
    need_arm_compiler()
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", "-std=c99", "-Os"]
    command += [
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
        f"-I{ROOT / 'core' / 'include'}",
        f"-I{ROOT / 'device'}",
    ]
    subprocess.run([*command, "-c", TEMPLATE / "port.c", "-o", tmp_path / "port.o"], check=True)


def test_the_manual_names_every_result() -> None:
    header = (ROOT / "core" / "include" / "sapwood_device.h").read_text()
    results = header[header.index("typedef enum") : header.index("} swd_result")]
    manual = (ROOT / "docs" / "DEVICE.md").read_text()
    named = [line.split()[:3] for line in results.splitlines() if line.strip().startswith("SWD_")]
    assert len(named) == 14
    for name, _, value in named:
        number = int(value.rstrip(","))
        assert f"| {name} {number} | {1 - number if number < 0 else number} |" in manual
