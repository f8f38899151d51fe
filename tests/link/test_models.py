"""Trained models of the byte coder over a link: sent once, kept, refused when they are none."""

import fcntl
import hashlib
import json
import os
import random
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import zstandard
from blake3 import blake3

from bench.serial_line import SerialLine
from sapwood import _core
from sapwood.bytecoder import Level, Prior, encode, general
from sapwood.bytecoder.prior import MOST_FILE, MOST_TEXT
from sapwood.cli.link_models import users_models
from sapwood.cli.main import main
from sapwood.errors import CorruptByteModel
from sapwood.link.frames import Coding, Open, Result, StreamType
from sapwood.link.model_folder import MOST_KEPT, ModelFolder
from sapwood.link.part_file import PartFile
from sapwood.link.places import IntoFile, IntoFolder
from sapwood.link.ports import TcpPort, port_named
from sapwood.link.pushing import Push, push_of_model
from sapwood.link.receiving import Receiving, Refusal
from sapwood.link.source import FileSource, ModelSource
from sapwood.link.station import Station, failure_of_push
from tests.link.processes import FAST, Commands, content, finish, wait_until

TEXT = random.Random(1).randbytes(100_000)
PRIOR = Prior.make(TEXT, 2, {})
OTHER = Prior.make(TEXT[1:], 2, {})
KNOWN = TEXT[10_000:60_000]
"""Of no size at all to a coder that has the model, and never smaller to one that has not."""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "mine.ncmodel"
    path.write_bytes(PRIOR.data)
    return str(path)


@pytest.fixture
def kept(commands: Commands) -> Path:
    """Where the processes keep models."""
    return Path(commands.environment["XDG_CACHE_HOME"]) / "sapwood" / "models"


def name_of(prior: Prior) -> str:
    return f"{prior.identity.hex()}.ncmodel"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_model_is_sent_once(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], model: str, kept: Path
) -> None:
    sent = []
    for i, data in enumerate((KNOWN, KNOWN[::-1] + KNOWN, KNOWN[100:])):
        (tmp_path / "in").write_bytes(data)
        if i == 2:
            (kept / name_of(PRIOR)).write_bytes(b"damaged meanwhile")
        rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
        tx = commands.start("tx", "--port", tcp[1], "--model", model, str(tmp_path / "in"), "--json")
        sent.append(json.loads(finish(tx)[0]))
        finish(rx)
        assert (tmp_path / "out").read_bytes() == data
        assert names(kept) == [name_of(PRIOR)]
    assert (kept / name_of(PRIOR)).read_bytes() == PRIOR.data
    first, second, third = (facts["line_bytes_sent"] for facts in sent)
    size = len(PRIOR.data)
    assert sent[0]["size"] < 1000, "it is coded with the model"
    assert size < first < size * 1.1
    assert len(KNOWN) < second < len(KNOWN) * 1.1
    assert size < third < size * 1.1, "what is damaged is not there"


def test_the_model_that_comes_with_sapwood_is_not_sent(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], kept: Path
) -> None:
    (tmp_path / "general").write_bytes(general().data)
    (tmp_path / "in").write_bytes(b'{"name": "value", "list": [1, 2, 3]}\n' * 3)
    rx = commands.start("rx", "--port", tcp[0])
    tx = commands.start(
        "tx", "--port", tcp[1], "--model", str(tmp_path / "general"), str(tmp_path / "in"), "--json"
    )
    assert finish(rx)[0] == (tmp_path / "in").read_bytes()
    facts = json.loads(finish(tx)[0])
    assert facts["size"] == len(encode((tmp_path / "in").read_bytes(), prior=general()))
    assert facts["line_bytes_sent"] < 1000
    assert names(kept) == []


def test_pipes_over_a_line_with_errors(commands: Commands, model: str) -> None:
    with SerialLine(flip=1e-5) as line:
        coded = ("--compress", "live", "--model", model)
        tx = commands.start("tx", "--port", line.devices[0], *FAST, *coded, data=KNOWN)
        rx = commands.start("rx", "--port", line.devices[1], *FAST)
        assert finish(rx)[0] == KNOWN
        finish(tx)


