"""How much code and memory an update takes on Cortex-M.

``python -m tests.device.thumb.size`` prints the tables; with ``--write FILE``, into that file.
"""

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from tests.device.patches import ROOT, compiles, make_pair
from tests.device.thumb import crypto_size, link_size
from tests.device.thumb.machine import DONE, Layout, build
from tests.device.thumb.sweep import IN_PLACE, SLOTS, a_device

CORE: Final = ROOT / "core" / "src"
COMPILER: Final = "arm-none-eabi-gcc"
CPUS: Final = ("m0", "m3", "m4", "m7", "m33")
# The first -fno- keeps memory.c from calling itself. The others, and -fipa-pta, are worth some 240 bytes:
# they leave out what makes loops faster and code longer. One translation unit, or -flto, is worth nothing.
FLAGS: Final = (
    *("-std=c99", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections"),
    "-fno-tree-loop-distribute-patterns",
    *("-fno-move-loop-invariants", "-fno-tree-loop-im", "-fno-tree-loop-ivcanon", "-fno-tree-sink"),
    *("-fno-if-conversion", "-fno-schedule-insns2", "-fno-caller-saves", "-fipa-pta"),
    *("-fno-thread-jumps", "-fno-optimize-sibling-calls", "-fno-ssa-phiopt"),
    *("-fno-tree-dominator-opts", "-fno-inline-small-functions", "-fira-algorithm=priority"),
    "--param=max-completely-peel-times=0",
)
ROOTS: Final = ("swd_update_start", "swd_update_step", "swd_boot")
GROUPS: Final = {
    "decoder": ("device_decode", "device_model", "adaptive_model"),
    "engine": ("update", "update_boot", "update_row"),
    "manifest": ("update_manifest",),
    "journal": ("update_journal",),
    "guards": ("update_guard",),
    "memory.c": ("memory",),
}
OF: Final = {name: group for group, names in GROUPS.items() for name in names}


class Options(NamedTuple):
    """What a build can do, and the macros for it."""

    name: str
    macros: tuple[str, ...]


BUILDS: Final = (
    Options("all", ()),
    Options("integers", ("-DSWD_FLOATS=0",)),
    Options("two slots", ("-DSWD_IN_PLACE=0",)),
    Options("two slots, integers", ("-DSWD_IN_PLACE=0", "-DSWD_FLOATS=0")),
    Options("the same, no guards", ("-DSWD_IN_PLACE=0", "-DSWD_FLOATS=0", "-DSWD_GUARDS=0")),
)


def _run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def code(cpu: str, options: Options, folder: Path) -> Counter[str]:
    """Bytes of code and constants by group, as linked; what the compiler's library adds is "libgcc"."""
    flags = (*FLAGS, f"-mcpu=cortex-{cpu}", *options.macros, f"-I{ROOT / 'core' / 'include'}")
    for name in OF:
        source = ROOT / "device" / "memory.c" if name == "memory" else CORE / f"{name}.c"
        _run(COMPILER, *flags, "-c", source, "-o", folder / f"{name}.o")
    guard = () if "-DSWD_GUARDS=0" in options.macros else ("swd_guard",)
    wanted = [f"-Wl,-u,{root}" for root in (*ROOTS, *guard)]
    link = ("-nostdlib", f"-Wl,--gc-sections,-e,{ROOTS[0]},-Map,{folder / 'map'}", *wanted)
    _run(COMPILER, *flags, *link, *(folder / f"{name}.o" for name in OF), "-lgcc", "-o", folder / "elf")
    linked = (folder / "map").read_text().split("Linker script and memory map")[1]
    found: Counter[str] = Counter()
    for size, path in re.findall(
        r"^ \.(?:text|rodata)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", linked, re.MULTILINE
    ):
        found[OF.get(Path(path).stem, "libgcc")] += int(size, 16)
    return found


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = ["| " + " | ".join(head) + " |"]
    lines.append(re.sub(r"[^|]+", "---", lines[0]))
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _code_rows(folder: Path) -> Iterable[Iterable[object]]:
    for cpu in CPUS:
        for options in BUILDS:
            found = code(cpu, options, folder)
            library = found.pop("libgcc", 0)
            yield (cpu.upper(), options.name, *(found[group] for group in GROUPS), found.total(), library)


def stack(folder: Path, layout: Layout) -> int:
    """Bytes of stack of an update on a Cortex-M3, without what callbacks take."""
    pair = make_pair("my_cnn_lastlayer", folder, state=layout.state)
    device = a_device(build(folder), layout, pair)
    device.restart(device.flash, bytes(device.programmed))
    assert device.call("run_update") == DONE
    return device.stack_used()


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of a swd_update, and of one of its chunks."""
    source = folder / "sizes.c"
    source.write_text('#include "sapwood_device.h"\nchar a[sizeof(swd_update)], b[sizeof(swd_chunk)];\n')
    include = f"-I{ROOT / 'core' / 'include'}"
    _run(COMPILER, "-mcpu=cortex-m3", "-mthumb", include, "-c", source, "-o", folder / "sizes.o")
    listed = _run("arm-none-eabi-nm", "-S", folder / "sizes.o")
    found = {line.split()[3]: int(line.split()[1], 16) for line in listed.splitlines()}
    return found["a"], found["b"]


def _memory_rows(folder: Path) -> Iterable[Iterable[object]]:
    update, _ = sizes(folder)
    for name, layout in (("two slots", SLOTS), ("in place", IN_PLACE)):
        for state in (512, 2048):
            deepest = stack(folder, dataclasses.replace(layout, state=state))
            yield name, state, update, deepest, state + update + deepest


def _crypto_rows(folder: Path) -> Iterable[Iterable[object]]:
    for cpu in CPUS:
        found = crypto_size.code(cpu, folder)
        yield cpu.upper(), *(found[group] for group in crypto_size.GROUPS)


def _link_rows(folder: Path) -> Iterable[Iterable[object]]:
    for cpu in CPUS:
        found = link_size.code(cpu, FLAGS, folder)
        yield cpu.upper(), *(found[group] for group in link_size.GROUPS), sum(found.values())


def report(folder: Path) -> str:
    """All tables, as a page of the documentation."""
    version = _run(COMPILER, "-dumpversion").strip()
    _, chunk = sizes(folder)
    link_stack = link_size.stack(FLAGS, folder)
    head = ("processor", "build", *GROUPS, "sum", "libgcc")
    roots = ", ".join(f"`{root}`" for root in ROOTS)
    return f"""# What an update takes on a device

Made by `make device-size`, with {COMPILER} {version}.

## Code

Bytes of code and constants as linked with `--gc-sections`, from {roots} and
`swd_guard`. `memory.c` is there for who has no libc. Crypto is the platform's, and not in it.
"two slots" is `SWD_IN_PLACE=0`, "integers" `SWD_FLOATS=0`, "no guards" `SWD_GUARDS=0`. Compiled with

    {" ".join(FLAGS)}

{_table(head, _code_rows(folder))}
## Memory

Bytes, on a Cortex-M3: the decoder's state, a `swd_update`, and the stack as measured while a model was
updated (painted before, in Unicorn), without what callbacks take. A chunk more or less (`SWD_CHUNKS`, 2 here)
is {chunk} bytes. At boot, `swd_boot` needs no state, and a `swd_update` on the stack.

{_table(("layout", "state", "swd_update", "stack", "sum"), _memory_rows(folder))}
## Crypto

Bytes of code and constants of what the engine asks for by callbacks, in the port for QEMU's boards: SHA-256
and Ed25519 (with its SHA-512) of libsodium, AES-CMAC of LibTomCrypt, which takes keys of AES-128 and AES-256
alike. Compiled at -Os as their authors publish them; each with what it takes of newlib and libgcc. A part
with such hardware takes less. A device needs SHA-256, and one of the others if it checks signatures.

{_table(("processor", *crypto_size.GROUPS), _crypto_rows(folder))}
## The link

Bytes of code and constants of the device's half of the link ([LINK.md](LINK.md)), all functions of
`sapwood_link.h`, compiled as above. It stands beside the engine and uses nothing of it but `memory.c`.

{_table(("processor", *link_size.GROUPS, "sum"), _link_rows(folder))}
Its memory is a `swl_link`, and on a Cortex-M3 {link_stack} bytes of stack in the deepest row of calls (by the
compiler's figures for each function), without what callbacks take.

{_table(("SWL_MTU", "SWL_ROOM", "swl_link"), link_size.memory(folder))}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if shutil.which(COMPILER) is None or not compiles("#include <string.h>", "-c", compiler=COMPILER):
        sys.exit("no compiler for Cortex-M: apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    with tempfile.TemporaryDirectory() as folder:
        text = report(Path(folder))
    sys.stdout.write(text)
    if arguments.write:
        arguments.write.write_text(text)


if __name__ == "__main__":
    main()
