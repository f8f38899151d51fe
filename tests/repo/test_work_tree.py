"""Nothing leaves the work tree."""

from pathlib import Path

import pytest

from sapwood.errors import BadData, SapwoodError, WrongCall
from sapwood.repo.ignore import read_ignored
from sapwood.repo.work_tree import WorkTree


@pytest.fixture
def work(tmp_path: Path) -> WorkTree:
    (tmp_path / "tree").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    return WorkTree(tmp_path / "tree")


def put(work: WorkTree, path: str, text: str = "x") -> None:
    with work.writing(path) as file:
        file.write(text.encode())


def test_a_file_appears_whole_with_its_folders(work: WorkTree) -> None:
    put(work, "a/b/c", "text")
    assert (work.root / "a/b/c").read_text() == "text"
    with pytest.raises(ZeroDivisionError), work.writing("a/b/c") as file:
        file.write(b"half")
        _ = 1 / 0
    assert (work.root / "a/b/c").read_text() == "text"
    assert [path.name for path in (work.root / "a/b").iterdir()] == ["c"]


def test_no_write_goes_through_a_link_to_a_folder(work: WorkTree) -> None:
    (work.root / "a").symlink_to("../outside")
    (work.root / "b").mkdir()
    (work.root / "b" / "c").symlink_to(work.root.parent / "outside")
    for path in ("a/kept", "a/new", "b/c/kept", "b/c/d/new"):
        with pytest.raises(WrongCall, match="link"):
            put(work, path)
    with pytest.raises(WrongCall):
        work.remove("a/kept")
    assert [path.name for path in (work.root.parent / "outside").iterdir()] == ["kept"]
    assert (work.root.parent / "outside" / "kept").read_text() == "kept"


def test_a_link_to_a_file_is_replaced_and_not_followed(work: WorkTree) -> None:
    (work.root / "a").symlink_to("../outside/kept")
    put(work, "a", "new")
    assert (work.root / "a").read_text() == "new"
    assert not (work.root / "a").is_symlink()
    assert (work.root.parent / "outside" / "kept").read_text() == "kept"


def test_a_folder_in_the_way_is_an_error_and_stays(work: WorkTree) -> None:
    put(work, "a/b")
    with pytest.raises(SapwoodError):
        put(work, "a")
    with pytest.raises(WrongCall):
        put(work, "a/b/c")
    assert (work.root / "a/b").read_text() == "x"


def test_removing_takes_empty_folders_along(work: WorkTree) -> None:
    put(work, "a/b/c")
    put(work, "a/d")
    work.remove("a/b/c")
    assert not (work.root / "a/b").exists()
    assert (work.root / "a/d").exists()
    work.remove("a/b/c")
    work.remove("a/d")
    assert [*work.root.iterdir()] == []


def test_paths_outside_are_refused(work: WorkTree, monkeypatch: pytest.MonkeyPatch) -> None:
    (work.root / "below").mkdir()
    monkeypatch.chdir(work.root / "below")
    assert work.path_of("../a") == "a"
    assert work.path_of("b") == "below/b"
    assert work.path_of("..") == ""
    for place in ("../..", "../../outside/kept", "/etc/passwd"):
        with pytest.raises(WrongCall, match="outside"):
            work.path_of(place)


def test_the_walk_heeds_the_ignore_file(work: WorkTree) -> None:
    for path in (
        "a.bin",
        "keep/a.tmp",
        "keep/b",
        "logs/x/y",
        ".sapwood/z",
        ".git/z",
        "keep/.sapwood-1.partial",
    ):
        (work.root / path).parent.mkdir(parents=True, exist_ok=True)
        (work.root / path).write_text("x")
    (work.root / "link").symlink_to("../outside")
    assert [*work.walk(read_ignored(work.root))] == ["a.bin", "keep/a.tmp", "keep/b", "logs/x/y"]
    (work.root / ".sapwoodignore").write_text("*.tmp\nlogs/\n!keep/a.tmp\n")
    assert [*work.walk(read_ignored(work.root))] == [".sapwoodignore", "a.bin", "keep/a.tmp", "keep/b"]
    entered = work.walk(read_ignored(work.root), enter=lambda folder: False)
    assert [*entered] == [".sapwoodignore", "a.bin", "keep/"]


def test_an_ignore_file_that_is_no_text_is_refused(work: WorkTree) -> None:
    (work.root / ".sapwoodignore").write_bytes(b"\xff\xfe")
    with pytest.raises(BadData):
        read_ignored(work.root)