def test_both_ways_each_with_a_model(tmp_path: Path, commands: Commands, model: str, kept: Path) -> None:
    (tmp_path / "other.ncmodel").write_bytes(OTHER.data)
    ends = []
    with SerialLine() as line:
        for i, path in enumerate((model, str(tmp_path / "other.ncmodel"))):
            folder = tmp_path / str(i)
            folder.mkdir()
            (tmp_path / f"of{i}").write_bytes(KNOWN[i:])
            options = ("--push", str(tmp_path / f"of{i}"), "--into", str(folder), "--json")
            ends.append(commands.start("link", "--port", line.devices[i], *FAST, *options, "--model", path))
        facts = [json.loads(finish(end)[0]) for end in ends]
    for i, prior in enumerate((PRIOR, OTHER)):
        assert (tmp_path / str(1 - i) / f"of{i}").read_bytes() == KNOWN[i:]
        pushed = {push["name"]: (push["size"], push["result"]) for push in facts[i]["pushed"]}
        assert pushed[f"model {prior.identity[:4].hex()}"] == (len(prior.data), 0)
        assert pushed[f"of{i}"][1] == 0
    assert names(kept) == sorted(map(name_of, (PRIOR, OTHER)))


def test_a_model_can_be_pushed_ahead(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], model: str, kept: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "in").write_bytes(KNOWN)
    stays = commands.start("link", "--port", tcp[0], "--into", str(tmp_path / "inbox"))
    finish(commands.start("link", "--port", tcp[1], "--push-as", "byte-model", model))
    assert names(kept) == [name_of(PRIOR)]
    assert names(tmp_path / "inbox") == []
    tx = commands.start("tx", "--port", tcp[1], "--model", model, str(tmp_path / "in"), "--json")
    assert json.loads(finish(tx)[0])["line_bytes_sent"] < 2000
    stays.send_signal(signal.SIGINT)
    finish(stays)
    assert (tmp_path / "inbox" / "in").read_bytes() == KNOWN


@pytest.mark.parametrize("victim", ["tx", "rx"])
def test_a_killed_end_goes_on_in_the_midst_of_a_model(
    tmp_path: Path, commands: Commands, kept: Path, victim: str
) -> None:
    prior = Prior.make(content(400_000), 2, {})
    model = tmp_path / "mine.ncmodel"
    model.write_bytes(prior.data)
    (tmp_path / "in").write_bytes(KNOWN)
    part = kept / f"{name_of(prior)}.part"
    with SerialLine(rate=100_000) as line:
        speed = ("--baud", "1000000")
        starts = {
            "tx": ("tx", "--port", line.devices[0], *speed, "--model", str(model), str(tmp_path / "in")),
            "rx": ("rx", "--port", line.devices[1], *speed, "-o", str(tmp_path / "out")),
        }
        running = {name: commands.start(*start) for name, start in starts.items()}
        wait_until(lambda: part.exists() and part.stat().st_size > 200_000)
        running[victim].send_signal(signal.SIGKILL)
        running[victim].wait()
        assert names(kept) == [f"{name_of(prior)}.part", f"{name_of(prior)}.part.json"]
        running[victim] = commands.start(*starts[victim])
        finish(running["rx"])
        finish(running["tx"])
        assert line.carried[0] < len(prior.data) + 150_000, "it went on, and did not begin again"
    assert (tmp_path / "out").read_bytes() == KNOWN
    assert names(kept) == [name_of(prior)]


