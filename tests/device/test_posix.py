"""swd-update: a model in a file of flash, killed at any moment."""

import dataclasses
import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sapwood
from sapwood.patch.container import opening_bytes
from tests.device.patches import MODELS, Pair, make_pair

SIZE = 131072
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair("my_cnn_ft_lr1e-5x1", tmp_path_factory.mktemp("pair"))


def _runner(program: Path, tmp_path: Path) -> Run:
    def call(*arguments: str | Path, code: int = 0) -> "subprocess.CompletedProcess[str]":
        ran = subprocess.run(
            [program, tmp_path / "flash.bin", *arguments], capture_output=True, text=True, check=False
        )
        assert ran.returncode == code, ran.stderr
        return ran

    return call


@pytest.fixture
def run(program: Path, tmp_path: Path) -> Run:
    return _runner(program, tmp_path)


@pytest.fixture
def run_integers(program_of_integers: Path, tmp_path: Path) -> Run:
    return _runner(program_of_integers, tmp_path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def expect(run: Run, model: Path, out: Path, *layout: str) -> None:
    shown = dict(line.split() for line in run("--show", *layout).stdout.splitlines())
    assert shown["digest"] == digest(model)
    run("--extract", out, *layout)
    assert out.read_bytes() == model.read_bytes()


IN_PLACE = ("--in-place", "--sector", "1024", "--unit", "16", "--checkpoint", "3")


@pytest.mark.parametrize("layout", [(), IN_PLACE])
def test_updates_once(run: Run, pair: Pair, tmp_path: Path, layout: tuple[str, ...]) -> None:
    run("--provision", pair.base, "--size", str(SIZE), *layout)
    expect(run, pair.base, tmp_path / "out", *layout)
    run(pair.patch, *layout)
    expect(run, pair.target, tmp_path / "out", *layout)
    flash = (tmp_path / "flash.bin").read_bytes()
    run(pair.patch, *layout)
    assert (tmp_path / "flash.bin").read_bytes() == flash


def test_killed_at_any_byte_of_a_pipe(run: Run, program: Path, pair: Pair, tmp_path: Path) -> None:
    """The patch stops coming, and the process is killed: what waits in the pipe is what it had not read."""
    chance = random.Random(4)
    patch = pair.patch.read_bytes()
    run("--provision", pair.base, "--size", str(SIZE))
    for _ in range(12):
        command: list[str | Path] = [program, tmp_path / "flash.bin", "-"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(patch[: chance.randrange(len(patch))])
            process.stdin.flush()
            time.sleep(chance.random() / 5)
            process.kill()
        expect(run, pair.base, tmp_path / "out")
    ran = subprocess.run([program, tmp_path / "flash.bin", "-"], input=patch, check=False)
    assert ran.returncode == 0
    expect(run, pair.target, tmp_path / "out")


def test_killed_in_place(run: Run, program: Path, pair: Pair, tmp_path: Path) -> None:
    chance = random.Random(5)
    layout = ("--in-place", "--sector", "1024")
    run("--provision", pair.base, "--size", "65536", *layout)
    for _ in range(12):
        command: list[str | Path] = [program, tmp_path / "flash.bin", pair.patch, *layout]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            time.sleep(chance.random() / 4)
            process.kill()
        shown = subprocess.run(
            [program, tmp_path / "flash.bin", "--show", *layout], capture_output=True, text=True, check=False
        )
        known = digest(pair.base) in shown.stdout or digest(pair.target) in shown.stdout
        assert shown.returncode == 1 or (shown.returncode == 0 and known)
    run(pair.patch, *layout)
    expect(run, pair.target, tmp_path / "out", *layout)


def test_what_is_refused_changes_nothing(run: Run, pair: Pair, tmp_path: Path) -> None:
    run("--provision", pair.base, "--size", str(SIZE))
    flash = (tmp_path / "flash.bin").read_bytes()
    key = tmp_path / "key"
    sapwood.generate_key(key)
    other = make_pair("my_mlp_ft_lr1e-5x1", tmp_path)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(pair.patch.read_bytes()[:20])
    run(pair.patch, "--key", f"{key}.pub", code=5)
    run(other.patch, code=8)
    run(damaged, code=12)
    run(pair.base, code=3)
    run(pair.patch, "--state", "512", code=9)
    run(pair.patch, "--sector", "4000", code=2)
    run("/no/such/file", code=74)
    run(pair.patch, "--key", pair.base, code=74)
    run("--sector", "x", code=64)
    run(pair.patch, "--show", code=64)
    run("--provision", pair.base, "--size", str(SIZE), code=74)
    assert (tmp_path / "flash.bin").read_bytes() == flash
    expect(run, pair.base, tmp_path / "out")


@pytest.mark.parametrize("name", ["my_cnn_ft_lr1e-5x1", "f32_mlp_lr1e-5x1"])
def test_a_build_without_floats_takes_what_says_it_has_none(
    run: Run, run_integers: Run, tmp_path: Path, name: str
) -> None:
    pair = make_pair(name, tmp_path)
    size = "1048576"
    run_integers("--provision", pair.base, "--size", size)
    flash = (tmp_path / "flash.bin").read_bytes()
    run_integers(pair.patch, code=4)
    assert (tmp_path / "flash.bin").read_bytes() == flash
    integers = tmp_path / "integers.swpatch"
    sapwood.diff(pair.base, pair.target, integers, profile="device", integers=True)
    run_integers(integers)
    expect(run_integers, pair.target, tmp_path / "out")
    # Who knows floats takes it as well.
    (tmp_path / "flash.bin").write_bytes(flash)
    run(integers)
    expect(run, pair.target, tmp_path / "out")


def test_a_build_without_floats_is_lied_to(run_integers: Run, tmp_path: Path) -> None:
    pair = make_pair("f32_mlp_lr1e-5x1", tmp_path)
    patch = sapwood.open_patch(pair.patch)
    profile = patch.manifest.profile
    assert profile is not None
    says = dataclasses.replace(patch.manifest, profile=dataclasses.replace(profile, integers=True))
    lie = tmp_path / "lie.swpatch"
    opening = len(opening_bytes(patch.manifest))
    lie.write_bytes(opening_bytes(says) + pair.patch.read_bytes()[opening:])
    run_integers("--provision", pair.base, "--size", "1048576")
    run_integers(lie, code=3)
    expect(run_integers, pair.base, tmp_path / "out")


def test_guards_and_counters(run: Run, pair: Pair, tmp_path: Path) -> None:
    run("--provision", pair.base, "--size", str(SIZE))
    guarded = tmp_path / "guarded.swpatch"
    sapwood.diff(
        pair.base,
        pair.target,
        guarded,
        profile="device",
        version_counter=7,
        guardrails={"arena_bytes": 5000, "family": "meter"},
    )
    run(guarded, code=7)
    run(guarded, "--arena-bytes", "5000", code=7)
    run(guarded, "--arena-bytes", "4999", "--family", "meter", code=7)
    run(guarded, "--arena-bytes", "5000", "--family", "meter")
    back = tmp_path / "back.swpatch"
    sapwood.diff(pair.target, pair.base, back, profile="device", version_counter=6)
    run(back, code=6)
    expect(run, pair.target, tmp_path / "out")


def test_signed_patches_are_taken(run: Run, pair: Pair, tmp_path: Path) -> None:
    run("--provision", pair.base, "--size", str(SIZE))
    key, wrong = tmp_path / "key", tmp_path / "wrong"
    sapwood.generate_key(key)
    sapwood.generate_key(wrong)
    signed = tmp_path / "signed.swpatch"
    sapwood.diff(pair.base, pair.target, signed, profile="device", key=key)
    run(signed, "--key", f"{wrong}.pub", code=5)
    run(signed, "--key", f"{key}.pub")
    expect(run, pair.target, tmp_path / "out")


@pytest.mark.parametrize("layout", [(), IN_PLACE])
@pytest.mark.parametrize("kind", ["aes-128-cmac", "aes-256-cmac"])
def test_patches_with_a_mac_are_taken(
    run: Run, pair: Pair, tmp_path: Path, kind: str, layout: tuple[str, ...]
) -> None:
    run("--provision", pair.base, "--size", str(SIZE), *layout)
    flash = (tmp_path / "flash.bin").read_bytes()
    key, wrong, signer = (tmp_path / name for name in ("key", "wrong", "signer"))
    sapwood.generate_mac_key(key, kind)
    sapwood.generate_mac_key(wrong, kind)
    sapwood.generate_key(signer)
    with_mac, signed = tmp_path / "mac.swpatch", tmp_path / "signed.swpatch"
    sapwood.sign(pair.patch, key, with_mac)
    sapwood.sign(pair.patch, signer, signed)
    content = with_mac.read_bytes()
    opening = len(opening_bytes(sapwood.open_patch(with_mac).manifest))
    changed = tmp_path / "changed.swpatch"
    for at in (opening, opening + 15):
        changed.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        run(changed, "--key", key, *layout, code=5)
    for size in (0, 15):
        changed.write_bytes(content[: opening + size])
        run(changed, "--key", key, *layout, code=12)
        changed.write_bytes(content[: opening + size] + content[opening + 16 :])
        run(changed, "--key", key, *layout, code=5)
    run(with_mac, "--key", wrong, *layout, code=5)
    run(with_mac, "--key", f"{signer}.pub", *layout, code=5)
    run(signed, "--key", key, *layout, code=5)
    run(pair.patch, "--key", key, *layout, code=5)
    run(with_mac, "--key", signer, *layout, code=74)
    for line in (
        "aes-128-cmac 00",
        f"aes-256-cmac {'00' * 16}",
        f"{kind} {'0x' * 32}",
        f"{kind} {'00' * 33}",
    ):
        changed.write_text(line)
        run(with_mac, "--key", changed, *layout, code=74)
    assert (tmp_path / "flash.bin").read_bytes() == flash
    run(with_mac, "--key", key, *layout)
    expect(run, pair.target, tmp_path / "out", *layout)


@pytest.mark.parametrize(
    "layout", [("--state", "2048"), ("--state", "512", "--sector", "512", "--unit", "4"), IN_PLACE]
)
def test_updates_an_image_of_the_host(run: Run, tmp_path: Path, layout: tuple[str, ...]) -> None:
    """What ``sapwood device image`` writes is laid out as here."""
    state = 512 if "512" in layout else 2048
    pair = make_pair("my_cnn_ft_lr1e-5x1", tmp_path, state=state)
    command = [sys.executable, "-m", "sapwood", "device", "image", str(pair.base), "-o"]
    subprocess.run([*command, str(tmp_path / "flash.bin"), *layout], check=True, capture_output=True)
    expect(run, pair.base, tmp_path / "out", *layout)
    run(pair.patch, *layout)
    expect(run, pair.target, tmp_path / "out", *layout)


def test_a_flash_too_small(run: Run) -> None:
    run("--provision", MODELS / "my_cnn_ft_lr1e-5x1.old.tflite", "--size", "65536", code=9)


def test_no_flash(run: Run) -> None:
    run("--show", code=74)
