"""How much code and memory the device's half of the link takes on Cortex-M."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.device.patches import ROOT

__all__ = ["code", "memory", "stack"]

_GROUPS: Final = {
    "frames": "link_frame",
    "session": "link_session",
    "host's stream": "link_incoming",
    "own stream": "link_outgoing",
    "crc32c": "crc32c",
}
GROUPS: Final = tuple(_GROUPS)
_ROOTS: Final = (
    *("swl_start", "swl_receive", "swl_poll", "swl_stands", "swl_opened", "swl_read", "swl_done"),
    *("swl_send", "swl_is_sending", "swl_is_idle", "swl_noise"),
)
_COMPILER: Final = "arm-none-eabi-gcc"


def _run(*command: str | Path, folder: Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout


def _compile(cpu: str, flags: Iterable[str], folder: Path) -> None:
    sources = [ROOT / "core" / "src" / f"{name}.c" for name in _GROUPS.values()]
    sources.append(ROOT / "device" / "memory.c")
    options = (*flags, f"-mcpu=cortex-{cpu}", "-fcallgraph-info=su", f"-I{ROOT / 'core' / 'include'}")
    _run(_COMPILER, *options, "-c", *sources, folder=folder)


def code(cpu: str, flags: Iterable[str], folder: Path) -> dict[str, int]:
    """Bytes of code and constants by group, as linked. What moves bytes is the engine's, and not in it."""
    _compile(cpu, flags, folder)
    wanted = [f"-Wl,-u,{root}" for root in _ROOTS]
    options = (f"-mcpu=cortex-{cpu}", "-mthumb", "-nostdlib", f"-Wl,--gc-sections,-e,{_ROOTS[0]},-Map,map")
    objects = [f"{name}.o" for name in (*_GROUPS.values(), "memory")]
    _run(_COMPILER, *options, *wanted, *objects, "-lgcc", "-o", "link.elf", folder=folder)
    linked = (folder / "map").read_text().split("Linker script and memory map")[1]
    rows = re.findall(r"^ \.(?:text|rodata)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", linked, re.MULTILINE)
    return {
        group: sum(int(size, 16) for size, path in rows if Path(path).stem == name)
        for group, name in _GROUPS.items()
    }


def stack(flags: Iterable[str], folder: Path) -> int:
    """Bytes of the deepest row of calls on a Cortex-M3, by the compiler's figures, without callbacks."""
    _compile("m3", flags, folder)
    frames: dict[str, int] = {}
    calls: defaultdict[str, set[str]] = defaultdict(set)
    for name in (*_GROUPS.values(), "memory"):
        graph = (folder / f"{name}.ci").read_text()
        frames |= {
            title: int(size)
            for title, size in re.findall(r'node: { title: "([^"]+)" label: "[^"]*\\n(\d+) bytes', graph)
        }
        for caller, callee in re.findall(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
            calls[caller].add(callee)

    def deepest(name: str) -> int:
        return frames.get(name, 0) + max(map(deepest, calls[name]), default=0)

    return max(map(deepest, _ROOTS))


def memory(folder: Path) -> Iterator[tuple[int, int, int]]:
    """MTU, room, and bytes of a swl_link with them, for a Cortex-M3."""
    source = folder / "link_sizes.c"
    source.write_text('#include "sapwood_link.h"\nchar link[sizeof(swl_link)];\n')
    for mtu, room in ((64, 64), (128, 128), (256, 256), (256, 1024), (1024, 1024)):
        options = ("-mcpu=cortex-m3", "-mthumb", f"-I{ROOT / 'core' / 'include'}", f"-DSWL_MTU={mtu}")
        _run(_COMPILER, *options, f"-DSWL_ROOM={room}", "-c", source, "-o", "link_sizes.o", folder=folder)
        listed = _run("arm-none-eabi-nm", "-S", "link_sizes.o", folder=folder)
        yield mtu, room, int(listed.split()[1], 16)