@pytest.mark.parametrize(("victim", "keeps"), [("tx", True), ("rx", True), ("rx", False)])
def test_a_killed_end_goes_on_in_the_midst_of_a_stream(
    *, tmp_path: Path, commands: Commands, model: str, kept: Path, victim: str, keeps: bool
) -> None:
    data = KNOWN + content(400_000)
    (tmp_path / "in").write_bytes(data)
    part = tmp_path / "out.part"
    with SerialLine(rate=100_000) as line:
        speed = ("--baud", "1000000")
        options = (*speed, "--compress", "live", "--model", model)
        starts = {
            "tx": ("tx", "--port", line.devices[0], *options, str(tmp_path / "in")),
            "rx": ("rx", "--port", line.devices[1], *speed, "-o", str(tmp_path / "out"), "--json"),
        }
        running = {name: commands.start(*start) for name, start in starts.items()}
        wait_until(lambda: part.exists() and part.stat().st_size > 200_000)
        running[victim].kill()
        running[victim].wait()
        if not keeps:
            (kept / name_of(PRIOR)).unlink()
        running[victim] = commands.start(*starts[victim])
        facts = json.loads(finish(running["rx"])[0])
        finish(running["tx"])
        whole = len(PRIOR.data) * (1 if keeps else 2) + 400_000
        assert line.carried[0] < whole + 150_000, "it went on, and did not begin again"
    assert (facts["name"], facts["size"]) == ("in", len(encode(data, Level.LIVE, prior=PRIOR)))
    assert (tmp_path / "out").read_bytes() == data
    assert names(kept) == [name_of(PRIOR)]


def test_a_program_sends_and_keeps_a_model(tmp_path: Path, tcp: tuple[str, str]) -> None:
    """Stations without any command, with a folder of models that is empty at first."""
    (tmp_path / "coded").write_bytes(encode(KNOWN, Level.LIVE, prior=PRIOR))
    folder = ModelFolder(tmp_path / "models")

    def receive_one() -> None:
        place = IntoFile(str(tmp_path / "out"))
        with Station(port_named(tcp[0]), place=place, models=folder, silence=20) as station:
            receiving = station.receiving
            assert receiving is not None
            station.run(lambda: len(receiving.arrivals) == 2 and not receiving.is_busy)

    for sent in (len(PRIOR.data), 0):
        other = threading.Thread(target=receive_one)
        other.start()
        coded = str(tmp_path / "coded")
        push = Push(lambda _: FileSource.open(coded), "in", coding=Coding.LEARNED, model=PRIOR)  # noqa: B023
        with Station(port_named(tcp[1]), silence=20) as station:
            station.pushing.push(push)
            station.run(lambda: station.pushing.is_finished)
            assert [(one.type, one.result, one.sent) for one in station.pushing.pushes] == [
                (StreamType.FILE, 0, (tmp_path / "coded").stat().st_size),
                (StreamType.BYTE_MODEL, 0, sent),
            ]
        other.join()
        assert (tmp_path / "out").read_bytes() == KNOWN
        assert list(folder) == [PRIOR.identity]


def resealed(data: bytes) -> bytes:
    """With checks that are right again, so that what is behind them is met."""
    body = data[:32] + _core.crc32c(data[:32]).to_bytes(4, "little") + data[36:]
    return body + blake3(body).digest()


def bomb() -> bytes:
    """Its text unpacks to sixteen times what the header says."""
    packed = zstandard.ZstdCompressor(level=1).compress(bytes(16 * MOST_TEXT))
    header = bytearray(Prior.make(b"", 0, {}).data[:36])
    header[12:20] = MOST_TEXT.to_bytes(4, "little") + len(packed).to_bytes(4, "little")
    return resealed(bytes(header) + packed)


