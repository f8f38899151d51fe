"""What each command writes and prints, and that it does what its library call does."""

import json
from pathlib import Path

import pytest

import sapwood
from tests.cli.conftest import Pair, Run


def test_diff_and_apply_give_the_target_back(run: Run, pair: Pair) -> None:
    made = run("diff", pair.base, pair.target, "-o", "up.swpatch")
    assert made.code == 0
    assert made.err == ""
    assert {"f32", "f16", "glue", "patch", "ratio"} <= set(made.out.split())
    applied = run("apply", pair.base, "up.swpatch", "-o", "out.safetensors")
    assert applied.code == 0
    assert Path("out.safetensors").read_bytes() == pair.target.read_bytes()


def test_diff_writes_what_the_library_writes(run: Run, pair: Pair) -> None:
    options = (
        "--level",
        "max",
        "--threads",
        1,
        "--meta",
        "step=7",
        "--meta",
        "run=a=b",
        "--version-counter",
        3,
    )
    assert run("diff", pair.base, pair.target, "-o", "up.swpatch", *options).code == 0
    metadata = {"step": "7", "run": "a=b"}
    patch = sapwood.diff(pair.base, pair.target, level="max", metadata=metadata, version_counter=3)
    assert Path("up.swpatch").read_bytes() == patch.to_bytes()


def test_diff_tells_its_numbers_to_scripts(run: Run, pair: Pair) -> None:
    told = json.loads(run("diff", pair.base, pair.target, "-o", "up.swpatch", "--json").out)
    assert told["patch_size"] == Path("up.swpatch").stat().st_size
    assert told["target_size"] == pair.target.stat().st_size
    assert 0 < told["kinds"]["f32"]["changed_share"] <= 1


def test_apply_in_place_replaces_the_base(run: Run, pair: Pair) -> None:
    run("diff", pair.base, pair.target, "-o", "up.swpatch")
    done = run("apply", pair.base, "up.swpatch", "--in-place", "--json")
    assert done.code == 0
    assert json.loads(done.out)["size"] == pair.target.stat().st_size
    assert pair.base.read_bytes() == pair.target.read_bytes()


@pytest.mark.parametrize("where", [[], ["-o", "out", "--in-place"]])
def test_apply_wants_one_place_to_write_to(run: Run, pair: Pair, where: list[str]) -> None:
    assert run("apply", pair.base, "up.swpatch", *where).code == 2


def test_verify_says_what_it_checked(run: Run, pair: Pair) -> None:
    run("keygen", "key")
    run("diff", pair.base, pair.target, "-o", "up.swpatch", "--sign", "key")
    assert "was not checked" in run("verify", "up.swpatch").out
    assert json.loads(run("verify", "up.swpatch", "--json").out)["checked"] == {
        "blocks": True,
        "signature": False,
        "target": False,
    }
    told = run("verify", "up.swpatch", "--key", "key.pub", "--base", pair.base, "--json")
    assert json.loads(told.out)["checked"] == {"blocks": True, "signature": True, "target": True}


def test_info_shows_the_manifest(run: Run, pair: Pair) -> None:
    run("diff", pair.base, pair.target, "-o", "up.swpatch", "--meta", "note=night\x1b[31m run")
    manifest = sapwood.open_patch("up.swpatch").manifest
    shown = run("info", "up.swpatch").out
    assert manifest.target.digest.hex() in shown
    assert r"night\x1b[31m run" in shown
    told = json.loads(run("info", "up.swpatch", "--json").out)
    assert told["base"]["blake3"] == manifest.base.digest.hex()
    assert told["metadata"] == {"note": "night\x1b[31m run"}


def test_inspect_lists_the_tensors(run: Run, pair: Pair) -> None:
    shown = run("inspect", pair.base).out
    assert "layers.0.weight" in shown
    assert "64x32" in shown
    told = json.loads(run("inspect", pair.base, "--json").out)
    assert [tensor["name"] for tensor in told["tensors"]] == ["layers.0.weight", "layers.0.bias"]
    assert told["glue"] == pair.base.stat().st_size - 64 * 32 * 4 - 32 * 2


