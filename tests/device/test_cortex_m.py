"""Firmware on boards that QEMU has: a signed patch by the link over the UART, power cuts, the new model."""

import hashlib
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import sapwood
from device.ports.cortex_m.qemu import BOARDS, Board, build
from sapwood.patch.signing import SigningKey
from tests.device.patches import MODELS, ROOT, need, need_arm_compiler

DONE, CUT, EMPTY = "0", "1", "13"
REFUSED, ENDED, SIGNATURE, ANOTHER_BASE = 1, 64 + 11, 64 + 4, 64 + 7
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BASE, TARGET = ((MODELS / f"my_cnn_ft_lr1e-5x1.{age}.tflite").read_bytes() for age in ("old", "new"))
SECOND_SLOT = 512 << 10
FURTHER = ("mps2-an386", "mps2-an500", "mps2-an505")


def digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def patch_for(board: str, folder: Path, *, key: SigningKey = KEY) -> bytes:
    out = folder / "made.swpatch"
    sapwood.diff(BASE, TARGET, out, profile="device", state=BOARDS[board], version_counter=1, key=key)
    return out.read_bytes()


def a_board(
    board: str,
    folder: Path,
    *,
    mac_key: sapwood.MacKey | None = None,
    in_place: bool = False,
    serial: str = "stdio",
) -> Board:
    """Its flash lasts as long as ``folder``."""
    need("qemu-system-arm", "qemu-system-arm")
    need_arm_compiler()
    firmware = folder / "firmware.elf"
    public = KEY.public_key() if mac_key is None else mac_key
    build(board, public, firmware, ROOT / "build" / "cortex_m", in_place=in_place)
    return Board(board, firmware, folder / "flash.bin", serial=serial)


def start(device: Board) -> None:
    assert device.boot()["ready"] == EMPTY
    assert device.give_model(BASE).result == 0
    facts = device.boot()
    assert (facts["ready"], facts["digest"], facts["counter"]) == (DONE, digest(BASE), "0")


def expect_target(device: Board) -> None:
    facts = device.boot()
    assert (facts["ready"], facts["digest"], facts["counter"]) == (DONE, digest(TARGET), "1")
    assert device.read_model() == TARGET


@pytest.mark.parametrize(
    "board", [pytest.param(name, marks=[pytest.mark.slow] if name in FURTHER else []) for name in BOARDS]
)
def test_a_board_gets_a_new_model(board: str, tmp_path: Path) -> None:
    patch = patch_for(board, tmp_path)
    with a_board(board, tmp_path) as device:
        start(device)
        answer = device.update(patch)
        assert answer.result == 0
        assert answer.wanted == (0,)
        assert answer.memory < (6700 if BOARDS[board] == 512 else 8300)
        expect_target(device)
        assert device.update(patch).result == 0
        expect_target(device)


