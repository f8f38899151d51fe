"""How much code the crypto of device/ports/cortex_m takes, which the engine asks for by callbacks."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.device.patches import ROOT

__all__ = ["GROUPS", "code"]

_PORT: Final = ROOT / "device" / "ports" / "cortex_m"
_OUT: Final = ROOT / "build" / "cortex_m"
_BOARDS: Final = {
    "m0": "microbit",
    "m3": "mps2-an385",
    "m4": "mps2-an386",
    "m7": "mps2-an500",
    "m33": "mps2-an505",
}
_ROOTS: Final = {
    "SHA-256": ("digest_start", "digest_add", "digest_end"),
    "Ed25519": ("is_signed",),
    "AES-CMAC": ("has_mac",),
}
GROUPS: Final = tuple(_ROOTS)


def code(cpu: str, folder: Path) -> dict[str, int]:
    """Bytes of code and constants by algorithm, as linked, with what each takes of newlib and libgcc."""
    made = folder / "crypto.o"
    _OUT.mkdir(parents=True, exist_ok=True)
    options = (f"BOARD={_BOARDS[cpu]}", f"OUT={_OUT}", f"CRYPTO={made}", f"PYTHON={sys.executable}")
    _run("make", "--silent", "-C", _PORT, "crypto", f"MAC_KEY={'00' * 16}", *options)
    found = {}
    for name, roots in _ROOTS.items():
        linked = folder / "crypto.elf"
        wanted = [f"-Wl,-u,{root}" for root in roots]
        link = ("-nostartfiles", "--specs=nano.specs", f"-Wl,--gc-sections,-e,{roots[0]}", *wanted)
        _run("arm-none-eabi-gcc", f"-mcpu=cortex-{cpu}", "-mthumb", *link, made, "-o", linked)
        text, data = _run("arm-none-eabi-size", linked).splitlines()[1].split()[:2]
        found[name] = int(text) + int(data)
    return found


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