def test_inspect_names_what_it_does_not_understand(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 60)
    ended = run("inspect", broken)
    assert ended.code == 0
    assert ended.err.startswith("FormatWarning: ")
    assert "gguf" in ended.err


def test_diff_names_what_it_does_not_understand(run: Run, pair: Pair) -> None:
    broken = pair.folder / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\xff" * 60)
    ended = run("diff", pair.base, broken, "-o", "p", "--json")
    assert ended.err.startswith(f"FormatWarning: {broken}: gguf: ")
    assert json.loads(ended.out)["warnings"][0]["format"] == "gguf"


def test_stats_shows_each_tensor(run: Run, pair: Pair) -> None:
    lines = run("stats", pair.base, pair.target).out.splitlines()
    assert any(line.startswith("layers.0.weight") and "changed" in line for line in lines)
    assert any(line.startswith("layers.0.bias") and "same" in line for line in lines)
    told = json.loads(run("stats", pair.base, pair.target, "--json").out)
    assert told["tensors"][0]["change"] == "changed"


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_stats_draws_a_picture(run: Run, pair: Pair, suffix: str, magic: bytes) -> None:
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    assert run("stats", pair.base, pair.target, "--plot", f"change.{suffix}").code == 0
    assert Path(f"change.{suffix}").read_bytes().startswith(magic)


def test_sign_changes_only_the_opening(run: Run, pair: Pair) -> None:
    run("diff", pair.base, pair.target, "-o", "up.swpatch")
    run("keygen", "key")
    assert run("sign", "up.swpatch", "--key", "key", "-o", "signed.swpatch").code == 0
    assert not sapwood.open_patch("up.swpatch").signed
    assert run("apply", pair.base, "signed.swpatch", "-o", "out", "--verify-key", "key.pub").code == 0
    assert run("sign", "up.swpatch", "--key", "key").code == 0
    assert Path("up.swpatch").read_bytes() == Path("signed.swpatch").read_bytes()


@pytest.mark.parametrize("kind", ["aes-128-cmac", "aes-256-cmac"])
def test_a_shared_key_signs_and_checks(run: Run, pair: Pair, kind: str) -> None:
    made = run("keygen", "shared", "--type", kind)
    assert made.code == 0
    assert "can also sign" in made.out
    assert Path("shared").stat().st_mode & 0o777 == 0o600
    assert not Path("shared.pub").exists()
    assert run("keygen", "shared", "--type", kind).code == 2
    run("keygen", "pair")
    run("diff", pair.base, pair.target, "-o", "up.swpatch", "--sign", "shared")
    told = run("info", "up.swpatch", "--json")
    assert json.loads(told.out)["authentication"] == "aes-cmac"
    assert "aes-cmac, by key" in run("info", "up.swpatch").out
    assert run("verify", "up.swpatch", "--key", "shared").code == 0
    assert run("verify", "up.swpatch", "--key", "pair.pub").code == 14
    assert run("apply", pair.base, "up.swpatch", "-o", "none", "--verify-key", "pair.pub").code == 14
    assert run("apply", pair.base, "up.swpatch", "-o", "new", "--verify-key", "shared").code == 0
    assert "(ed25519)" in run("sign", "up.swpatch", "--key", "pair", "-o", "other.swpatch").out
    assert run("verify", "other.swpatch", "--key", "shared").code == 14
    run("diff", pair.base, pair.target, "-o", "plain.swpatch")
    assert run("verify", "plain.swpatch", "--key", "shared").code == 14
    assert not Path("none").exists()


def test_keygen_keeps_the_private_key_private(run: Run, pair: Pair) -> None:
    assert run("keygen", "key").code == 0
    assert Path("key").stat().st_mode & 0o777 == 0o600


def test_compress_and_decompress(run: Run, pair: Pair) -> None:
    assert run("compress", pair.target, "-o", "small").code == 0
    assert run("verify", "small").out.count("it builds its target") == 1
    assert run("decompress", "small", "-o", "large").code == 0
    assert Path("large").read_bytes() == pair.target.read_bytes()
