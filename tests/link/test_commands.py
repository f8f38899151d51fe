"""``tx``, ``rx`` and ``link`` as processes of their own, over pseudo-terminals and TCP."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.serial_line import SerialLine
from sapwood.bytecoder import Level, encode
from sapwood.cli.main import main
from sapwood.link.frames import Open
from sapwood.link.places import IntoFolder
from sapwood.link.receiving import Refusal
from tests.link.processes import FAST, Commands, content, finish, wait_until


def test_a_file_over_tcp(tmp_path: Path, commands: Commands, tcp: tuple[str, str]) -> None:
    (tmp_path / "in").write_bytes(content(500_000))
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    tx = commands.start("tx", "--port", tcp[1], str(tmp_path / "in"), "--json")
    sent = json.loads(finish(tx)[0])
    assert b"received 500 kB" in finish(rx)[0]
    assert sent["size"] == 500_000
    assert sent["line_bytes_sent"] < 520_000
    assert (tmp_path / "out").read_bytes() == content(500_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_pipes_over_a_serial_line_with_errors(commands: Commands) -> None:
    with SerialLine(flip=1e-5) as line:
        tx = commands.start("tx", "--port", line.devices[0], *FAST, data=content(60_000))
        rx = commands.start("rx", "--port", line.devices[1], *FAST)
        assert finish(rx)[0] == content(60_000)
        finish(tx)


def test_xon_and_xoff_are_left_to_the_line(commands: Commands) -> None:
    data = bytes([0x11, 0x13, 0x7D, 0]) * 2000 + content(1000)
    with SerialLine() as line:
        tx = commands.start("tx", "--port", line.devices[0], *FAST, "--flow", "xonxoff", data=data)
        rx = commands.start("rx", "--port", line.devices[1], *FAST, "--flow", "xonxoff")
        assert finish(rx)[0] == data
        finish(tx)


@pytest.mark.parametrize(("source", "to"), [("file", "pipe"), ("pipe", "file")])
def test_a_coded_stream_is_decoded(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], source: str, to: str
) -> None:
    data = b"a line of text, and another one\n" * 5000
    (tmp_path / "in").write_bytes(data)
    given = [str(tmp_path / "in")] if source == "file" else []
    tx = commands.start(
        "tx", "--port", tcp[0], "--compress", "live", "--json", *given, data=None if given else data
    )
    rx = commands.start("rx", "--port", tcp[1], *(["-o", str(tmp_path / "out")] if to == "file" else []))
    out, _ = finish(rx)
    assert json.loads(finish(tx)[0])["size"] < 1000
    assert ((tmp_path / "out").read_bytes() if to == "file" else out) == data


def test_a_short_file_is_coded_by_the_trained_model_that_both_ends_have(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str]
) -> None:
    (tmp_path / "in").write_text('{"name": "value", "list": [1, 2, 3]}\n' * 3)
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    tx = commands.start("tx", "--port", tcp[1], "--compress", "live", "--json", str(tmp_path / "in"))
    sent = json.loads(finish(tx)[0])
    finish(rx)
    assert sent["size"] < len(encode((tmp_path / "in").read_bytes(), Level.LIVE))
    assert (tmp_path / "out").read_bytes() == (tmp_path / "in").read_bytes()


@pytest.mark.parametrize("victim", ["tx", "rx"])
def test_a_killed_end_goes_on_where_it_was(tmp_path: Path, commands: Commands, victim: str) -> None:
    size = 400_000
    (tmp_path / "in").write_bytes(content(size))
    out, part = tmp_path / "out", tmp_path / "out.part"
    with SerialLine(rate=100_000) as line:
        starts = {
            "tx": ("tx", "--port", line.devices[0], "--baud", "1000000", str(tmp_path / "in"), "--json"),
            "rx": ("rx", "--port", line.devices[1], "--baud", "1000000", "-o", str(out)),
        }
        running = {name: commands.start(*start) for name, start in starts.items()}
        wait_until(lambda: part.exists() and part.stat().st_size > size // 2)
        running[victim].send_signal(signal.SIGKILL)
        running[victim].wait()
        kept = part.stat().st_size
        assert not out.exists()
        running[victim] = commands.start(*starts[victim])
        finish(running["rx"])
        counts = json.loads(finish(running["tx"])[0])
        assert out.read_bytes() == content(size)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
        assert line.carried[0] < size * 1.35, "it went on, and did not begin again"
    if victim == "tx":
        assert counts["line_bytes_sent"] < (size - kept) * 1.2


def test_both_killed_again_and_again(tmp_path: Path, commands: Commands) -> None:
    size = 300_000
    (tmp_path / "in").write_bytes(content(size))
    part = tmp_path / "out.part"
    with SerialLine(rate=100_000, flip=1e-6) as line:
        starts = [
            ("tx", "--port", line.devices[0], "--baud", "1000000", str(tmp_path / "in")),
            ("rx", "--port", line.devices[1], "--baud", "1000000", "-o", str(tmp_path / "out")),
        ]
        running = [commands.start(*start) for start in starts]
        for share in (0.3, 0.5, 0.7):
            wait_until(lambda share=share: part.exists() and part.stat().st_size > size * share)  # type: ignore[misc]
            for ran in running:
                ran.kill()
                ran.wait()
            running = [commands.start(*start) for start in starts]
        for ran in running:
            finish(ran)
        assert (tmp_path / "out").read_bytes() == content(size)
        assert line.carried[0] < size * 1.5


def test_another_content_begins_anew(tmp_path: Path, commands: Commands, tcp: tuple[str, str]) -> None:
    out = tmp_path / "out"
    (tmp_path / "out.part").write_bytes(b"of another stream")
    state = {"identity": "00" * 16, "on_disk": 17, "boot": ""}
    (tmp_path / "out.part.json").write_text(json.dumps(state))
    rx = commands.start("rx", "--port", tcp[0], "-o", str(out))
    tx = commands.start("tx", "--port", tcp[1], data=b"this one")
    finish(rx)
    finish(tx)
    assert out.read_bytes() == b"this one"


def test_files_both_ways(tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for name, size in (("one", 30_000), ("two", 0), ("three", 70_000)):
        (tmp_path / name).write_bytes(content(size))
    (tmp_path / "b" / "one").write_bytes(content(30_000))
    with SerialLine() as line:
        pushes = [part for name in ("one", "two") for part in ("--push", str(tmp_path / name))]
        first = commands.start(
            "link", "--port", line.devices[0], *FAST, *pushes, "--into", str(tmp_path / "a"), "--json"
        )
        second = commands.start(
            "link",
            "--port",
            line.devices[1],
            *FAST,
            "--push",
            str(tmp_path / "three"),
            "--into",
            str(tmp_path / "b"),
        )
        facts = json.loads(finish(first)[0])
        out, _ = finish(second)
    assert (tmp_path / "a" / "three").read_bytes() == content(70_000)
    assert (tmp_path / "b" / "two").read_bytes() == b""
    assert {push["name"]: (push["size"], push["result"]) for push in facts["pushed"]} == {
        "one": (0, 0),
        "two": (0, 0),
    }
    assert out.count(b"whole") == 3


def test_link_stays_until_it_is_interrupted(tmp_path: Path, commands: Commands, tcp: tuple[str, str]) -> None:
    (tmp_path / "in").write_bytes(content(1000))
    (tmp_path / "inbox").mkdir()
    stays = commands.start("link", "--port", tcp[0], "--into", str(tmp_path / "inbox"))
    finish(commands.start("link", "--port", tcp[1], "--push", str(tmp_path / "in")))
    finish(commands.start("tx", "--port", tcp[1], "--name", "again", str(tmp_path / "in")))
    stays.send_signal(signal.SIGINT)
    out, _ = finish(stays)
    assert out.count(b"whole") == 2
    assert (tmp_path / "inbox" / "again").read_bytes() == content(1000)


@pytest.mark.parametrize(
    "name", ["../out", "..", ".bashrc", "a/b", "", "x.part", "x.part.json", "a\nb", "x" * 201]
)
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refusal, match="no name for a file"):
        IntoFolder(str(tmp_path))(Open(0, 1, 0, 0, bytes(16), 1, name))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_plain_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "elsewhere").symlink_to("/etc/passwd")
    for name in ("folder", "elsewhere"):
        with pytest.raises(Refusal, match="something else"):
            IntoFolder(str(tmp_path))(Open(0, 1, 0, 0, bytes(16), 1, name))


def test_a_stream_beyond_the_limit_is_refused_on_both_ends(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str]
) -> None:
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"), "--max-size", "1000")
    tx = commands.start("tx", "--port", tcp[1], data=bytes(2000))
    assert b"too long" in finish(rx, 17)[1]
    assert b"the other end failed: the stream is too long" in finish(tx, 34)[1]
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_refused(tmp_path: Path, commands: Commands, tcp: tuple[str, str]) -> None:
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"), "--max-size", "10000")
    tx = commands.start("tx", "--port", tcp[1], "--compress", "live", data=bytes(200_000))
    finish(rx, 17)
    finish(tx, 34)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there(commands: Commands, tcp: tuple[str, str]) -> None:
    with SerialLine() as line:
        silent = commands.start("tx", "--port", line.devices[0], "--timeout", "1", data=b"x")
        _, err = finish(silent, 33)
        assert b"not heard for 1 seconds" in err
    finish(commands.start("rx", "--port", tcp[0], "--timeout", "0.5"), 33)
    finish(commands.start("tx", "--port", tcp[1], "--timeout", "0.5", data=b"x"), 33)


def test_a_pipe_that_cannot_be_sent_again_fails_on_both_ends(
    commands: Commands, tcp: tuple[str, str]
) -> None:
    read, write = os.pipe()
    command = [sys.executable, "-m", "sapwood", "tx", "--port", tcp[0]]
    tx = subprocess.Popen(command, stdin=read, stderr=subprocess.PIPE)
    commands.running.append(tx)
    os.close(read)
    first = commands.start("rx", "--port", tcp[1])
    chunk = bytes(1 << 16)
    try:
        for _ in range(160):
            os.write(write, chunk)
            assert first.stdout is not None
            first.stdout.read(len(chunk))
        first.kill()
        second = commands.start("rx", "--port", tcp[1])
        _, err = second.communicate(timeout=60)
        assert second.returncode == 35, err
        _, err = tx.communicate(timeout=60)
        assert tx.returncode == 35, err
    finally:
        os.close(write)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("tx", "--port", "/dev/null", "nothing-here"), 3, "no such file"),
        (("tx", "--port", "tcp:nowhere"), 2, "is no address"),
        (("tx", "--port", "tcp:host:99999"), 2, "is no address"),
        (("rx", "--port", "/nowhere/tty"), 33, "cannot be opened"),
        (("rx", "--port", "/etc/passwd"), 2, "not a serial device"),
        (("rx", "--port", "/dev/null"), 33, "cannot be opened"),
        (("rx", "--port", "tcp:host:1", "-o", "/nowhere/out"), 2, "folder does not exist"),
        (("link", "--port", "tcp:host:1"), 2, "nothing to push"),
        (("link", "--port", "tcp:host:1", "--into", "/nowhere"), 2, "is not a folder"),
        (("tx", "--port", "tcp:host:1", "/etc"), 2, "is a folder"),
    ],
)
def test_mistakes(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, text: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    err = capsys.readouterr().err
    assert left.value.code == code, err
    assert text in err
    assert err.count("\n") == 1


def test_a_terminal_gets_no_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with pytest.raises(SystemExit) as left:
        main(["rx", "--port", "tcp:host:1"])
    assert left.value.code == 2
    assert "go to a terminal" in capsys.readouterr().err


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(SystemExit) as left:
        main(["rx", "--port", "/dev/null", "-o", "out"])
    assert left.value.code == 23
    assert "pip install 'sapwood[link]'" in capsys.readouterr().err
