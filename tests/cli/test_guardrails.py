"""Guards on the command line: made, shown, and checked before anything is written."""

import json
from pathlib import Path

import pytest

from sapwood.errors import GuardrailRefused
from tests.cli.conftest import Run

TFLITE = Path(__file__).parents[2] / "bench" / "corpus" / "tflite"
OLD, NEW = (TFLITE / f"my_cnn_lastlayer.{which}.tflite" for which in ("old", "new"))


@pytest.fixture
def patch(run: Run, tmp_path: Path) -> Path:
    made = tmp_path / "p.swpatch"
    guards = ("--auto-meta", "--guard", "arena_bytes=20000", "--guard", "257=0a0b")
    assert run("diff", OLD, NEW, "--profile", "device", "--state", 512, *guards, "-o", made).code == 0
    return made


def test_info_tells_what_a_file_of_facts_holds(run: Run, patch: Path, tmp_path: Path) -> None:
    told = json.loads(run("info", patch, "--json").out)
    assert told["guardrails"]["arena_bytes"] == 20000
    assert told["guardrails"]["257"] == "0a0b"
    assert told["profile"]["state"] == 512
    shown = run("info", patch).out
    assert "guard arena_bytes" in shown
    assert "512 bytes of state" in shown
    (tmp_path / "facts.json").write_text(json.dumps(told["guardrails"]))
    applied = run("apply", OLD, patch, "--device", tmp_path / "facts.json", "-o", tmp_path / "out")
    assert applied.code == 0
    assert (tmp_path / "out").read_bytes() == NEW.read_bytes()


def test_nothing_is_written_for_another_device(run: Run, patch: Path, tmp_path: Path) -> None:
    facts = json.loads(run("info", patch, "--json").out)["guardrails"]
    (tmp_path / "facts.json").write_text(json.dumps({**facts, "arena_bytes": 19999}))
    base = tmp_path / "base.tflite"
    base.write_bytes(OLD.read_bytes())
    for end in (("-o", tmp_path / "out"), ("--in-place",)):
        refused = run("apply", base, patch, "--device", tmp_path / "facts.json", *end)
        assert refused.code == GuardrailRefused.exit_code == 4
        assert "arena_bytes" in refused.err
        assert "20000 or more" in refused.err
        assert not (tmp_path / "out").exists()
        assert base.read_bytes() == OLD.read_bytes()


def test_wrong_options(run: Run, tmp_path: Path) -> None:
    for options in (["--guard", "arena=1"], ["--guard", "257"], ["--state", "512"]):
        ended = run("diff", OLD, NEW, *options, "-o", tmp_path / "p.swpatch")
        assert ended.code == 2
        assert not (tmp_path / "p.swpatch").exists()