@pytest.mark.parametrize("in_place", [False, True])
def test_power_cuts(in_place: bool, tmp_path: Path) -> None:
    """The plug is pulled again and again while the patch is on its way, and the same host goes on."""
    chance = random.Random(int(in_place))
    patch = patch_for("mps2-an385", tmp_path)
    with a_board("mps2-an385", tmp_path, in_place=in_place) as device:
        start(device)
        before = len(device.host.starts)
        # In place, the patch is read twice.
        all_sent = len(patch) * (1 + in_place)
        cuts = [2 * all_sent // 3, *(chance.randrange(len(patch) * 2 // 3) for _ in range(5))]
        answer = device.update(patch, cuts=cuts)
        assert answer.result == 0
        # Once from the start for each power; in place it goes back once, behind the opening.
        assert answer.wanted.count(0) == 7
        assert any(answer.wanted) == in_place
        for facts in device.host.starts[before:-1]:
            known = facts.get("digest") == digest(BASE)
            assert (facts["ready"], known) in ({(DONE, True), (CUT, False)} if in_place else {(DONE, True)})
        assert in_place == any(facts["ready"] == CUT for facts in device.host.starts)
        expect_target(device)


def test_the_command_updates_a_board_that_loses_power(tmp_path: Path) -> None:
    """``sapwood link`` from the first model to the digest, as a user types it; the line is a TCP port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "sapwood", "link", "--port", f"tcp:{port}", "--timeout", "60"]
    base, patch, ask, into = (tmp_path / name for name in ("base", "patch", "ask", "into"))
    base.write_bytes(BASE)
    patch.write_bytes(patch_for("mps2-an385", tmp_path))
    ask.write_bytes(b"model")
    into.mkdir()
    with a_board("mps2-an385", tmp_path, serial=f"tcp:{port},server=on,wait=off") as device:
        subprocess.run([*command, "--push-as", "device-model", base], check=True)
        with subprocess.Popen([*command, "--push-as", "patch", patch]) as link:
            # Its second slot is written from the bottom: the fourth sector of eleven is begun.
            with (tmp_path / "flash.bin").open("rb", buffering=0) as flash:
                while flash.seek(SECOND_SLOT + 3 * 4096) and flash.read(1) == b"\0":
                    time.sleep(0.002)
            device.cut_power()
            was_under_way = link.poll() is None
            device.power_on()
            assert link.wait(120) == 0
        assert was_under_way
        with subprocess.Popen([*command, "--push-as", "bytes", ask, "--into", into, "--stay"]) as link:
            patience = time.monotonic() + 60
            while not (into / "model").exists() and time.monotonic() < patience:
                time.sleep(0.1)
            link.send_signal(signal.SIGINT)
        assert digest((into / "model").read_bytes()) == digest(TARGET)


def test_the_line_garbles_what_it_carries(tmp_path: Path) -> None:
    chance = random.Random(3)

    def garble(data: bytes) -> bytes:
        """One byte in a thousand is another one, or lost."""
        kept = ((byte ^ 4, byte)[chance.random() > 5e-4] for byte in data if chance.random() > 5e-4)
        return bytes(kept)

    patch = patch_for("mps2-an385", tmp_path)
    with a_board("mps2-an385", tmp_path) as device:
        start(device)
        device.host.garble = garble
        assert device.update(patch).result == 0
        expect_target(device)


def test_what_a_board_refuses(tmp_path: Path) -> None:
    board = "mps2-an385"
    patch = patch_for(board, tmp_path)
    forged = patch_for(board, tmp_path, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
    unsigned = tmp_path / "unsigned.swpatch"
    sapwood.diff(BASE, TARGET, unsigned, profile="device")
    wrong = tmp_path / "wrong.swpatch"
    sapwood.diff(TARGET, TARGET + b"more", wrong, profile="device", key=KEY)
    tries = ((forged, SIGNATURE), (unsigned.read_bytes(), SIGNATURE), (wrong.read_bytes(), ANOTHER_BASE))
    with a_board(board, tmp_path) as device:
        start(device)
        for content, result in (*tries, (patch[:-1], ENDED)):
            assert device.update(content).result == result
            facts = device.boot()
            assert (facts["ready"], facts["digest"]) == (DONE, digest(BASE))
        assert device.give_model(TARGET).result == REFUSED
        assert device.give_model(BASE).result == 0
        assert device.update(patch).result == 0
        expect_target(device)


@pytest.mark.parametrize("size", [16, 32])
@pytest.mark.parametrize("board", ["mps2-an385", "microbit"])
def test_a_board_without_ed25519_takes_a_mac(board: str, size: int, tmp_path: Path) -> None:
    key = sapwood.MacKey(bytes(range(size)))
    patch = patch_for(board, tmp_path, key=key)
    others = (
        patch_for(board, tmp_path),  # signed, but not in this way
        patch_for(board, tmp_path, key=sapwood.MacKey(bytes(size))),
        sapwood.diff(BASE, TARGET, profile="device", state=BOARDS[board]).to_bytes(),
    )
    with a_board(board, tmp_path, mac_key=key) as device:
        start(device)
        for other in others:
            assert device.update(other).result == SIGNATURE
            facts = device.boot()
            assert (facts["ready"], facts["digest"]) == (DONE, digest(BASE))
        answer = device.update(patch)
        assert answer.result == 0
        expect_target(device)
