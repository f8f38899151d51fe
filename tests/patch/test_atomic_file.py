import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sapwood.errors import DiskFull, SapwoodError, StorageFailure, WrongCall
from sapwood.patch import atomic_file, partial
from sapwood.patch.atomic_file import atomic_folder, atomic_output
from sapwood.patch.writeback import start_writeback
from tests.patch.disk import failing, run_python, tree


def test_a_file_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "v2.bin"
    with atomic_output(target) as out:
        out.write(b"weights")
        out.flush()
        assert not target.exists()
    assert tree(tmp_path) == {"v2.bin": b"weights"}


def test_output_can_be_read_back_and_changed_before_it_counts(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "v2.bin") as out:
        out.write(b"weights")
        out.seek(0)
        assert out.read() == b"weights"
        out.seek(1)
        out.write(b"E")
        out.truncate(3)
    assert tree(tmp_path) == {"v2.bin": b"wEi"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_any_exception_leaves_only_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "v2.bin"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_output(target) as out:
        out.write(b"new")
        raise error
    assert tree(tmp_path) == {"v2.bin": b"old"}


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "v2.bin"
    target.write_bytes(b"old")
    target.chmod(0o600)
    with atomic_output(target) as out:
        out.write(b"new")
        [partial] = tmp_path.glob(".sapwood-*.partial")
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600, "never readable by others, even for a moment"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_is_replaced_and_what_it_leads_to_is_untouched(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"cached")
    (tmp_path / "v2.bin").symlink_to("blob")
    with atomic_output(tmp_path / "v2.bin") as out:
        out.write(b"new")
    assert not (tmp_path / "v2.bin").is_symlink()
    assert tree(tmp_path) == {"blob": b"cached", "v2.bin": b"new"}


def test_the_output_stays_put_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with atomic_output("v2.bin") as out:
        out.write(b"new")
        monkeypatch.chdir(tmp_path / "elsewhere")
    assert tree(tmp_path) == {"v2.bin": b"new"}


@pytest.mark.parametrize("name", ["", ".", "..", "/", "missing/v2", "a\0b", "folder", "pipe", "to_folder"])
def test_a_place_that_cannot_be_written_to_is_the_callers_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("to_folder").symlink_to("folder")
    os.mkfifo("pipe")
    with pytest.raises(WrongCall), atomic_output(name):
        pytest.fail("the block must not start")


def test_a_name_too_long_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(StorageFailure), atomic_output(tmp_path / ("n" * 300)):
        pytest.fail("the block must not start")


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    with atomic_output(tmp_path / ("n" * 255)) as out:
        out.write(b"new")
    assert tree(tmp_path) == {"n" * 255: b"new"}


@pytest.mark.parametrize(
    ("call", "code", "kind"),
    [
        ("fsync", errno.ENOSPC, DiskFull),
        ("fsync", errno.EDQUOT, DiskFull),
        ("fsync", errno.EIO, StorageFailure),
        ("replace", errno.EIO, StorageFailure),
    ],
)
def test_a_failing_disk_replaces_nothing_and_keeps_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, kind: type[SapwoodError]
) -> None:
    target = tmp_path / "v2.bin"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, call, failing(code))
    with pytest.raises(kind) as caught, atomic_output(target) as out:
        out.write(b"new")
    assert caught.value.path == str(target)
    assert isinstance(caught.value.__cause__, OSError)
    assert tree(tmp_path) == {"v2.bin": b"old"}


def test_a_failing_flush_of_the_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO, on_call=2))
    with pytest.raises(StorageFailure), atomic_output(tmp_path / "v2.bin") as out:
        out.write(b"new")
    assert tree(tmp_path) == {"v2.bin": b"new"}


def test_a_file_system_without_folder_flushes_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL, on_call=2))
    with atomic_output(tmp_path / "v2.bin") as out:
        out.write(b"new")
    assert tree(tmp_path) == {"v2.bin": b"new"}


def test_everything_is_on_the_disk_before_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        events.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size}")
        real_fsync(descriptor)

    def replace(source: Path, target: Path) -> None:
        events.append("name")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    with atomic_output(tmp_path / "v2.bin") as out:
        out.write(b"new")
    assert events == ["file of 3", "name", "folder"]


def test_a_write_past_the_size_limit_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "v2.bin"
    target.write_bytes(b"old")
    limited = """
        import resource, sys
        from sapwood.errors import StorageFailure
        from sapwood.patch.atomic_file import atomic_output
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            with atomic_output(sys.argv[1]) as out:
                for _ in range(100):
                    out.write(b"x" * 4096)
        except StorageFailure as error:
            print(error)
    """
    done = run_python(limited, target)
    assert done.stderr == ""
    assert done.stdout.startswith(f"{target}: ")
    assert tree(tmp_path) == {"v2.bin": b"old"}


