"""swd-update at the end of a line: models and patches by the link, a line that garbles, kills."""

import hashlib
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import sapwood
from device.ports.host import Host
from sapwood.bytecoder import general
from sapwood.link.frames import StreamType
from tests.device.patches import Pair, make_pair

ROOM = 4 << 20
ANOTHER_BASE, NO_ROOM = 64 + 7, 64 + 8


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair("my_cnn_ft_lr1e-5x1", tmp_path_factory.mktemp("pair"))


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: each write to flash waits for the disk."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@contextmanager
def a_device(program: Path, flash: Path, host: Host, *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Powered on at the end of the host's line; makes the flash if it is missing."""
    made = [] if flash.exists() else ["--size", str(ROOM)]
    command = [str(program), str(flash), "--link", "-", *made, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        host.connect(process.stdout.fileno(), process.stdin.fileno())
        yield process
        process.kill()


def digest(model: bytes) -> str:
    return hashlib.sha256(model).hexdigest()


def test_a_model_and_its_patch_over_a_bad_line(program: Path, pair: Pair, tmp_path: Path) -> None:
    chance = random.Random(7)

    def garble(data: bytes) -> bytes:
        """Of five thousand bytes, one is another one, one is lost, and one comes twice."""
        kept = bytearray()
        for byte in data:
            what = int(chance.random() * 5000)
            kept += {0: bytes([byte ^ 1 << chance.randrange(8)]), 1: b"", 2: bytes(2 * [byte])}.get(
                what, bytes([byte])
            )
        return bytes(kept)

    host = Host()
    host.garble = garble
    with a_device(program, tmp_path / "flash.bin", host):
        assert host.started_after(0) == {"board": "posix", "ready": "13"}
        given = host.give(StreamType.DEVICE_MODEL, pair.base.read_bytes())
        assert given.result == 0
        assert host.started_after(given.session)["digest"] == digest(pair.base.read_bytes())
        given = host.give(StreamType.PATCH, pair.patch.read_bytes())
        assert given.result == 0
        assert host.started_after(given.session)["digest"] == digest(pair.target.read_bytes())
        assert host.read_model() == pair.target.read_bytes()


def test_killed_and_restarted(program: Path, memory_path: Path) -> None:
    """A model of two chunks: once the first is made, it is not asked for again."""
    weights = np.random.default_rng(2).normal(size=300_000).astype(np.float32)
    changed = weights + np.float32(1e-3) * (np.arange(len(weights)) % 40 == 0)
    base, target = weights.tobytes(), changed.astype(np.float32).tobytes()
    patch = sapwood.diff(base, target, profile="device", version_counter=1).to_bytes()
    flash, host = memory_path / "flash.bin", Host()
    with a_device(program, flash, host):
        assert host.give(StreamType.DEVICE_MODEL, base).result == 0
    offer = host.offer(StreamType.PATCH, patch)
    for cut in (len(patch) // 3, 2 * len(patch) // 3, len(patch) - 100):
        with a_device(program, flash, host):
            seen, enough = len(offer.wanted), offer.sent + cut
            while len(offer.wanted) == seen or offer.sent < enough:
                host.turn()
    with a_device(program, flash, host):
        host.run_until(lambda: offer.result is not None)
        assert offer.result == 0
        # From the start each time, and at last from a chunk that is not the first.
        assert offer.wanted[:4] == [0, 0, 0, 0]
        assert offer.wanted[4] > len(patch) // 2
        assert host.started_after(offer.session)["digest"] == digest(target)
        assert host.read_model() == target


def test_what_is_refused(program: Path, pair: Pair, tmp_path: Path) -> None:
    host = Host()
    other = make_pair("my_mlp_ft_lr1e-5x1", tmp_path)
    with a_device(program, tmp_path / "flash.bin", host):
        assert host.give(StreamType.BYTES, b"model").result == 1
        assert host.give(StreamType.FILE, b"a file").result == 1
        assert host.give(StreamType.BYTE_MODEL, general().data).result == 1
        assert host.give(StreamType.DEVICE_MODEL, bytes(ROOM)).result == NO_ROOM
        assert host.give(StreamType.DEVICE_MODEL, b"").result == NO_ROOM
        assert host.give(StreamType.DEVICE_MODEL, pair.base.read_bytes()).result == 0
        assert host.give(StreamType.PATCH, other.patch.read_bytes()).result == ANOTHER_BASE
        assert host.read_model() == pair.base.read_bytes()


def test_a_terminal(program: Path, pair: Pair, tmp_path: Path) -> None:
    """A serial port is set so that every byte passes; the host may leave and come back."""
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    command = [str(program), str(tmp_path / "flash.bin"), "--size", str(ROOM), "--link", name]
    with subprocess.Popen(command) as process:
        try:
            host = Host()
            host.connect(ours, ours)
            assert host.give(StreamType.DEVICE_MODEL, pair.base.read_bytes()).result == 0
            again = Host()
            again.connect(ours, ours)
            assert again.give(StreamType.PATCH, pair.patch.read_bytes()).result == 0
            assert again.read_model() == pair.target.read_bytes()
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
