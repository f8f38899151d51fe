"""A board in QEMU, and the host's end of its UART (uart.h says what goes over it)."""

import dataclasses
import fcntl
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

__all__ = ["BOARDS", "Answer", "Board", "NoAnswer", "build"]

HERE: Final = Path(__file__).parent

BOARDS: Final = {
    "mps2-an385": 2048,
    "mps2-an386": 2048,
    "mps2-an500": 2048,
    "mps2-an505": 2048,
    "microbit": 2048,
    "stm32vldiscovery": 512,
}
"""Bytes of the decoder's state by the name of a board."""

_FLASH_BYTES: Final = 16 << 20
_PATIENCE: Final = 120
"""Seconds without a byte after which a board is taken for dead."""


class NoAnswer(Exception):
    """The board is silent, or says what it should not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended: a number as the exit codes of swd-update, and bytes of memory used at the most."""

    result: int
    memory: int


def build(board: str, key: bytes, firmware: Path, out: Path, *, in_place: bool = False) -> None:
    """Write the firmware for a board that takes patches signed with ``key`` (32 bytes; any patch without).

    What all boards share is kept in the folder ``out``, one build at a time.
    """
    options = {"BOARD": board, "KEY": key.hex(), "FIRMWARE": firmware, "OUT": out}
    options |= {"IN_PLACE": int(in_place), "STATE_SIZE": BOARDS[board], "PYTHON": sys.executable}
    command = ["make", "--silent", "-C", str(HERE), *(f"{name}={value}" for name, value in options.items())]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(command, check=True)


class Board:
    """Powered on while the ``with`` block runs.

    ``flash`` is a file of 16 MiB that outlives the power (made if missing): the flash of the MPS2 boards and
    of stm32vldiscovery. That of microbit is in the part, and lives as long as QEMU does.
    """

    def __init__(self, board: str, firmware: Path, flash: Path) -> None:
        self.board = board
        self.said = b""
        self.folder = flash.parent
        machine = ["-M", board]
        if not flash.exists():
            with flash.open("wb") as file:
                file.truncate(_FLASH_BYTES)
        if board.startswith("mps2"):
            backend = f"memory-backend-file,id=flash,size={_FLASH_BYTES},mem-path={flash},share=on"
            machine = ["-object", backend, "-M", f"{board},memory-backend=flash"]
        elif board == "stm32vldiscovery":
            machine += ["-semihosting-config", f"enable=on,target=native,arg={flash.name}"]
        self.command = ["qemu-system-arm", *machine, "-display", "none", "-monitor", "none"]
        self.command += ["-serial", "stdio", "-kernel", str(firmware)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to_board, self.from_board = self.process.stdin, self.process.stdout
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_power()

    def cut_power(self) -> None:
        """As by pulling the plug: nothing is told, nothing is finished."""
        self.process.kill()
        self.process.wait()
        self.to_board.close()
        self.from_board.close()

    def boot(self) -> dict[str, str]:
        """What the board says of itself and its model, up to ``ready``."""
        facts = {}
        while "ready" not in facts:
            name, _, value = self._line().partition(" ")
            facts[name] = value
        return facts

    def give_model(self, model: bytes) -> Answer | None:
        """The factory: a first model."""
        self._send(f"m {len(model)}\n".encode())
        return self._serve(model, None)

    def update(self, patch: bytes, *, requests: int | None = None) -> Answer | None:
        """Let it take a patch. Power is cut at the request after so many; then None comes back."""
        self._send(b"u\n")
        answer = self._serve(patch, requests)
        if answer is None:
            self.cut_power()
        return answer

    def read_model(self) -> bytes:
        """The model, byte by byte out of the flash."""
        self._send(b"r\n")
        name, _, size = self._line().partition(" ")
        if name != "bytes":
            raise NoAnswer(f"{self.board} sends no model but {name!r}")
        while len(self.said) < int(size):
            self._hear()
        model, self.said = self.said[: int(size)], self.said[int(size) :]
        return model

    def _serve(self, content: bytes, requests: int | None) -> Answer | None:
        """Answer requests for bytes until the result comes."""
        served = 0
        while True:
            name, *numbers = self._line().split()
            if name == "result":
                _, _, memory = self._line().partition(" ")
                return Answer(int(numbers[0]), int(memory))
            if name != "?":
                raise NoAnswer(f"{self.board} asks for nothing but says {name!r}")
            if served == requests:
                return None
            served += 1
            offset, size = map(int, numbers)
            piece = content[offset : offset + size]
            self._send(bytes([len(piece)]) + piece)

    def _send(self, data: bytes) -> None:
        self.to_board.write(data)
        self.to_board.flush()

    def _hear(self) -> None:
        ready, _, _ = select.select([self.from_board], [], [], _PATIENCE)
        data = os.read(self.from_board.fileno(), 1 << 16) if ready else b""
        if not data:
            raise NoAnswer(f"{self.board} says nothing more; last: {self.said[-80:]!r}")
        self.said += data

    def _line(self) -> str:
        while b"\n" not in self.said:
            self._hear()
        line, _, self.said = self.said.partition(b"\n")
        return line.decode("ascii", "replace")
