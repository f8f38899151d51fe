"""The engine as built for a Cortex-M3, run by Unicorn on flash that Python keeps (harness.c)."""

import dataclasses
import hashlib
import random
import struct
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import unicorn
from unicorn import arm_const as arm

from tests.device.patches import ROOT

HERE: Final = Path(__file__).parent
CODE, STACK, SETUP, FLASH, PATCH = 0, 0x20000000, 0x20010000, 0x08000000, 0x60000000
STACK_TOP, RETURN = 0x20010000, 0x0007FFF0
DONE, MORE = 0, 1
ENGINE = ("-mcpu=cortex-m3", "-mthumb", "-Os", "-ffunction-sections", "-std=c99")


class Symbols(NamedTuple):
    """The program, and where its parts are."""

    code: bytes
    at: dict[str, int]


class Operation(NamedTuple):
    """What changes flash: bytes programmed, or a sector erased if there are none."""

    address: int
    data: bytes


@dataclasses.dataclass(frozen=True)
class Layout:
    """As swd_config; addresses begin at 0. Two slots of ``slot`` bytes, or one region of that."""

    slot: int = 48 << 10
    in_place: bool = False
    sector: int = 4096
    unit: int = 8
    checkpoint: int = 1
    state: int = 2048
    piece: int = 64

    @property
    def models_size(self) -> int:
        return self.slot if self.in_place else 2 * self.slot

    @property
    def journal_size(self) -> int:
        return 2 * (max(4096, self.sector))

    @property
    def size(self) -> int:
        return self.models_size + self.journal_size


