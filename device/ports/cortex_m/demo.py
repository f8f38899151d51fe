"""``make device-demo``: a board in QEMU gets a new model over its UART, and loses power on the way."""

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import sapwood
from device.ports.cortex_m.qemu import BOARDS, Board, build

ROOT: Final = Path(__file__).parents[3]
MODELS: Final = ROOT / "bench" / "corpus" / "tflite"
PROGRAMS: Final = {
    "arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi",
    "qemu-system-arm": "qemu-system-arm",
}


def missing() -> list[str]:
    return [package for program, package in PROGRAMS.items() if shutil.which(program) is None]


def shown(facts: dict[str, str]) -> str:
    if "digest" not in facts:
        return "no model"
    return f"model {facts['digest']}, {facts['size']} bytes at {int(facts['address']):#x}"


def run(board: str, pair: str, folder: Path, *, in_place: bool, signed: str) -> bool:
    base, target = (MODELS / f"{pair}.{age}.tflite" for age in ("old", "new"))
    key = folder / "key"
    known = sapwood.generate_mac_key(key) if signed == "aes-cmac" else sapwood.generate_key(key)
    patch = folder / "update.swpatch"
    sapwood.diff(base, target, patch, profile="device", state=BOARDS[board], version_counter=1, key=key)
    print(f"{pair}: {target.stat().st_size} bytes; signed patch: {patch.stat().st_size} bytes")
    firmware = folder / "firmware.elf"
    wanted_key = None if signed == "no" else known
    build(board, wanted_key, firmware, ROOT / "build" / "cortex_m", in_place=in_place)
    with Board(board, firmware, folder / "flash.bin") as device:
        print(f"{board} starts: {shown(device.boot())}")
        print(f"it takes the old model: {device.give_model(base.read_bytes())}")
        print(f"it restarts: {shown(device.boot())}")
        # The flash of microbit lives no longer than its QEMU.
        cuts = [] if board == "microbit" else [patch.stat().st_size // 2]
        print(
            f"it takes the patch, with {len(cuts)} power cut: {device.update(patch.read_bytes(), cuts=cuts)}"
        )
        after = device.boot()
        print(f"it restarts: {shown(after)}")
        model = device.read_model()
    wanted = hashlib.sha256(target.read_bytes()).hexdigest()
    right = after["digest"] == wanted and model == target.read_bytes()
    print(f"the new model's file: {wanted}\n{'the board has it' if right else 'THE BOARD HAS ANOTHER MODEL'}")
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--board", choices=BOARDS, default="mps2-an385")
    parser.add_argument("--pair", default="my_cnn_ft_lr1e-5x1", help="of bench/corpus/tflite")
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument(
        "--signed", choices=("no", "ed25519", "aes-cmac"), default="ed25519", help="what the board checks"
    )
    options = parser.parse_args()
    if lacking := missing():
        print(f"missing: apt-get install {' '.join(lacking)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        right = run(
            options.board,
            options.pair,
            Path(folder),
            in_place=options.in_place,
            signed=options.signed,
        )
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
