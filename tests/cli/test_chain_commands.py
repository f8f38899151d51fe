"""``sapwood chain`` as its users run it: what it prints, and how it ends."""

import json
from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood import errors
from tests.cli.conftest import Pair, Run
from tests.cli.test_endings import refused


@pytest.fixture
def chain(run: Run, pair: Pair) -> Path:
    """Three versions in a chain; the third is the second with one byte changed."""
    third = bytearray(pair.target.read_bytes())
    third[-1] ^= 1
    (pair.folder / "v3").write_bytes(third)
    made = run("chain", "create", pair.base, pair.target, "v3", "-o", "all.swchain")
    assert made.code == 0, made.err
    assert "2 links" in made.out
    return pair.folder / "all.swchain"


def test_info_tells_versions_and_links(run: Run, chain: Path) -> None:
    told = json.loads(run("chain", "info", chain, "--json").out)
    assert [(link["number"], link["from"], link["to"]) for link in told["links"]] == [(1, 1, 2), (2, 2, 3)]
    assert len({version["blake3"] for version in told["versions"]}) == 3
    assert told["size"] == chain.stat().st_size
    table = run("chain", "info", chain).out
    assert all(version["blake3"][:16] in table for version in told["versions"])


def test_apply_says_where_it_started(run: Run, pair: Pair, chain: Path) -> None:
    for start, base in enumerate((pair.base, pair.target, pair.folder / "v3"), 1):
        told = json.loads(run("chain", "apply", base, chain, "-o", "out", "--from-any", "--json").out)
        assert (told["from"], told["to"], told["links"]) == (start, 3, 3 - start)
        assert Path("out").read_bytes() == Path("v3").read_bytes()
    assert "version 2 from 1, 1 link" in run("chain", "apply", pair.base, chain, "-o", "out", "--to", "2").out
    assert Path("out").read_bytes() == pair.target.read_bytes()
    assert run("chain", "apply", pair.target, chain, "--from-any", "--in-place").code == 0
    assert pair.target.read_bytes() == Path("v3").read_bytes()


def test_a_chain_from_nothing_needs_no_base(run: Run, pair: Pair) -> None:
    run("compress", pair.base, "-o", "first")
    assert run("chain", "create", "first", pair.target, "-o", "c").code == 0
    assert run("chain", "apply", "c", "-o", "out").code == 0
    assert Path("out").read_bytes() == pair.target.read_bytes()
    assert "build their targets" in run("chain", "verify", "c").out


def test_append_extract_and_verify(run: Run, pair: Pair, chain: Path) -> None:
    Path("v4").write_bytes(b"another")
    grown = json.loads(run("chain", "append", chain, "v4", "--base", pair.base, "--json").out)
    assert [link["to"] for link in grown["links"]] == [2, 3, 4]
    assert "3 links" in run("chain", "verify", chain, "--base", pair.base).out
    told = json.loads(run("chain", "extract", chain, "3", "-o", "link", "--json").out)
    assert told["size"] == Path("link").stat().st_size
    assert run("apply", "v3", "link", "-o", "out").code == 0
    assert Path("out").read_bytes() == b"another"
    assert json.loads(run("chain", "verify", chain, "--json").out)["checked"] == {
        "links": 3,
        "signatures": False,
        "targets": False,
    }


def test_squash_says_how_it_was_made(run: Run, pair: Pair, chain: Path) -> None:
    told = refused(run, errors.WrongCall, "chain", "squash", chain, "-o", "one")
    assert "--base" in told or "as base" in told
    made = json.loads(run("chain", "squash", chain, "--base", pair.base, "-o", "one", "--json").out)
    assert (made["made"], made["from"], made["to"], made["links"]) == ("anew", 1, 3, 2)
    assert run("apply", pair.base, "one", "-o", "out").code == 0
    assert Path("out").read_bytes() == Path("v3").read_bytes()
    noise = [np.random.default_rng(i).bytes(300) for i in range(3)]
    sapwood.chain_create(noise, "c")
    assert "without a model" in run("chain", "squash", "c", "-o", "one").out
    assert sapwood.apply(noise[0], "one") == noise[2]
    run("keygen", "key")
    sapwood.chain_create(noise, "c", key="key")
    assert "signed" in run("chain", "squash", "c", "-o", "one").err
    assert run("chain", "squash", "c", "-o", "one", "--sign", "key", "--verify-key", "key.pub").err == ""


