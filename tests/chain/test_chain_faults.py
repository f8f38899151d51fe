"""Interrupted appends, full disks, killed processes: no link is lost, and no part of one is taken for one."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood.chain.container import RECORD_SIZE
from sapwood.errors import CorruptPatch, DiskFull, SapwoodError
from tests.chain.versions import chain, patches, versions

LAST = patches()[2]
TWO, THREE = chain(3), chain(4)


def refused(path: Path) -> None:
    """A chain with an unfinished link builds nothing, but still tells and gives what is whole."""
    opened = sapwood.open_chain(path)
    assert opened.unfinished
    assert len(opened.links) == 2
    uses: tuple[Callable[[], object], ...] = (
        lambda: opened.apply(versions()[0]),
        lambda: opened.apply(versions()[2], from_any=True),
        lambda: opened.apply(versions()[0], to=2),
        opened.verify,
    )
    for use in uses:
        with pytest.raises(CorruptPatch, match="the chain ends within link 3") as caught:
            use()
        assert caught.value.path == str(path)
    assert opened.extract(2).to_bytes() == patches()[1]


def test_what_an_interrupted_append_leaves_is_refused_and_cut_by_the_next(tmp_path: Path) -> None:
    path = tmp_path / "c"
    sizes = range(len(TWO) + 1, len(THREE))
    # Every length of the record and the seal, and some of the patch.
    near = RECORD_SIZE + 3
    for size in [*sizes[:near], *sizes[near:-near:101], *sizes[-near:]]:
        path.write_bytes(THREE[:size])
        if size % 7 == 0:
            refused(path)
        assert sapwood.chain_append(path, [LAST]).unfinished == 0
        assert path.read_bytes() == THREE, size


def test_room_that_was_taken_but_not_written_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "c"
    record = THREE[len(TWO) : len(TWO) + RECORD_SIZE]
    for left in (bytes(1), bytes(RECORD_SIZE), bytes(5000), record, record + bytes(len(LAST))):
        path.write_bytes(TWO + left)
        refused(path)
        sapwood.chain_append(path, [LAST])
        assert path.read_bytes() == THREE


def test_damage_is_not_taken_for_an_interrupted_append(tmp_path: Path) -> None:
    path = tmp_path / "c"
    flipped = bytearray(THREE)
    flipped[len(TWO) + 5] ^= 1
    for data in (bytes(flipped), TWO + bytes(RECORD_SIZE) + THREE[len(TWO) :], TWO + b"x" * RECORD_SIZE):
        path.write_bytes(data)
        with pytest.raises(CorruptPatch, match="link 3: its record is damaged"):
            sapwood.chain_append(path, [LAST])
        assert path.read_bytes() == data


APPEND = textwrap.dedent(
    """
    import os, signal, sys, time
    import sapwood
    for line in sys.stdin:
        path, link, delay = line.rstrip("\\n").split("\\t")
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                sapwood.chain_append(path, [link])
            finally:
                os._exit(0)
        if delay:
            time.sleep(float(delay))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(time.monotonic() - started, flush=True)
    """
)


@pytest.mark.parametrize("kills", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_of_an_append_loses_no_link(tmp_path: Path, kills: int) -> None:
    noise = np.random.default_rng(3).bytes(8 << 20)
    link = tmp_path / "link"
    sapwood.diff(versions()[2], noise, link, level="fast", threads=1)
    path = tmp_path / "c"
    random = np.random.default_rng(kills)
    states = {"old": 0, "unfinished": 0, "new": 0}
    with subprocess.Popen(
        [sys.executable, "-c", APPEND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        longest = 0.0
        for i in range(kills):
            path.write_bytes(TWO)
            delay = "" if i < 2 else 1.1 * random.random() * longest
            print(path, link, delay, sep="\t", file=worker.stdin, flush=True)
            took = float(worker.stdout.readline())
            longest = max(longest, took) if i < 2 else longest
            assert path.read_bytes().startswith(TWO)
            opened = sapwood.open_chain(path)
            if opened.unfinished:
                refused(path)
                states["unfinished"] += 1
            elif len(opened.links) == 3:
                assert opened.apply(versions()[0]) == noise
                states["new"] += 1
            else:
                assert path.read_bytes() == TWO
                states["old"] += 1
        worker.stdin.close()
    assert states["new"] >= 2
    assert states["old"] + states["unfinished"] >= 1, "no kill came in time: the test tests nothing"
    if states["new"] < kills:
        path.write_bytes(TWO)
        assert sapwood.chain_append(path, [link]).apply(versions()[0]) == noise


def test_a_full_disk_leaves_the_chain_as_it_was(full_disk: Path) -> None:
    path = full_disk / "c"
    path.write_bytes(TWO)
    noise = np.random.default_rng(1).bytes(3 << 20)
    link = sapwood.diff(versions()[2], noise, level="fast")
    with pytest.raises(DiskFull):
        sapwood.chain_append(path, [link])
    assert path.read_bytes() == TWO
    # Made here, it waits beside the chain.
    with pytest.raises(DiskFull):
        sapwood.chain_append(path, [noise], base=versions()[0], level="fast")
    assert path.read_bytes() == TWO
    with pytest.raises(DiskFull):
        sapwood.chain_create([versions()[0], noise], full_disk / "new", level="fast")
    assert [place.name for place in full_disk.iterdir()] == ["c"]
    sapwood.chain_append(path, [LAST])
    assert path.read_bytes() == THREE


def test_a_version_in_between_that_has_no_room_is_told(
    full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1).bytes(3 << 20)
    made = sapwood.chain_create([b"small", noise, noise[:1000]], level="fast")
    monkeypatch.setattr("sapwood.chain.relay.IN_MEMORY", 1 << 20)
    with pytest.raises(DiskFull, match="no room for the target"):
        made.apply(b"small", full_disk / "out")
    monkeypatch.setattr("sapwood.chain.relay.check_room", lambda *_: None)
    with pytest.raises(DiskFull):
        made.apply(b"small", full_disk / "out")
    assert list(full_disk.iterdir()) == []


def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(TWO)
    (tmp_path / "link").write_bytes(LAST)
    code = textwrap.dedent(
        f"""
        import resource, sys
        import sapwood
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(TWO)} + 500, {len(TWO)} + 500))
        try:
            sapwood.chain_append(sys.argv[1], [sys.argv[2]])
        except sapwood.SapwoodError as error:
            print(type(error).__name__)
        """
    )
    command = [sys.executable, "-c", code, str(tmp_path / "c"), str(tmp_path / "link")]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("StorageFailure\n", "")
    assert (tmp_path / "c").read_bytes() == TWO


def test_what_is_no_file_is_no_chain(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "nowhere"):
        with pytest.raises(SapwoodError) as caught:
            sapwood.open_chain(place)
        assert caught.value.path == str(place)
        with pytest.raises(SapwoodError) as caught:
            sapwood.chain_append(place, [LAST])
        assert caught.value.path == str(place)
    (tmp_path / "patch").write_bytes(LAST)
    with pytest.raises(CorruptPatch, match="not a chain"):
        sapwood.open_chain(tmp_path / "patch")
