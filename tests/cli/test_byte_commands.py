"""``sapwood encode`` and ``sapwood decode``, with files and in pipes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sapwood.bytecoder.comparison.coders import NAMES

CONTENT = b"a line of text, and another one\n" * 2000


def sapwood(*arguments: str, data: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "sapwood", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=False)


@pytest.mark.parametrize("level", ["live", "default", "max"])
def test_a_file_there_and_back(tmp_path: Path, level: str) -> None:
    plain, coded, again = (str(tmp_path / name) for name in ("plain", "coded.ncmp", "again"))
    Path(plain).write_bytes(CONTENT)
    ran = sapwood("encode", plain, "-o", coded, "--level", level, "--json")
    assert json.loads(ran.stdout)["size"] == len(CONTENT)
    assert Path(coded).stat().st_size < 300
    assert b"64.0 kB" in sapwood("decode", coded, "-o", again, "--threads", "2").stdout
    assert Path(again).read_bytes() == CONTENT


def test_in_pipes() -> None:
    coded = sapwood("encode", "-", "--level", "live", data=CONTENT)
    assert coded.stderr == b""
    assert sapwood("decode", "-", data=coded.stdout).stdout == CONTENT


def test_a_damaged_stream_leaves_no_file(tmp_path: Path) -> None:
    coded = tmp_path / "coded"
    coded.write_bytes(sapwood("encode", "-", "--level", "live", data=CONTENT).stdout[:-1])
    ran = sapwood("decode", str(coded), "-o", str(tmp_path / "out"))
    assert ran.returncode == 30
    assert b"cut short" in ran.stderr
    assert str(coded).encode() in ran.stderr
    assert not (tmp_path / "out").exists()


def test_a_limit_and_a_missing_file() -> None:
    coded = sapwood("encode", "-", "--level", "live", data=CONTENT).stdout
    assert sapwood("decode", "-", "--max-size", "10", data=coded).returncode == 17
    assert sapwood("encode", "nowhere").returncode == 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of lines like the content's, trained by the command."""
    folder = tmp_path_factory.mktemp("model")
    corpus = folder / "corpus" / "lines"
    corpus.mkdir(parents=True)
    for number in range(4):
        (corpus / f"{number}").write_bytes(b"a line of text %d, and another one\n" % number * 100)
    path = folder / "lines.ncmodel"
    picture = folder / "curve.svg"
    ran = sapwood(
        "train",
        str(corpus.parent),
        "-o",
        str(path),
        "--text",
        "4096",
        "--steps",
        "1",
        "--plot",
        str(picture),
        "--json",
    )
    assert ran.stderr == b""
    meta = json.loads(ran.stdout)
    assert json.loads(path.with_suffix(".json").read_text()) == meta
    assert meta["corpus"]["kinds"] == ["lines"]
    assert b"held-out" in picture.read_bytes()
    return str(path)


def test_a_trained_model_there_and_back(tmp_path: Path, model: str) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT[:200])
    coded = sapwood("encode", str(plain), "--model", model).stdout
    assert len(coded) < len(sapwood("encode", str(plain), "--model", "none").stdout)
    assert sapwood("decode", "-", "--model", model, data=coded).stdout == CONTENT[:200]
    refused = sapwood("decode", "-", data=coded)
    assert refused.returncode == 32
    identity = json.loads(Path(model).with_suffix(".json").read_text())["identity"]
    assert identity.encode() in refused.stderr


def test_messages_there_and_back(model: str) -> None:
    for option in (["--model", model], [], ["--model", "none"]):
        coded = sapwood("encode", "-", "--message", *option, data=CONTENT[:200]).stdout
        assert sapwood("decode", "-", "--message", *option, data=coded).stdout == CONTENT[:200]
    assert (
        sapwood("decode", "-", "--message", "--max-size", "100", "--model", "none", data=coded).returncode
        == 17
    )
    assert sapwood("decode", "-", "--message", data=coded).returncode == 30
    assert sapwood("encode", "-", "--message", data=bytes(1_100_000)).returncode == 2


def test_short_files_take_the_general_model(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"def main(arguments: list[str]) -> None:\n    print(arguments)\n")
    coded = sapwood("encode", str(plain)).stdout
    assert len(coded) < len(sapwood("encode", "-", data=plain.read_bytes()).stdout)
    assert sapwood("decode", "-", data=coded).stdout == plain.read_bytes()


def test_a_damaged_model_is_named(tmp_path: Path, model: str) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(Path(model).read_bytes()[:-1])
    ran = sapwood("encode", "-", "--model", str(damaged), data=b"x")
    assert ran.returncode == 36
    assert str(damaged).encode() in ran.stderr
    assert sapwood("encode", "-", "--model", "nowhere", data=b"x").returncode == 3
    assert sapwood("train", "nowhere", "-o", str(tmp_path / "out")).returncode == 3
    assert sapwood("train", model, "-o", str(tmp_path / "out"), "--plot", "curve.xyz").returncode == 2


def test_coders_side_by_side(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus" / "lines"
    corpus.mkdir(parents=True)
    (corpus / "a").write_bytes(b"".join(b"line %d of many\n" % i for i in range(400)))
    (corpus / "empty").touch()
    picture = tmp_path / "picture.svg"
    ran = sapwood("bench", "--corpus", str(corpus.parent), "--plot", str(picture), "--json")
    assert ran.returncode == 0, ran.stderr
    facts = json.loads(ran.stdout)
    coders = {one["name"]: one for one in facts["coders"]}
    # What needs a package is here or named.
    assert coders.keys() | facts["missing"].keys() == set(NAMES)
    assert {
        "sapwood live",
        "sapwood default",
        "sapwood max",
        "zlib -6",
        "zstd -19",
        "xz -9e",
    } <= coders.keys()
    assert coders["sapwood max"]["coded"].keys() == {"lines/a"}
    assert coders["sapwood default"]["ratio"] < coders["zlib -6"]["ratio"]
    assert all(one["encode_seconds"] > 0 for one in coders.values())
    assert b"<svg" in picture.read_bytes()


def test_nothing_to_compare(tmp_path: Path) -> None:
    ran = sapwood("bench", "--corpus", str(tmp_path))
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert b"nothing to compare on" in ran.stderr