def build(out: Path) -> Symbols:
    """Compile engine and harness."""
    engine = [*sorted((ROOT / "core" / "src").glob("update*.c"))]
    names = ("device_decode", "device_model", "range_decoder", "adaptive_model")
    engine += [ROOT / "core" / "src" / f"{name}.c" for name in names]
    elf = out / "harness.elf"
    options = ["-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections,-Ttext=0,-Tbss=0x20000000"]
    options += [f"-Wl,-u,run_{name},-e,run_update" for name in ("update", "provision", "boot")]
    include = f"-I{ROOT / 'core' / 'include'}"
    subprocess.run(
        ["arm-none-eabi-gcc", *ENGINE, include, *options, "-o", elf, HERE / "harness.c", *engine],
        check=True,
    )
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, out / "harness.bin"], check=True)
    listed = subprocess.run(["arm-none-eabi-nm", elf], check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    at = {row[2]: int(row[0], 16) for row in rows if len(row) == 3}
    return Symbols((out / "harness.bin").read_bytes(), at)


class InstructionCounter:
    """Counts what a processor runs from now on. Slow."""

    def __init__(self, uc: unicorn.Uc) -> None:
        self.count = 0
        self._sizes: dict[tuple[int, int], int] = {}
        uc.hook_add(unicorn.UC_HOOK_BLOCK, self._block)

    def _block(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        key = (address, size)
        if key not in self._sizes:
            halves = struct.unpack(f"<{size // 2}H", uc.mem_read(address, size))
            count, at = 0, 0
            while at < len(halves):
                at += 2 if halves[at] >> 11 >= 0x1D else 1
                count += 1
            self._sizes[key] = count
        self.count += self._sizes[key]


class Device:
    """A part with this program, flash and patch. ``operations`` are those since it was made."""

    def __init__(self, symbols: Symbols, layout: Layout, patch: bytes) -> None:
        self.symbols, self.layout = symbols, layout
        self.operations: list[Operation] = []
        self.fault = ""
        self.programmed = bytearray(layout.size // layout.unit)
        self.hash = hashlib.sha256()
        self.uc = uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        for address, size in ((CODE, 1 << 19), (STACK, 1 << 17), (FLASH, 1 << 21), (PATCH, 1 << 20)):
            uc.mem_map(address, size)
        uc.mem_write(CODE, symbols.code)
        uc.mem_write(PATCH, patch)
        uc.mem_write(FLASH, b"\xff" * layout.size)
        fields = [0, layout.models_size, layout.models_size, layout.journal_size, layout.sector, layout.unit]
        fields += [layout.checkpoint, layout.in_place, layout.state, layout.size, len(patch), layout.piece]
        uc.mem_write(SETUP, struct.pack("<12I", *fields))
        for name in ("program", "erase", "digest_start", "digest_add", "digest_end"):
            at = symbols.at[f"hook_{name}"] & ~1
            uc.hook_add(unicorn.UC_HOOK_CODE, getattr(self, f"_{name}"), begin=at, end=at)

    @property
    def flash(self) -> bytes:
        return bytes(self.uc.mem_read(FLASH, self.layout.size))

    def restart(self, flash: bytes | bytearray, programmed: bytes | bytearray) -> None:
        """With this in flash, and nothing of use in memory."""
        self.uc.mem_write(STACK, b"\xa5" * (STACK_TOP - STACK))
        self.uc.mem_write(FLASH, bytes(flash))
        self.programmed = bytearray(programmed)
        self.fault = ""
        self.operations.clear()

    def count_instructions(self) -> InstructionCounter:
        """Count from now on; slow."""
        return InstructionCounter(self.uc)

    def stack_used(self) -> int:
        """Bytes of stack written to since the last restart."""
        memory = bytes(self.uc.mem_read(STACK, STACK_TOP - STACK))
        untouched = b"\xa5" * 256
        return len(memory) - memory.rfind(untouched) - len(untouched)

    def call(self, name: str) -> int:
        """Run one of harness.c's functions; its result."""
        self.uc.reg_write(arm.UC_ARM_REG_SP, STACK_TOP)
        self.uc.reg_write(arm.UC_ARM_REG_LR, RETURN | 1)
        self.uc.emu_start(self.symbols.at[name] | 1, RETURN)
        return int(self._register(0) - (1 << 32) if self._register(0) >> 31 else self._register(0))

    def provision(self, address: int, model: bytes) -> None:
        padded = model + b"\xff" * (-len(model) % self.layout.unit)
        self.uc.mem_write(FLASH + address, padded)
        for unit in range(address // self.layout.unit, (address + len(padded)) // self.layout.unit):
            self.programmed[unit] = 1
        words = struct.pack("<3I", address, len(model), 0) + hashlib.sha256(model).digest()
        self.uc.mem_write(self.symbols.at["model"], words)
        assert self.call("run_provision") == DONE

    def boot(self) -> tuple[int, bytes]:
        """What swd_boot says, and the bytes of the model it tells of."""
        result = self.call("run_boot")
        address, size = struct.unpack("<2I", self.uc.mem_read(self.symbols.at["model"], 8))
        model = bytes(self.uc.mem_read(FLASH + address, size)) if result == DONE else b""
        return result, model

    def _register(self, number: int) -> int:
        return int(self.uc.reg_read(arm.UC_ARM_REG_R0 + number))

    def _answer(self, right: bool) -> None:
        self.uc.reg_write(arm.UC_ARM_REG_R0, int(right))

    def _refuse(self, why: str) -> None:
        self.fault = self.fault or why
        self._answer(False)

    def _program(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        where, length, unit = self._register(1), self._register(3), self.layout.unit
        units = slice(where // unit, (where + length) // unit)
        if where % unit or length % unit or where + length > self.layout.size:
            self._refuse("a program of part of a unit, or outside the flash")
        elif any(self.programmed[units]):
            self._refuse("a program of a unit that was not erased")
        else:
            content = bytes(uc.mem_read(self._register(2), length))
            uc.mem_write(FLASH + where, content)
            self.programmed[units] = b"\1" * (length // unit)
            self.operations.append(Operation(where, content))
            self._answer(True)

    def _erase(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        where, sector = self._register(1), self.layout.sector
        if where % sector or where >= self.layout.size:
            self._refuse("an erase of no sector")
        else:
            uc.mem_write(FLASH + where, b"\xff" * sector)
            unit = self.layout.unit
            self.programmed[where // unit : (where + sector) // unit] = bytes(sector // unit)
            self.operations.append(Operation(where, b""))
            self._answer(True)

    def _digest_start(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        self.hash = hashlib.sha256()

    def _digest_add(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        self.hash.update(uc.mem_read(self._register(1), self._register(2)))

    def _digest_end(self, uc: unicorn.Uc, address: int, size: int, data: object) -> None:
        uc.mem_write(self._register(1), self.hash.digest())


def change(
    flash: bytearray, programmed: bytearray, layout: Layout, now: Operation, torn: random.Random | None = None
) -> None:
    """Do an operation; with ``torn``, to some of its bits, so that its units are not to be programmed."""
    size = len(now.data) or layout.sector
    wanted = now.data or b"\xff" * size
    for i, byte in enumerate(wanted):
        at, how = now.address + i, torn.random() if torn else 1.0
        if how > 0.7:
            flash[at] = byte
        elif torn and how > 0.35:
            some = torn.randrange(256)
            flash[at] = byte & some | flash[at] & ~some
    marks = b"\1" if now.data or torn else b"\0"
    units = slice(now.address // layout.unit, (now.address + size) // layout.unit)
    programmed[units] = marks * (units.stop - units.start)
