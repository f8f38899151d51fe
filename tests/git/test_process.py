"""Git's long-running filter, spoken to directly; ``test_git.py`` has git itself speak to it."""

import io
import os
import subprocess
from pathlib import Path

import pytest

from sapwood.errors import BadData
from sapwood.git.checkout import GitCheckout
from sapwood.git.pointer import parse_pointer
from sapwood.git.process import serve

HELLO = [b"git-filter-client\n", b"version=2\n", None, b"capability=clean\n", b"capability=smudge\n", None]
WELCOME = [
    b"git-filter-server\n",
    b"version=2\n",
    None,
    b"capability=clean\n",
    b"capability=smudge\n",
    None,
]
GOOD = [b"status=success\n", None]
BAD = [b"status=error\n", None]

Packets = list[bytes | None]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitCheckout:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    subprocess.run(["git", "init", "-q", tmp_path / "work"], check=True)
    return GitCheckout(tmp_path / "work")


def packets(sent: Packets) -> bytes:
    return b"".join(b"0000" if one is None else b"%04x" % (len(one) + 4) + one for one in sent)


def unpacked(data: bytes) -> Packets:
    found: Packets = []
    while data:
        size = int(data[:4], 16)
        found.append(data[4:size] if size else None)
        data = data[max(size, 4) :]
    return found


def ask(checkout: GitCheckout, sent: Packets) -> tuple[Packets, list[str]]:
    """What it answers after the welcome, and what it tells."""
    told: list[str] = []
    sink = io.BytesIO()
    serve(checkout, io.BufferedReader(io.BytesIO(packets([*HELLO, *sent]))), sink, told.append)
    answer = unpacked(sink.getvalue())
    assert answer[: len(WELCOME)] == WELCOME
    return answer[len(WELCOME) :], told


def request(command: bytes, content: bytes, size: int = 65516) -> Packets:
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    return [b"command=" + command + b"\n", b"pathname=a=b.bin\n", b"ref=x\n", None, *pieces, None]


@pytest.mark.parametrize("size", [1, 65516])
def test_many_files_go_in_and_out(checkout: GitCheckout, size: int) -> None:
    contents = [os.urandom(70_000), b"x", b"", os.urandom(3_000) * 40]
    cleaned, told = ask(checkout, [p for one in contents for p in request(b"clean", one, size)])
    assert told == []
    texts = []
    for content in contents:
        end = cleaned.index(None, 2)
        text = b"".join(p for p in cleaned[2:end] if p is not None)
        assert cleaned[:2] == GOOD
        assert cleaned[end : end + 2] == [None, None]
        cleaned = cleaned[end + 2 :]
        assert (parse_pointer(text) is None) is (not content)
        texts.append(text)
    assert cleaned == []
    for text, content in zip(texts, contents, strict=True):
        answer, told = ask(checkout, request(b"smudge", text, size))
        assert answer[:2] == GOOD
        assert answer[-2:] == [None, None]
        assert b"".join(p for p in answer[2:-2] if p is not None) == content
        assert all(p is None or len(p) <= 65516 for p in answer)


def test_what_is_no_pointer_passes(checkout: GitCheckout) -> None:
    content = os.urandom(2_500_000)
    answer, told = ask(checkout, request(b"smudge", content))
    assert b"".join(p for p in answer[2:-2] if p is not None) == content
    assert told == []


def test_a_missing_object_leaves_the_pointer_and_a_wrong_one_fails_alone(checkout: GitCheckout) -> None:
    text, _ = ask(checkout, request(b"clean", os.urandom(70_000)))
    pointer = text[2]
    assert pointer is not None
    lines = pointer.split(b"\n")
    absent = b"\n".join([lines[0], b"recipe " + b"0" * 64, *lines[2:]])
    lying = b"\n".join([*lines[:2], b"blake3 " + b"0" * 64, *lines[3:]])
    answer, told = ask(
        checkout, [*request(b"smudge", absent), *request(b"smudge", lying), *request(b"smudge", b"text")]
    )
    assert answer == [*GOOD, absent, None, None, *BAD, *GOOD, b"text", None, None]
    assert len(told) == 2
    assert "not in the store" in told[0]
    assert "different files" in told[1]


def test_damage_that_shows_late_is_told_at_the_end(checkout: GitCheckout) -> None:
    text, _ = ask(checkout, request(b"clean", os.urandom(3_000_000)))
    (pack,) = (checkout.store / "packs").iterdir()
    data = bytearray(pack.read_bytes())
    data[-2_000] ^= 1
    pack.write_bytes(data)
    assert text[2] is not None
    answer, told = ask(checkout, request(b"smudge", text[2]))
    assert answer[:2] == GOOD
    assert answer[-3:] == [None, *BAD]
    assert len(told) == 1


def test_an_unknown_command_fails_alone(checkout: GitCheckout) -> None:
    answer, told = ask(checkout, [*request(b"dance", b"x" * 100_000), *request(b"smudge", b"text")])
    assert answer == [*BAD, *GOOD, b"text", None, None]
    assert "did not offer" in told[0]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"what",
        b"0003",
        b"fff0" + b"x" * 100,
        b"+004",
        packets([b"git-filter-client\n", b"version=3\n", None]),
        packets([b"hello\n", b"version=2\n", None]),
        packets([*HELLO, b"command=clean\n"]),
        packets([*HELLO, b"command=clean\n", b"pathname=x\n", None, b"half"])[:-2],
    ],
)
def test_what_is_not_the_protocol_is_refused(checkout: GitCheckout, data: bytes) -> None:
    with pytest.raises(BadData):
        serve(checkout, io.BufferedReader(io.BytesIO(data)), io.BytesIO(), lambda _text: None)