def lie(data: bytes, identity: bytes, *, length: int | None, coding: Coding, digest: bytes | None) -> Push:
    """A stream that says it is a model."""
    source = ModelSource(cast("Prior", SimpleNamespace(identity=identity, data=data)))
    source.length = length
    if digest is not None:
        source.digest = lambda: digest  # type: ignore[method-assign]
    return Push(lambda _: source, "lie", StreamType.BYTE_MODEL, coding)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (PRIOR.data[:-1000], "out of its range"),
        (PRIOR.data[:20], "too short for a trained model"),
        (b"", "too short for a trained model"),
        (b"#!/bin/sh\n" * 100, "not a trained model"),
        (bomb(), "has another size"),
    ],
    ids=["cut", "short", "empty", "none", "bomb"],
)
def test_what_is_no_model_is_not_kept(tmp_path: Path, data: bytes, text: str) -> None:
    opening = Open(0, StreamType.BYTE_MODEL, Coding.NONE, 0, PRIOR.identity, len(data), "")
    sink = ModelFolder(tmp_path).sink(opening)
    assert sink is not None
    sink.write(data)
    with pytest.raises(CorruptByteModel, match=text):
        sink.finish()
    sink.discard()
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("data", "known", "code", "result", "text"),
    [
        (OTHER.data, True, 32, Result.NO_MODEL, b"another trained model came than was promised"),
        (PRIOR.data[:5000] + b"?" + PRIOR.data[5001:], True, 36, Result.FAILED, b"model is damaged"),
        (bytes(MOST_FILE + 1), True, 17, Result.FAILED, b"the stream is too long"),
        (bytes(MOST_FILE + 100_000), False, 17, Result.FAILED, b"the stream is too long"),
    ],
    ids=["another", "damaged", "long", "endless"],
)
def test_both_ends_say_why_a_model_is_refused(
    *,
    tmp_path: Path,
    commands: Commands,
    tcp: tuple[str, str],
    kept: Path,
    data: bytes,
    known: bool,
    code: int,
    result: Result,
    text: bytes,
) -> None:
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    push = lie(data, PRIOR.identity, length=len(data) if known else None, coding=Coding.NONE, digest=None)
    told = send(push, tcp[1])
    _, err = finish(rx, code)
    assert text in err
    assert push.result == result
    assert told == 34
    assert names(kept) == []
    assert names(tmp_path) == []


def test_a_model_with_a_wrong_digest_is_refused_twice(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], kept: Path
) -> None:
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    push = lie(PRIOR.data, PRIOR.identity, length=None, coding=Coding.NONE, digest=bytes(32))
    assert send(push, tcp[1]) == 35
    finish(rx, 35)
    assert push.was_wrong
    assert names(kept) == []


def test_a_coded_model_is_refused(commands: Commands, tcp: tuple[str, str], tmp_path: Path) -> None:
    commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    push = lie(encode(PRIOR.data), PRIOR.identity, length=None, coding=Coding.LEARNED, digest=None)
    assert send(push, tcp[1]) == 34
    assert push.result == Result.REFUSED


def send(push: Push, port: str) -> int:
    """The exit code that its failure has."""
    _, host, number = port.split(":")
    with Station(TcpPort(port, host, int(number)), silence=20) as station:
        station.pushing.push(push)
        station.run(lambda: station.pushing.is_finished)
    failure = failure_of_push(push)
    assert failure is not None
    return failure.exit_code


def test_a_receiver_that_cannot_keep_a_model_is_told_of_on_both_ends(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], model: str
) -> None:
    commands.environment["XDG_CACHE_HOME"] = os.devnull
    (tmp_path / "in").write_bytes(KNOWN)
    rx = commands.start("rx", "--port", tcp[0], "-o", str(tmp_path / "out"))
    tx = commands.start("tx", "--port", tcp[1], "--model", model, str(tmp_path / "in"))
    finish(rx, 21)
    assert b"it did not take the trained model: the file system failed" in finish(tx, 34)[1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["file", "pipe"])
