"""Instructions that the byte coder takes for a byte on AArch64, and what that means for a Raspberry Pi.

    python -m bench.bytes.instructions [--before N] [--counted N]

The coder is compiled for AArch64 with NEON (``aarch64-linux-gnu-gcc -O3``) and run by Unicorn, which tells of
each straight run of instructions. Of each test file the model has seen some bytes before those that are
counted. An instruction count does not depend on the machine; how many of them a processor does in a cycle is
an assumption, which the table names. Make the corpus first: python -m bench.bytes.corpus.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import unicorn
from unicorn import arm64_const as arm

from bench.bytes.corpus import FOLDER
from sapwood.bytecoder.level import Level
from sapwood.bytecoder.record import record_length

_ROOT: Final = Path(__file__).parents[2]
_HERE: Final = Path(__file__).parent
_SOURCES: Final = (
    *sorted(_ROOT.glob("core/src/byte_*.c")),
    _ROOT / "core/host/byte_neon.c",
    _HERE / "instructions.c",
)
_FLAGS: Final = (
    *("-std=c99", "-O3", "-DNDEBUG", "-ffp-contract=off", "-fno-tree-loop-distribute-patterns"),
    *("-static", "-nostdlib", "-Wl,--build-id=none", "-Wl,-N", "-Wl,-e,run_learn"),
    *(f"-I{_ROOT}/core/{folder}" for folder in ("include", "src", "host")),
)
_CODE, _MODEL, _WINDOW, _PAYLOAD, _STACK = 0x10000, 0x1000000, 0x4000000, 0x5000000, 0x6000000
_ROOM: Final = 1 << 20
_MODEL_ROOM: Final = 0x3000000
_RETURN: Final = 0x8000


class Processor(NamedTuple):
    """A board, its clock in Hz, and how many instructions it is taken to do in a cycle, from and to."""

    name: str
    clock: float
    least: float
    most: float


# Three wide and four wide, out of order. The coder waits for memory and for what it foresaw wrong, as on a
# Zen 3 (six wide), where it does about two in a cycle.
PROCESSORS: Final = (
    Processor("Raspberry Pi 4, Cortex-A72, 1.5 GHz", 1.5e9, 0.8, 1.2),
    Processor("Raspberry Pi 4, Cortex-A72, 1.8 GHz", 1.8e9, 0.8, 1.2),
    Processor("Raspberry Pi 5, Cortex-A76, 2.4 GHz", 2.4e9, 1.3, 2.0),
)


@dataclass(frozen=True)
class Program:
    """Its bytes, as they lie from ``_CODE`` on, and where its functions are."""

    code: bytes
    at: dict[str, int]


def build(folder: Path) -> Program:
    """Compile and link it."""
    out, plain = folder / "program", folder / "program.bin"
    command = [
        "aarch64-linux-gnu-gcc",
        *_FLAGS,
        f"-Wl,-Ttext={_CODE:#x}",
        *map(str, _SOURCES),
        "-o",
        str(out),
    ]
    subprocess.run(command, check=True)
    subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", str(out), str(plain)], check=True)
    names = subprocess.run(["aarch64-linux-gnu-nm", str(out)], check=True, capture_output=True, text=True)
    rows = (line.split() for line in names.stdout.splitlines())
    return Program(plain.read_bytes(), {row[2]: int(row[0], 16) for row in rows if len(row) == 3})


class Machine:
    """An AArch64 with the program, a model, a window and a payload in its memory."""

    def __init__(self, program: Program) -> None:
        self._at = program.at
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        self._uc.mem_map(0, _MODEL)
        self._uc.mem_map(_MODEL, _MODEL_ROOM)
        for address in (_WINDOW, _PAYLOAD, _STACK):
            self._uc.mem_map(address, _ROOM)
        self._uc.mem_write(_CODE, program.code)
        # NEON is off until it is asked for.
        self._uc.reg_write(arm.UC_ARM64_REG_CPACR_EL1, 3 << 20)

    def call(self, name: str, *arguments: int) -> int:
        """What the function returns."""
        for number, value in enumerate(arguments):
            self._uc.reg_write(arm.UC_ARM64_REG_X0 + number, value)
        self._uc.reg_write(arm.UC_ARM64_REG_SP, _STACK + _ROOM)
        self._uc.reg_write(arm.UC_ARM64_REG_LR, _RETURN)
        self._uc.emu_start(self._at[name], _RETURN)
        return int(self._uc.reg_read(arm.UC_ARM64_REG_X0))

    def counted(self, name: str, *arguments: int) -> tuple[int, int]:
        """What the function returns, and how many instructions it took."""
        count = 0

        def add(_uc: unicorn.Uc, _address: int, size: int, _data: object) -> None:
            nonlocal count
            count += size // 4

        hook = self._uc.hook_add(unicorn.UC_HOOK_BLOCK, add)
        self._uc.ctl_flush_tb()  # what was translated before knows of no hook
        try:
            return self.call(name, *arguments), count
        finally:
            self._uc.hook_del(hook)

    def write(self, address: int, data: bytes) -> None:
        self._uc.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))


def instructions(program: Program, data: bytes, level: Level, before: int) -> tuple[float, float]:
    """A byte of ``data[before:]`` to encode and to decode, by a model that has seen the bytes before."""
    size, record = len(data), record_length(data)
    machine = Machine(program)
    machine.write(_WINDOW, data)
    machine.call("run_learn", _MODEL, level, record, _WINDOW, before)
    learned = machine.read(_MODEL, machine.call("sw_byte_model_size", level))
    coded, encoding = machine.counted("run_encode", _MODEL, _WINDOW, before, size, _PAYLOAD, _ROOM)
    machine.write(_WINDOW + before, bytes(size - before))
    machine.write(_MODEL, learned)
    status, decoding = machine.counted("run_decode", _MODEL, _WINDOW, before, size, _PAYLOAD, coded)
    assert status == 0
    assert machine.read(_WINDOW, size) == data
    return encoding / (size - before), decoding / (size - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of the corpus")
    parser.add_argument("--before", type=int, default=16 << 10, help="bytes that the model has seen")
    parser.add_argument("--counted", type=int, default=1 << 10, help="bytes that are counted, of each file")
    options = parser.parse_args()
    files = sorted((options.folder / "test").iterdir())
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
    print("| instructions a byte |", " | ".join(f"{level.name.lower()} | decode" for level in Level), "|")
    print("|---" * (2 * len(Level) + 1) + "|")
    rows: list[list[float]] = []
    for path in files:
        data = path.read_bytes()[: options.before + options.counted]
        rows.append(
            [count for level in Level for count in instructions(program, data, level, options.before)]
        )
        print(f"| {path.name} |", " | ".join(f"{count:.0f}" for count in rows[-1]), "|", flush=True)
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    print("| mean |", " | ".join(f"{count:.0f}" for count in mean), "|")
    decoding = {level: mean[2 * level + 1] for level in Level}
    print("\n| processor | instructions a cycle |", " | ".join(f"{n.name.lower()}, MB/s" for n in Level), "|")
    print("|---" * (len(Level) + 2) + "|")
    for name, clock, least, most in PROCESSORS:
        speeds = (
            " to ".join(f"{clock * a_cycle / decoding[level] / 1e6:.1f}" for a_cycle in (least, most))
            for level in Level
        )
        print(f"| {name} | {least} to {most} |", " | ".join(speeds), "|")


if __name__ == "__main__":
    main()
