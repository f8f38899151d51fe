"""Firmware on boards that QEMU has: a signed patch over the UART, power cuts, and the new model."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import sapwood
from device.ports.cortex_m.qemu import BOARDS, Answer, Board, build
from tests.device.patches import MODELS, ROOT, need, need_arm_compiler

DONE, CUT, ENDED, SIGNATURE, ANOTHER_BASE = "0", "1", 12, 5, 8
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BASE, TARGET = ((MODELS / f"my_cnn_ft_lr1e-5x1.{age}.tflite").read_bytes() for age in ("old", "new"))
FURTHER = ("mps2-an386", "mps2-an500", "mps2-an505")

Power = Callable[[], Board]


def digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def patch_for(board: str, folder: Path, *, key: Ed25519PrivateKey = KEY) -> bytes:
    out = folder / "made.swpatch"
    sapwood.diff(BASE, TARGET, out, profile="device", state=BOARDS[board], version_counter=1, key=key)
    return out.read_bytes()


def power(board: str, folder: Path, *, in_place: bool = False) -> Power:
    """Something that makes the board, whose flash lasts as long as ``folder``."""
    need("qemu-system-arm", "qemu-system-arm")
    need_arm_compiler()
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    firmware = folder / "firmware.elf"
    build(board, public, firmware, ROOT / "build" / "cortex_m", in_place=in_place)
    return lambda: Board(board, firmware, folder / "flash.bin")


def result(answer: Answer | None) -> int:
    assert answer is not None
    return answer.result


def start(device: Board) -> None:
    assert device.boot()["ready"] == "13"
    assert result(device.give_model(BASE)) == 0
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
    with power(board, tmp_path)() as device:
        start(device)
        answer = device.update(patch)
        assert answer is not None
        assert answer.result == 0
        assert answer.memory < (5200 if BOARDS[board] == 512 else 6800)
        expect_target(device)
        assert result(device.update(patch)) == 0
        expect_target(device)


@pytest.mark.parametrize("in_place", [False, True])
def test_power_cuts(in_place: bool, tmp_path: Path) -> None:
    """The plug is pulled at requests for more of the patch, at each of a row that moves on with every try."""
    patch = patch_for("mps2-an385", tmp_path)
    switch_on = power("mps2-an385", tmp_path, in_place=in_place)
    with switch_on() as device:
        start(device)
    cuts, open_ones = 0, 0
    answer: Answer | None = None
    while answer is None:
        with switch_on() as device:
            facts = device.boot()
            known = facts.get("digest") == digest(BASE)
            assert (facts["ready"], known) in ({(DONE, True), (CUT, False)} if in_place else {(DONE, True)})
            open_ones += facts["ready"] == CUT
            answer = device.update(patch, requests=cuts * 3)
            cuts += 1
            if answer is not None:
                expect_target(device)
    assert cuts > 8
    assert open_ones > 0 or not in_place
    with switch_on() as device:
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
    with power(board, tmp_path)() as device:
        start(device)
        for content, code in (*tries, (patch[:-1], ENDED)):
            assert result(device.update(content)) == code
            facts = device.boot()
            assert (facts["ready"], facts["digest"]) == (DONE, digest(BASE))
        assert result(device.update(patch)) == 0
        expect_target(device)
