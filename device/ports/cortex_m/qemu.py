"""A board in QEMU, and the host's end of the link on its UART."""

import dataclasses
import fcntl
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import sapwood
from device.ports.host import Host, Offer
from sapwood.link.frames import StreamType
from sapwood.patch.signing import VerifyingKey

__all__ = ["BOARDS", "Answer", "Board", "build"]

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
_LINE_RATE: Final = 2560
"""Bytes a second that the UARTs of QEMU carry on a busy machine, at least."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """How a patch or a model was taken.

    Attributes:
        result: 0, or as in docs/LINK.md, "Streams".
        memory: Bytes used at the most; 0 if the device does not say.
        wanted: Offsets from which the device wanted the bytes, in turn: a jump forward follows a cut.
    """

    result: int
    memory: int
    wanted: tuple[int, ...]


def build(board: str, key: VerifyingKey | None, firmware: Path, out: Path, *, in_place: bool = False) -> None:
    """Write the firmware for a board that takes patches signed with ``key`` (any patch without).

    What all boards share is kept in the folder ``out``, one build at a time.
    """
    options: dict[str, object] = {"BOARD": board, "FIRMWARE": firmware, "OUT": out}
    if isinstance(key, sapwood.MacKey):
        options["MAC_KEY"] = key.raw.hex()
    elif key is not None:
        options["KEY"] = key.public_bytes_raw().hex()
    options |= {"IN_PLACE": int(in_place), "STATE_SIZE": BOARDS[board], "PYTHON": sys.executable}
    command = ["make", "--silent", "-C", str(HERE), *(f"{name}={value}" for name, value in options.items())]
    out.mkdir(parents=True, exist_ok=True)
    with (out / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(command, check=True)


class Board:
    """Powered on while the ``with`` block runs; the host's end of the line stays when power is cut.

    ``flash`` is a file of 16 MiB that outlives the power (made if missing): the flash of the MPS2 boards and
    of stm32vldiscovery. That of microbit is in the part, and lives as long as QEMU does.
    ``serial`` is where QEMU leads the UART; the host of this class is at the other end of "stdio" only.
    """

    def __init__(self, board: str, firmware: Path, flash: Path, *, serial: str = "stdio") -> None:
        self.board = board
        self.host = Host(_LINE_RATE)
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
        self.command += ["-serial", serial, "-kernel", str(firmware)]

    def __enter__(self) -> Self:
        self.power_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut_power()

    def power_on(self) -> None:
        """From now on it runs."""
        self._before = self.host.sessions
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.to_board, self.from_board = self.process.stdin, self.process.stdout
        self.host.connect(self.from_board.fileno(), self.to_board.fileno())

    def cut_power(self) -> None:
        """As by pulling the plug: nothing is told, nothing is finished."""
        self.process.kill()
        self.process.wait()
        self.to_board.close()
        self.from_board.close()

    def boot(self) -> dict[str, str]:
        """What the board says of itself and its model, once it has started."""
        return self.host.started_after(self._before)

    def give_model(self, model: bytes) -> Answer:
        """The factory: a first model. The board restarts with it."""
        return self._finish(self.host.offer(StreamType.DEVICE_MODEL, model))

    def update(self, patch: bytes, *, cuts: Iterable[int] = ()) -> Answer:
        """Let it take a patch. Each time when so many bytes of it were sent, power is cut and comes back.

        Not before the board has said what it has.
        """
        offer = self.host.offer(StreamType.PATCH, patch)
        for count in cuts:
            seen, enough = len(offer.wanted), offer.sent + count
            while offer.result is None and not (
                len(offer.wanted) > seen and offer.sent >= enough and self.host.facts_session > self._before
            ):
                self.host.turn()
            if offer.result is not None:
                break
            self.cut_power()
            self.power_on()
        return self._finish(offer)

    def read_model(self) -> bytes:
        """The model, byte by byte out of the flash."""
        return self.host.read_model()

    def _finish(self, offer: Offer) -> Answer:
        self.host.run_until(lambda: offer.result is not None)
        assert offer.result is not None
        _, _, memory = offer.text.partition("memory ")
        self.host.started_after(offer.session)
        return Answer(offer.result, int(memory or 0), tuple(offer.wanted))
