"""``sapwood encode`` and ``sapwood decode``, with files and in pipes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