@pytest.mark.parametrize("block", [4096, 1 << 20])
def test_a_full_disk_leaves_the_old_file(full_disk: Path, block: int) -> None:
    target = full_disk / "v2.bin"
    target.write_bytes(b"old")
    with pytest.raises(DiskFull) as caught, atomic_output(target) as out:
        for _ in range((4 << 20) // block):
            out.write(b"x" * block)
    assert caught.value.path == str(target)
    assert tree(full_disk) == {"v2.bin": b"old"}


def test_data_still_buffered_when_the_disk_fills_is_not_lost_in_silence(full_disk: Path) -> None:
    target = full_disk / "v2.bin"
    with (full_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
        while True:
            filler.write(b"x" * 4096)
    with pytest.raises(DiskFull), atomic_output(target) as out:
        out.write(b"small enough to wait in the buffer")
    assert [p.name for p in full_disk.iterdir()] == ["filler"]


def test_the_blocks_own_error_wins_over_a_full_disk(full_disk: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_output(full_disk / "v2.bin") as out:
        with pytest.raises(DiskFull):
            for _ in range(1024):
                out.write(b"x" * 4096)
        raise ZeroDivisionError
    assert tree(full_disk) == {}


@pytest.mark.parametrize("maker", ["atomic_output(sys.argv[1])", "atomic_folder(sys.argv[1], replace=True)"])
def test_a_killed_process_leaves_nothing_at_the_final_name(tmp_path: Path, maker: str) -> None:
    target = tmp_path / "v2"
    killed = f"""
        import os, signal, sys
        from sapwood.patch.atomic_file import atomic_folder, atomic_output
        with {maker} as out:
            file = out if hasattr(out, "write") else out.create("part")
            file.write(b"new" * 10000)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert run_python(killed, target).returncode == -signal.SIGKILL
    assert not target.exists()
    assert [p.suffix for p in tmp_path.iterdir()] == [".partial"]
    with atomic_output(tmp_path / "other"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["other"], "the next output removes what was left"


@pytest.mark.parametrize("maker", ["atomic_output(sys.argv[1])", "atomic_folder(sys.argv[1], replace=True)"])
def test_what_another_process_is_making_stays(tmp_path: Path, maker: str) -> None:
    code = f"""
        import sys
        from sapwood.patch.atomic_file import atomic_folder, atomic_output
        with {maker} as out:
            file = out if hasattr(out, "write") else out.create("part")
            file.write(b"new" * 10000)
            file.flush()
            print("made", flush=True)
            sys.stdin.read()
            file.write(b"end")
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "v2")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as maker_process:
        assert maker_process.stdout is not None
        assert maker_process.stdout.readline() == b"made\n"
        with atomic_output(tmp_path / "other"), atomic_folder(tmp_path / "folder", replace=False):
            pass
        maker_process.communicate()
    assert maker_process.returncode == 0
    made = tmp_path / "v2"
    assert (made if made.is_file() else made / "part").read_bytes() == b"new" * 10000 + b"end"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "other", "v2"]


def test_two_outputs_of_one_process_leave_each_other_alone(tmp_path: Path) -> None:
    with atomic_output(tmp_path / "a") as a:
        a.write(b"a")
        with atomic_output(tmp_path / "b") as b:
            b.write(b"b")
    assert tree(tmp_path) == {"a": b"a", "b": b"b"}


def test_only_ones_own_names_are_removed(tmp_path: Path) -> None:
    left = tmp_path / partial.partial_name()
    left.write_bytes(b"left over")
    linked = tmp_path / partial.partial_name()
    linked.symlink_to(tmp_path / "precious")
    others = ["precious", ".sapwood-0123456789abcdef.partial", f"{left.name}.txt", "x.partial"]
    for name in others:
        (tmp_path / name).write_bytes(b"kept")
    with atomic_output(tmp_path / "out"):
        pass
    assert {p.name for p in tmp_path.iterdir()} == {*others, linked.name, "out"}
    assert (tmp_path / "precious").read_bytes() == b"kept"


def test_an_output_taken_for_left_over_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between making a name and locking it, another process may find it unlocked."""
    names = iter([".sapwood-taken.partial", ".sapwood-mine.partial"])
    monkeypatch.setattr(atomic_file, "partial_name", lambda: next(names))
    locked: list[int] = []

    def hold(descriptor: int) -> int | None:
        if not locked:
            other = os.open(tmp_path / ".sapwood-taken.partial", os.O_RDONLY)
            fcntl.flock(other, fcntl.LOCK_EX)
            locked.append(other)
            (tmp_path / ".sapwood-taken.partial").unlink()
        return partial.hold(descriptor)

    monkeypatch.setattr(atomic_file, "hold", hold)
    with atomic_output(tmp_path / "out") as out:
        out.write(b"weights")
    os.close(locked[0])
    assert tree(tmp_path) == {"out": b"weights"}


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = tmp_path / partial.partial_name()
    left.write_bytes(b"left over")
    monkeypatch.setattr(partial, "fcntl", None)
    with atomic_output(tmp_path / "out") as out:
        out.write(b"weights")
    with atomic_folder(tmp_path / "folder", replace=False) as made:
        made.create("part").close()
    assert {p.name for p in tmp_path.iterdir()} == {left.name, "out", "folder"}


def test_bytes_are_on_their_way_to_the_disk_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int]] = []

    def note(descriptor: int, offset: int, length: int) -> None:
        start_writeback(descriptor, offset, length)
        begun.append((offset, length))

    monkeypatch.setattr(atomic_file, "start_writeback", note)
    content = bytes(range(256)) * (5 << 12)
    with atomic_output(tmp_path / "out") as file:
        for at in range(0, len(content), 700_000):
            file.write(content[at : at + 700_000])
    assert (tmp_path / "out").read_bytes() == content
    ends = [offset + length for offset, length in begun]
    assert [offset for offset, _ in begun] == [0, *ends[:-1]]
    assert len(content) - ends[-1] < 1 << 20


def test_a_writeback_that_cannot_begin_is_no_failure() -> None:
    start_writeback(-1, 0, 1)
