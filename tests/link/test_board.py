"""``sapwood link`` updates a board in QEMU over its UART, and power is cut in the middle."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sapwood
from device.ports.cortex_m.qemu import BOARDS, Board, build

ROOT = Path(__file__).parents[2]
BASE, TARGET = (
    ROOT / "bench" / "corpus" / "tflite" / f"my_cnn_ft_lr1e-5x1.{age}.tflite" for age in ("old", "new")
)
BOARD = "mps2-an385"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")),
        reason="needs qemu-system-arm and arm-none-eabi-gcc",
    ),
]


def wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(2400):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def test_a_model_is_updated_over_the_uart_through_a_power_cut(tmp_path: Path) -> None:
    patch, firmware, flash = (tmp_path / name for name in ("up.swpatch", "firmware.elf", "flash.bin"))
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    sapwood.diff(BASE, TARGET, patch, profile="device", state=BOARDS[BOARD], version_counter=1)
    build(BOARD, None, firmware, ROOT / "build" / "cortex_m")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    command = [*Board(BOARD, firmware, flash).command]
    command[command.index("stdio")] = f"tcp:127.0.0.1:{number},reconnect=1"

    def link(*arguments: str) -> "subprocess.Popen[bytes]":
        port = [
            "--port",
            f"tcp-listen:127.0.0.1:{number}",
            "--timeout",
            "100",
            "--into",
            str(inbox),
            "--json",
        ]
        return subprocess.Popen(
            [sys.executable, "-m", "sapwood", "link", *port, *arguments], stdout=subprocess.PIPE
        )

    powered = [subprocess.Popen(command, cwd=tmp_path)]
    links = [link("--push-as", "device-model", str(BASE))]
    try:
        assert json.loads(links[0].communicate(timeout=100)[0])["pushed"][0]["result"] == 0
        before = flash.read_bytes()
        links.append(link("--push", str(patch)))
        wait_until(lambda: flash.read_bytes() != before)
        powered[0].kill()
        powered[0].wait()
        assert links[1].poll() is None, "the update was over before the cut"
        powered.append(subprocess.Popen(command, cwd=tmp_path))
        facts = json.loads(links[1].communicate(timeout=100)[0])
        assert facts["pushed"][0]["result"] == 0
        assert facts["sessions"] >= 2
        # The board restarts with the new model, and says so to whoever listens.
        links.append(link("--stay"))
        wanted = f"digest {hashlib.sha256(TARGET.read_bytes()).hexdigest()}\n".encode()
        wait_until(lambda: (inbox / "facts").exists() and wanted in (inbox / "facts").read_bytes())
    finally:
        for process in (*powered, *links):
            process.kill()
            process.communicate()