def test_plan_tells_ways_and_what_is_not_needed(run: Run, pair: Pair, chain: Path) -> None:
    sapwood.compress(pair.base, "alone")
    arguments = ("plan", chain, "alone", "--runs", f"{pair.base}=10", "--runs", pair.target, "--to", "v3")
    told = json.loads(run(*arguments, "--json").out)
    assert [group["devices"] for group in told["groups"]] == [10, 1]
    assert told["groups"][1]["patches"] == [f"{chain}#2"]
    assert told["sent"] == sum(group["size"] * group["devices"] for group in told["groups"])
    assert [edge["name"] for edge in told["unneeded"]] == ["alone"]
    table = run(*arguments, "--fresh").out
    assert "not needed: alone" in table
    assert f"{chain}#1 > {chain}#2" in table
    there = run("plan", "--runs", "v3=2", "--to", "v3")
    assert (there.code, "is there" in there.out) == (0, True)


def test_plan_names_whom_no_patch_reaches(run: Run, pair: Pair, chain: Path) -> None:
    arguments = ("plan", chain, "--runs", "none=5", "--runs", pair.base, "--to", "v3")
    ended = run(*arguments)
    assert ended.code == errors.BrokenChain.exit_code
    assert "no way" in ended.out
    assert "none to the version wanted: 5 devices" in ended.err
    shown = run(*arguments, "--json")
    assert (shown.code, json.loads(shown.out)["groups"][0]["patches"]) == (19, None)
    assert run("plan", chain, "--runs", "none", "--runs", "none=2", "--to", "v3").code == 2
    refused(run, errors.MissingInput, "plan", chain, "--runs", "nowhere", "--to", "v3")


def test_a_signed_chain(run: Run, pair: Pair) -> None:
    run("keygen", "key")
    arguments = ("-o", "c", "--sign", "key", "--version-counter", "4")
    assert run("chain", "create", pair.base, pair.target, *arguments).code == 0
    checks = ("--verify-key", "key.pub", "--min-version", "4")
    assert run("chain", "apply", pair.base, "c", "-o", "out", *checks).code == 0
    assert run("chain", "verify", "c", "--key", "key.pub").code == 0
    refused(run, errors.RollbackRefused, "chain", "apply", pair.base, "c", "-o", "o", "--min-version", "5")
    sapwood.chain_create([pair.base, pair.target], "plain")
    refused(run, errors.BadSignature, "chain", "apply", pair.base, "plain", "-o", "o", *checks)
    assert not Path("o").exists()


def test_what_is_wrong_is_one_line_and_its_exit_code(run: Run, pair: Pair, chain: Path) -> None:
    told = refused(run, errors.BrokenChain, "chain", "append", chain, pair.base, "--base", pair.base)
    assert "link 3 leads back to version 1" in told
    assert errors.BrokenChain.exit_code == 19
    refused(run, errors.MissingInput, "chain", "info", "nowhere")
    refused(run, errors.MissingInput, "chain", "create", pair.base, "nowhere", "-o", "c")
    refused(run, errors.WrongCall, "chain", "append", chain, pair.base)
    refused(run, errors.WrongCall, "chain", "extract", chain, "3", "-o", "link")
    refused(run, errors.WrongBase, "chain", "apply", pair.target, chain, "-o", "out")
    refused(run, errors.CorruptPatch, "chain", "info", pair.base)
    limit = ("-o", "out", "--max-size", "100")
    refused(run, errors.LimitExceeded, "chain", "apply", pair.base, chain, *limit)
    chain.write_bytes(chain.read_bytes()[:-1])
    assert "all.swchain" in refused(run, errors.CorruptPatch, "chain", "verify", chain)
    shown = run("chain", "info", chain)
    assert shown.code == 0
    assert "bytes behind the last link" in shown.err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "arguments",
    [["create", "a", "b"], ["apply", "a", "b", "c", "-o", "d"], ["apply", "a", "b"], ["extract", "c", "0"]],
)
def test_a_mistake_in_the_call_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    ended = run("chain", *arguments)
    assert ended.code == 2
    assert "Usage:" in ended.err


def test_what_is_carried_goes_into_the_links_made(run: Run, pair: Pair) -> None:
    Path("v3").write_bytes(pair.target.read_bytes() + b"more")
    first = ("--meta", "run=7", "--guard", "family=cam", "--guard", "arena_bytes=4096")
    assert run("chain", "create", pair.base, pair.target, "-o", "c", *first).code == 0
    assert run("chain", "append", "c", "v3", "--base", pair.base, "--meta", "run=8").code == 0
    told = []
    for number in ("1", "2"):
        assert run("chain", "extract", "c", number, "-o", "link").code == 0
        told.append(json.loads(run("info", "link", "--json").out))
    assert [link["metadata"] for link in told] == [{"run": "7"}, {"run": "8"}]
    assert [len(link["guardrails"]) for link in told] == [2, 0]
    Path("device.json").write_text('{"family": "toaster", "arena_bytes": 9999}', encoding="utf-8")
    assert run("chain", "extract", "c", "1", "-o", "link").code == 0
    refusal = run("apply", pair.base, "link", "-o", "out", "--device", "device.json")
    assert refusal.code != 0
    assert "family" in refusal.err
