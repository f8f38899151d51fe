"""What the commands below ``fingerprint`` print, and how they end."""

import json
from pathlib import Path

import sapwood
from tests.cli.conftest import Pair, Run


def test_a_model_alone_is_shown(run: Run, pair: Pair) -> None:
    told = json.loads(run("fingerprint", pair.base, "--json").out)
    assert told == sapwood.fingerprint(pair.base).to_json()
    assert run("fingerprint", "show", pair.base, "--json").out == run("fingerprint", "--json", pair.base).out
    shown = run("fingerprint", pair.base).out
    assert told["digest"] in shown
    assert told["contents"] in shown
    assert " s\n" in shown


def test_a_sketch_alone_has_no_digests(run: Run, pair: Pair) -> None:
    assert json.loads(run("fingerprint", pair.base, "--sketch", "--json").out)["digest"] is None


def test_models_and_saved_fingerprints_are_compared(run: Run, pair: Pair) -> None:
    Path("v1.json").write_text(run("fingerprint", pair.base, "--json").out)
    for base in (pair.base, "v1.json"):
        ended = run("fingerprint", "compare", base, pair.target)
        assert ended.code == 0
        assert ended.out.startswith("kin: kinship ")
    told = json.loads(run("fingerprint", "compare", "v1.json", pair.base, "--json").out)
    assert told["relation"] == "identical"
    assert told["same"] == told["tensors"] == 2


def test_the_best_base_is_found(run: Run, pair: Pair) -> None:
    ended = run("fingerprint", "add", pair.base, pair.target, "--db", "models.db")
    assert ended.code == 0
    assert str(pair.base) in ended.out
    told = json.loads(run("fingerprint", "find", "v2.safetensors", "--db", "models.db", "--json").out)
    assert told["models"] == 2
    assert [match["path"] for match in told["found"]] == [str(pair.target), str(pair.base)]
    assert [match["relation"] for match in told["found"]] == ["identical", "kin"]
    shown = run("fingerprint", "find", pair.target, "--db", "models.db", "--limit", 1).out
    assert "1 kin found among 2 models" in shown
    assert str(pair.base) not in shown


def test_no_kin_is_no_failure(run: Run, pair: Pair) -> None:
    Path("other").write_bytes(b"nothing")
    run("fingerprint", "add", pair.base, "--db", "models.db")
    ended = run("fingerprint", "find", "other", "--db", "models.db")
    assert ended.code == 0
    assert ended.out.startswith("no kin found among 1 models")


def test_mistakes_have_their_exit_codes(run: Run, pair: Pair) -> None:
    Path("broken.json").write_text('{"sapwood_fingerprint": 9}')
    Path("other.db").write_bytes(b"x" * 5000)
    assert run("fingerprint").code == 2
    assert run("fingerprint", "nowhere").code == 3
    assert run("fingerprint", "compare", pair.base).code == 2
    assert run("fingerprint", "find", pair.base, "--db", "none.db").code == 3
    broken = run("fingerprint", "broken.json")
    assert broken.code == 10
    assert broken.err.startswith("sapwood: broken.json: ")
    assert run("fingerprint", "add", pair.base, "--db", "other.db").code == 10
    assert run("fingerprint", "find", pair.base, "--db", "other.db").code == 10
    assert Path("other.db").read_bytes() == b"x" * 5000
