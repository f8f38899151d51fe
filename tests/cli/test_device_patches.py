"""Patches for devices on the command line: the hash that made a digest is named, and limits are kept."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Pair, Run


@pytest.fixture
def patch(run: Run, pair: Pair) -> Path:
    made = pair.folder / "device.swpatch"
    assert run("diff", pair.base, pair.target, "--profile", "device", "-o", made).code == 0
    return made


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_info_names_the_hash_and_what_a_device_needs(run: Run, pair: Pair, patch: Path) -> None:
    told = json.loads(run("info", patch, "--json").out)
    assert told["hash"] == "sha256"
    assert told["base"]["sha256"] == _digest(pair.base)
    assert told["target"]["sha256"] == _digest(pair.target)
    assert told["second_base"]["sha256"] == ""
    assert told["profile"]["behind"] == 0
    shown = run("info", patch).out
    assert f"sha256 {_digest(pair.target)}" in shown
    assert "0 behind in the base" in shown
    run("diff", pair.base, pair.target, "-o", "host.swpatch")
    assert json.loads(run("info", "host.swpatch", "--json").out)["hash"] == "blake3"


def test_a_limit_behind_is_kept_and_shown(run: Run, pair: Pair) -> None:
    inserted = pair.folder / "inserted"
    inserted.write_bytes(b"sixteen new byte" + pair.base.read_bytes())
    for behind, wanted in ((None, 16), (16, 16), (15, 0)):
        limit = () if behind is None else ("--behind", behind)
        assert run("diff", pair.base, inserted, "--profile", "device", *limit, "-o", "p").code == 0
        assert json.loads(run("info", "p", "--json").out)["profile"]["behind"] == wanted
        assert f"{wanted} behind in the base" in run("info", "p").out
        assert run("apply", pair.base, "p", "-o", "out").code == 0
        assert Path("out").read_bytes() == inserted.read_bytes()
    refused = run("diff", pair.base, inserted, "--behind", 0, "-o", "q")
    assert "only a patch of the device profile" in refused.err
    assert not Path("q").exists()


def test_apply_names_the_hash(run: Run, pair: Pair, patch: Path) -> None:
    told = json.loads(run("apply", pair.base, patch, "-o", "out", "--json").out)
    assert told["sha256"] == _digest(pair.target)
    assert f"sha256 {_digest(pair.target)}" in run("apply", pair.base, patch, "-o", "out").out


def test_chains_and_plans_name_the_hash(run: Run, pair: Pair, patch: Path) -> None:
    assert run("chain", "create", pair.base, patch, "-o", "all.swchain").code == 0
    told = json.loads(run("chain", "info", "all.swchain", "--json").out)
    assert [version["sha256"] for version in told["versions"]] == [_digest(pair.base), _digest(pair.target)]
    shown = run("chain", "info", "all.swchain").out
    assert "sha256" in shown
    assert "blake3" not in shown
    assert _digest(pair.target) in run("chain", "apply", pair.base, "all.swchain", "-o", "out").out
    planned = json.loads(run("plan", patch, "--runs", pair.base, "--to", pair.target, "--json").out)
    assert planned["target"] == _digest(pair.target)
    assert planned["groups"][0]["sha256"] == _digest(pair.base)
