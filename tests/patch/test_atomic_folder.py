import errno
import os
import signal
import stat
import textwrap
from pathlib import Path

import pytest

from sapwood.errors import DiskFull, StorageFailure, WrongCall
from sapwood.patch import atomic_file
from sapwood.patch.atomic_file import atomic_folder, restore_folder
from tests.patch.disk import KILLED_BETWEEN_RENAMES, run_python, tree


def test_a_folder_appears_whole_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "v2"
    with atomic_folder(target, replace=False) as out:
        with out.create("config.json") as file:
            file.write(b"{}")
        out.create("deep/er/model.bin").write(b"left open, still whole")
        assert not target.exists()
    assert tree(tmp_path) == {"v2/config.json": b"{}", "v2/deep/er/model.bin": b"left open, still whole"}


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../evil", "/evil", "a/../../evil", "a//b", "a/", "./a", "..\\evil", "a\0b"],
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(WrongCall), atomic_folder(tmp_path / "v2", replace=False) as out:
        out.create(name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("second", ["a", "a/b"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, second: str) -> None:
    with pytest.raises(WrongCall, match="clashes"), atomic_folder(tmp_path / "v2", replace=False) as out:
        out.create("a").write(b"first")
        out.create(second)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_file_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongCall, match="clashes"), atomic_folder(tmp_path / "v2", replace=False) as out:
        out.create("a/b")
        out.create("a")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    with atomic_folder(tmp_path / "v2", replace=False) as out:
        out.create("a").write(b"new")
    assert tree(tmp_path) == {"v2/a": b"new"}


def test_a_folder_with_files_is_refused_unless_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / "precious").write_bytes(b"old")
    with pytest.raises(WrongCall, match="files in it"), atomic_folder(tmp_path / "v2", replace=False):
        pytest.fail("the block must not start")
    assert tree(tmp_path) == {"v2/precious": b"old"}


def test_files_that_come_meanwhile_are_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "v2"
    with pytest.raises(WrongCall, match="files in it"), atomic_folder(target, replace=False) as out:
        out.create("a").write(b"new")
        target.mkdir()
        (target / "precious").write_bytes(b"old")
    assert tree(tmp_path) == {"v2/precious": b"old"}


def test_a_replaced_folder_keeps_nothing_of_the_old_but_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "v2"
    target.mkdir(mode=0o700)
    (target / "old").write_bytes(b"old")
    with atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
        assert tree(target) == {"old": b"old"}
    assert tree(tmp_path) == {"v2/new": b"new"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_any_exception_leaves_only_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "v2"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    with pytest.raises(error), atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
        raise error
    assert tree(tmp_path) == {"v2/old": b"old"}


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_failing_rename_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    target = tmp_path / "v2"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    real, calls = os.rename, 0
    monkeypatch.setattr(atomic_file, "exchange", lambda *_: False)

    def rename(source: Path, to: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError(errno.EIO, "injected")
        real(source, to)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(StorageFailure), atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
    assert tree(tmp_path) == {"v2/old": b"old"}


def test_every_file_and_folder_is_flushed_before_the_name_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_fsync, real_rename = os.fsync, os.rename

    def fsync(descriptor: int) -> None:
        events.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real_fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        events.append("NAME")
        real_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    with atomic_folder(tmp_path / "v2", replace=False) as out:
        out.create("a").write(b"1")
        out.create("sub/b").write(b"2")
    assert set(events[:3]) >= {"b", "sub"}
    assert "a" in events[: events.index("NAME")]
    assert events[-2:] == ["NAME", tmp_path.name]


def test_a_disk_that_fills_leaves_the_old_folder(full_disk: Path) -> None:
    target = full_disk / "v2"
    target.mkdir()
    (target / "old").write_bytes(b"old")
    with pytest.raises(DiskFull), atomic_folder(target, replace=True) as out:
        for number in range(64):
            out.create(f"part{number}").write(b"x" * 65536)
    assert tree(full_disk) == {"v2/old": b"old"}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_folder_never_replaces_what_is_no_folder(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "v2"
    if kind == "file":
        target.write_bytes(b"old")
    else:
        (tmp_path / "real").mkdir()
        target.symlink_to("real")
    with pytest.raises(WrongCall, match="not a folder"), atomic_folder(target, replace=True):
        pytest.fail("the block must not start")


def old_folder(target: Path) -> None:
    target.mkdir()
    (target / "old").write_bytes(b"old")


def without_exchange(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    class Library:
        def renameat2(self, *_: object) -> int:
            return -1

    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: Library())
    monkeypatch.setattr("ctypes.get_errno", lambda: code)


def test_a_folder_is_swapped_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "v2"
    old_folder(target)
    seen: list[dict[str, bytes]] = []
    real = os.rename

    def rename(source: Path, to: Path) -> None:
        try:
            real(source, to)
        finally:
            seen.append(tree(target))

    monkeypatch.setattr(os, "rename", rename)
    with atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
    assert seen == [{"old": b"old"}], "at no moment there is no folder"
    assert tree(tmp_path) == {"v2/new": b"new"}


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_without_swapping_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    target = tmp_path / "v2"
    old_folder(target)
    without_exchange(monkeypatch, code)
    with atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
    assert tree(tmp_path) == {"v2/new": b"new"}


def test_a_swap_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "v2"
    old_folder(target)
    without_exchange(monkeypatch, errno.EIO)
    with pytest.raises(StorageFailure), atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
    assert tree(tmp_path) == {"v2/old": b"old"}


def test_a_kill_between_two_renames_is_mended_by_the_next_writer(tmp_path: Path) -> None:
    target = tmp_path / "v2"
    old_folder(target)
    killed = """
        with atomic_file.atomic_folder(sys.argv[1], replace=True) as out:
            out.create("new").write(b"new")
    """
    assert run_python(KILLED_BETWEEN_RENAMES + textwrap.dedent(killed), target).returncode == -signal.SIGKILL
    assert not target.exists()
    restore_folder(target)
    assert tree(target) == {"old": b"old"}
    restore_folder(target)
    assert tree(target) == {"old": b"old"}


def test_an_old_folder_left_by_a_kill_does_not_hinder_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic_file, "exchange", lambda *_: False)
    target = tmp_path / "v2"
    old_folder(target)
    old_folder(atomic_file._retired(target))
    with atomic_folder(target, replace=True) as out:
        out.create("new").write(b"new")
    assert tree(tmp_path) == {"v2/new": b"new"}