def test_a_stream_whose_model_never_came_is_refused_by_name(
    tmp_path: Path, commands: Commands, tcp: tuple[str, str], to: str
) -> None:
    out = ("-o", str(tmp_path / "out")) if to == "file" else ()
    rx = commands.start("rx", "--port", tcp[0], *out)
    coded = encode(KNOWN, Level.LIVE, prior=PRIOR)
    source = ModelSource(
        cast("Prior", SimpleNamespace(identity=hashlib.sha256(coded).digest()[:16], data=coded))
    )
    push = Push(lambda _: source, "in", StreamType.FILE, Coding.LEARNED)
    assert send(push, tcp[1]) == 34
    assert PRIOR.identity.hex().encode() in finish(rx, 32)[1]
    assert push.result == Result.NO_MODEL
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("tx", "--model", "nothing-here", "in"), 3, "nothing-here: no such file"),
        (("tx", "--model", "in", "in"), 36, "in: too short for a trained model"),
        (("tx", "--compress", "none", "--model", "in", "in"), 2, "no use without compression"),
        (("link", "--push", "in", "--model", "in"), 36, "in: too short"),
        (("link", "--push-as", "byte-model", "in"), 36, "in: too short"),
    ],
)
def test_mistakes(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").write_bytes(b"no model")
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--port", "tcp:host:1"])
    err = capsys.readouterr().err
    assert left.value.code == code, err
    assert text in err


def receive(folder: ModelFolder, prior: Prior) -> bool:
    """Whether it was not there."""
    opening = Open(0, StreamType.BYTE_MODEL, Coding.NONE, 0, prior.identity, len(prior.data), "")
    sink = folder.sink(opening)
    if sink is not None:
        sink.write(prior.data)
        sink.finish()
    return sink is not None


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    priors = [Prior.make(bytes([i]), 0, {}) for i in range(MOST_KEPT + 2)]
    folder = ModelFolder(tmp_path / "models")
    assert dict(folder) == {}
    for i, prior in enumerate(priors[:MOST_KEPT]):
        assert receive(folder, prior)
        os.utime(tmp_path / "models" / name_of(prior), (i, i))
    (tmp_path / "models" / "notes.ncmodel.part").write_bytes(b"")
    folder = ModelFolder(tmp_path / "models")
    assert not receive(folder, priors[0])
    for prior in priors[MOST_KEPT:]:
        assert receive(folder, prior)
    assert set(folder) == {prior.identity for prior in (priors[0], *priors[3:])}
    assert folder[priors[0].identity].data == priors[0].data
    assert priors[1].identity not in folder


def test_two_links_may_bring_the_same_model_at_once(tmp_path: Path) -> None:
    opening = Open(0, StreamType.BYTE_MODEL, Coding.NONE, 0, PRIOR.identity, len(PRIOR.data), "")
    sinks = [ModelFolder(tmp_path).sink(opening) for _ in range(3)]
    for at in range(0, len(PRIOR.data), 100):
        for sink in sinks:
            assert sink is not None
            sink.write(PRIOR.data[at : at + 100])
    for sink in sinks:
        assert sink is not None
        sink.finish()
        assert ModelFolder(tmp_path)[PRIOR.identity].data == PRIOR.data
    assert [path.name for path in tmp_path.iterdir()] == [name_of(PRIOR)]


def test_a_part_that_another_link_has_just_finished_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, part = fcntl.flock, tmp_path / "out.part"

    def late(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        part.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    file = PartFile(tmp_path / "out", bytes(16))
    file.write(b"whole")
    file.finish()
    assert (tmp_path / "out").read_bytes() == b"whole"
    assert not part.exists()


def test_a_file_under_another_name_is_not_taken_for_a_model(tmp_path: Path) -> None:
    (tmp_path / name_of(PRIOR)).write_bytes(OTHER.data)
    (tmp_path / "notes.ncmodel").write_bytes(OTHER.data)
    folder = ModelFolder(tmp_path)
    assert list(folder) == [PRIOR.identity]
    assert PRIOR.identity not in folder
    assert receive(folder, PRIOR)
    assert folder[PRIOR.identity].data == PRIOR.data


def test_a_users_cache_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for cache, home, where in (
        (str(tmp_path / "cache"), "/nowhere", tmp_path / "cache"),
        ("relative", str(tmp_path), tmp_path / ".cache"),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", cache)
        monkeypatch.setenv("HOME", home)
        folder = users_models()
        assert folder is not None
        assert receive(folder, PRIOR)
        assert names(where / "sapwood" / "models") == [name_of(PRIOR)]


def test_an_end_that_keeps_no_models_refuses_them(tmp_path: Path) -> None:
    opening = Open(0, StreamType.BYTE_MODEL, Coding.NONE, 0, PRIOR.identity, len(PRIOR.data), "m")
    receiving = Receiving(IntoFolder(str(tmp_path)), None)
    with pytest.raises(Refusal, match="not kept here"):
        receiving._find(opening)


def test_a_model_pushed_by_itself_has_a_name() -> None:
    push = push_of_model(PRIOR)
    assert (push.name, push.priority) == (f"model {PRIOR.identity[:4].hex()}", 0)
