"""``sapwood device``."""

import json
from pathlib import Path

from sapwood import errors
from tests.cli.conftest import Run

TFLITE = Path(__file__).resolve().parents[2] / "bench" / "corpus" / "tflite"
BASE = TFLITE / "my_cnn_lastlayer.old.tflite"
TARGET = TFLITE / "my_cnn_lastlayer.new.tflite"


def make_patch(run: Run, folder: Path, *options: str) -> Path:
    patch = folder / "update.swpatch"
    assert run("diff", BASE, TARGET, "-o", patch, "--profile", "device", *options).code == 0
    return patch


def test_plan_tells_flash_memory_and_wear(run: Run, tmp_path: Path) -> None:
    patch = make_patch(run, tmp_path)
    plan = json.loads(run("device", "plan", BASE, patch, "--sector", 2048, "--json").out)
    assert plan["target_size"] == TARGET.stat().st_size <= plan["programmed"]
    assert plan["part"]["models_size"] >= 2 * plan["target_size"]
    assert plan["most_erased"] == 1
    assert "of the model" in run("device", "plan", BASE, patch).out


def test_simulate_counts_cuts(run: Run, tmp_path: Path) -> None:
    patch = make_patch(run, tmp_path)
    for option in ((), ("--in-place",)):
        ran = run("device", "simulate", BASE, patch, "--every", 199, "--cut", "torn", "--json", *option)
        found = json.loads(ran.out)
        assert ran.code == 0
        assert found["failures"] == []
        assert found["cuts"] == -(-found["operations"] // 199)


def test_image_is_flash_with_the_model(run: Run, tmp_path: Path) -> None:
    image = tmp_path / "flash.bin"
    made = json.loads(run("device", "image", BASE, "-o", image, "--counter", 3, "--json").out)
    content = image.read_bytes()
    assert len(content) == made["size"] == made["models"] + made["journal"]
    assert content.startswith(BASE.read_bytes())
    assert content[made["models"] :].strip(b"\xff")


def test_errors_are_one_line_and_a_code(run: Run, tmp_path: Path) -> None:
    patch = make_patch(run, tmp_path)
    ran = run("device", "plan", TARGET, patch)
    assert ran.code == errors.WrongBase.exit_code
    ran = run("device", "plan", BASE, patch, "--sector", "100")
    assert (ran.code, ran.err.count("\n")) == (errors.WrongCall.exit_code, 1)
    host = tmp_path / "host.swpatch"
    run("diff", BASE, TARGET, "-o", host)
    assert run("device", "simulate", BASE, host).code == errors.UnsupportedPatch.exit_code
    guarded = make_patch(run, tmp_path, "--guard", "arena_bytes=9")
    assert run("device", "plan", BASE, guarded).code == errors.GuardrailRefused.exit_code
