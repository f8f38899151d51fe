"""Full disks and killed processes: afterwards the base is whole or the target is whole, never less."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import sapwood
from sapwood.errors import DiskFull, SapwoodError, StorageFailure, WrongCall
from tests.patch import models
from tests.patch.disk import KILLED_BETWEEN_RENAMES, run_python, tree, write_tree

APPLY = textwrap.dedent(
    """
    import os, signal, sys, time
    import sapwood
    for line in sys.stdin:
        base, patch, out, delay = line.rstrip("\\n").split("\\t")
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            try:
                options = {"in_place": True} if out == "-" else {"out": out}
                sapwood.apply(base, patch, threads=1, **options)
            finally:
                os._exit(0)
        if delay:
            time.sleep(float(delay))
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        print(time.monotonic() - started, flush=True)
    """
)


def versions() -> tuple[dict[str, bytes], dict[str, bytes]]:
    base, target = models.pair("safetensors", 1200)
    noise = np.random.default_rng(0).bytes(300_000)
    first = {"a.safetensors": base, "sub/old.bin": noise, "config.json": b"{}"}
    second = {"a.safetensors": target, "sub/new.bin": noise[:-1], "config.json": b'{"v": 2}', "empty": b""}
    return first, second


def read(path: Path) -> object:
    return tree(path) if path.is_dir() else path.read_bytes()


def put(path: Path, content: object) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        assert isinstance(content, dict)
        write_tree(path, content)


def clear(folder: Path) -> None:
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    folder.mkdir()


@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
@pytest.mark.parametrize("kills", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_leaves_one_version_whole(
    tmp_path: Path, folder: bool, in_place: bool, kills: int
) -> None:
    files = versions()
    first, second = files if folder else tuple(version["a.safetensors"] for version in files)
    room = tmp_path / "room"
    patch = tmp_path / "patch"
    clear(room)
    put(room / "v1", first)
    put(tmp_path / "v2", second)
    sapwood.diff(room / "v1", tmp_path / "v2", patch)
    out = "-" if in_place else str(room / "out")
    counts = {"old": 0, "new": 0}
    random = np.random.default_rng(kills)
    command = [sys.executable, "-c", APPLY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        longest = 0.0
        for i in range(kills):
            clear(room)
            put(room / "v1", first)
            # The first two are left alone, to see how long it takes.
            delay = "" if i < 2 else 1.2 * random.random() * longest
            print(room / "v1", patch, out, delay, sep="\t", file=worker.stdin, flush=True)
            took = float(worker.stdout.readline())
            longest = max(longest, took) if i < 2 else longest
            if in_place:
                found = read(room / "v1")
                assert found in (first, second)
                counts["new" if found == second else "old"] += 1
            else:
                assert read(room / "v1") == first
                counts["new" if (room / "out").exists() else "old"] += 1
                if (room / "out").exists():
                    assert read(room / "out") == second
            others = {path.name for path in room.iterdir()} - {"v1", "out"}
            assert all(name.startswith(".sapwood-") for name in others)
        worker.stdin.close()
    assert counts["new"] >= 2
    assert counts["old"] >= 1, "no kill came in time: the test tests nothing"


@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
def test_after_a_kill_between_two_renames_applying_in_place_goes_on(tmp_path: Path, in_place: bool) -> None:
    first, second = versions()
    write_tree(tmp_path / "v1", first)
    write_tree(tmp_path / "v2", second)
    sapwood.diff(tmp_path / "v1", tmp_path / "v2", tmp_path / "patch")
    killed = f"{KILLED_BETWEEN_RENAMES}import sapwood\nsapwood.apply(sys.argv[1], sys.argv[2], in_place=True)"
    assert run_python(killed, tmp_path / "v1", tmp_path / "patch").returncode == -signal.SIGKILL
    assert not (tmp_path / "v1").exists()
    sapwood.apply(tmp_path / "v1", tmp_path / "patch", in_place=True)
    assert tree(tmp_path / "v1") == second


def noise_pair(size: int) -> tuple[bytes, bytes]:
    data = np.random.default_rng(1).bytes(size)
    return data, data[::-1]


def test_a_disk_too_small_is_told_before_anything_is_written(full_disk: Path) -> None:
    base, target = noise_pair(3 << 20)
    patch = sapwood.diff(base, target)
    with pytest.raises(DiskFull) as caught:
        sapwood.apply(base, patch, full_disk / "out")
    assert "bytes free" in str(caught.value)
    assert list(full_disk.iterdir()) == []


def test_a_disk_that_fills_on_the_way_leaves_the_base(
    full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, target = noise_pair(700_000)
    (full_disk / "model").write_bytes(base)
    patch = sapwood.diff(base, target)
    monkeypatch.setattr("sapwood.patch.target_writer.check_room", lambda *_: None)
    for options in ({"in_place": True}, {"out": full_disk / "out"}):
        with pytest.raises(DiskFull):
            sapwood.apply(full_disk / "model", patch, **options)
        assert tree(full_disk) == {"model": base}
    with pytest.raises(DiskFull):
        sapwood.diff(base, target, full_disk / "patch")
    with pytest.raises(DiskFull):
        patch.write(full_disk / "patch")
    assert tree(full_disk) == {"model": base}


def test_a_full_folder_for_temporary_files_is_told(full_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, target = noise_pair(3 << 20)
    monkeypatch.setattr("sapwood.patch.spool._IN_MEMORY", 1 << 20)
    monkeypatch.setattr("tempfile.tempdir", str(full_disk))
    with pytest.raises(DiskFull) as caught:
        sapwood.diff(base, target)
    assert caught.value.path == str(full_disk)


def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path) -> None:
    base, target = noise_pair(200_000)
    (tmp_path / "v1").write_bytes(base)
    sapwood.diff(base, target, tmp_path / "patch")
    code = """
        import resource, sys
        import sapwood
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            sapwood.apply(sys.argv[1], sys.argv[2], in_place=True)
        except sapwood.SapwoodError as error:
            print(type(error).__name__)
    """
    done = run_python(code, tmp_path / "v1", tmp_path / "patch")
    assert (done.stdout, done.stderr) == ("StorageFailure\n", "")
    assert (tmp_path / "v1").read_bytes() == base
    assert {p.name for p in tmp_path.iterdir()} == {"v1", "patch"}


def test_a_reader_that_fails_is_told(tmp_path: Path) -> None:
    for source in (tmp_path, Path("/proc/self/mem")):
        with pytest.raises(SapwoodError) as caught:
            sapwood.open_patch(source)
        assert isinstance(caught.value, StorageFailure)


def test_a_pipe_is_no_patch(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WrongCall):
        sapwood.open_patch(tmp_path / "pipe")
