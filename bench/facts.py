"""What a run ran on: processor, system and the versions of everything compared. Names no machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.peers import PEERS


def machine() -> dict[str, str]:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", info.read_text()) if info.exists() else None
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Installed versions by package, and by "NAME program" for programs, or "not installed"."""
    found = {"python": platform.python_version()}
    packages = {peer.package.split(".", maxsplit=1)[0] for peer in PEERS} | {"sapwood", "numpy"}
    for package in sorted(packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    for program, option in (("zstd", "--version"), ("xdelta3", "-V")):
        found[f"{program} program"] = "not installed"
        if shutil.which(program):
            done = subprocess.run([program, option], check=False, capture_output=True, text=True)
            numbers = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
            found[f"{program} program"] = numbers[0] if numbers else "unknown"
    return found
