"""What users do with a repository, through the library, on real small models of several formats."""

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from sapwood.errors import MissingInput, UnknownRevision, WrongCall
from sapwood.patch.model_stats import Change
from sapwood.repo.refs import Head
from sapwood.repo.repository import Repository
from sapwood.repo.tree import Tree
from tests.formats import samples

MODELS = Path(__file__).parents[2] / "examples" / "models"
BASE, TUNED = MODELS / "writer-bf16-base.safetensors", MODELS / "writer-bf16-tuned.safetensors"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("SAPWOOD_AUTHOR", "Ada <ada@example.org>")
    made = Repository.init(tmp_path / "work")
    monkeypatch.chdir(made.path)
    return made


def weights(value: float, size: int = 1000) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {"w": np.full(size, value, np.float32), "b": np.arange(7, dtype=np.float32)}


def three_commits(repo: Repository) -> list[str]:
    """Two commits of a real model, and one that adds a file and removes the model."""
    made = []
    for source in (BASE, TUNED):
        shutil.copy(source, repo.path / "model.safetensors")
        repo.add()
        made.append(repo.commit(message=source.stem))
    (repo.path / "notes").mkdir()
    (repo.path / "notes/a.txt").write_text("a note")
    (repo.path / "model.safetensors").unlink()
    repo.add()
    made.append(repo.commit(message="notes"))
    return made


def test_every_commit_comes_back_bit_for_bit(repo: Repository) -> None:
    first, second, third = three_commits(repo)
    repo.switch(first, detach=True)
    assert (repo.path / "model.safetensors").read_bytes() == BASE.read_bytes()
    assert not (repo.path / "notes").exists()
    assert repo.head == Head(None, bytes.fromhex(first))
    repo.switch(second, detach=True)
    assert (repo.path / "model.safetensors").read_bytes() == TUNED.read_bytes()
    assert repo.status().clean
    repo.switch("main")
    assert [path.name for path in repo.path.iterdir() if path.name != ".sapwood"] == ["notes"]
    assert repo.resolve("HEAD") == bytes.fromhex(third)
    assert [info.commit.title for info in repo.log()] == ["notes", TUNED.stem, BASE.stem]


@pytest.mark.parametrize("name", sorted(samples.SAMPLES))
def test_files_of_every_format_come_back_bit_for_bit(repo: Repository, name: str) -> None:
    data = samples.SAMPLES[name]()
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    for version in (data, bytes(changed)):
        (repo.path / "model").write_bytes(version)
        repo.add()
        repo.commit(message="version")
    (repo.path / "model").unlink()
    repo.switch("HEAD~1", detach=True, force=True)
    assert (repo.path / "model").read_bytes() == data
    repo.switch("main")
    assert (repo.path / "model").read_bytes() == bytes(changed)


def test_arrays_go_in_and_come_out(repo: Repository) -> None:
    first = repo.commit(weights(1), "one", metrics={"loss": 2.5}, fields={"lr": "1e-3"})
    arrays = {
        "w": np.full(1000, 2, ml_dtypes.bfloat16),
        "scalar": np.array(3, np.float32),
        "empty": np.empty((0, 4), np.int8),
        "mask": np.array([True, False]),
    }
    repo.commit(arrays, "two")
    before, after = repo.checkout(first), repo.checkout()
    assert {**before}.keys() == {"w", "b"}
    assert np.array_equal(before["w"], weights(1)["w"])
    assert after["w"].dtype == ml_dtypes.bfloat16
    assert after["scalar"].shape == ()
    assert after["mask"].tolist() == [True, False]
    assert not after["w"].flags.writeable
    info = repo.show(first)
    assert (dict(info.commit.metrics), dict(info.commit.fields)) == ({"loss": 2.5}, {"lr": "1e-3"})
    assert info.commit.author.who == "Ada <ada@example.org>"
    # No file is missing from the work tree; switching writes one, which other programs read.
    assert repo.status().clean
    repo.switch(first, detach=True)
    found = load_file(repo.path / "model.safetensors")
    assert np.array_equal(found["w"], weights(1)["w"])


def test_arrays_stored_as_they_are_come_without_a_copy_and_outlive_the_repository(repo: Repository) -> None:
    repo.settings.set("store.compress", "off")
    big = np.random.default_rng(0).standard_normal(100_000).astype(np.float32)
    repo.commit({"w": big}, "raw")
    found = repo.checkout()["w"]
    assert not found.flags.owndata
    repo.close()
    assert np.array_equal(found, big)


def test_several_files_of_arrays_in_one_commit(repo: Repository) -> None:
    repo.commit({"model.safetensors": weights(1), "optimizer.safetensors": {"w": np.ones(3)}}, "both")
    snapshot = repo.checkout()
    assert set(snapshot) == {"model.safetensors:w", "b", "optimizer.safetensors:w"}
    assert set(repo.checkout(file="optimizer.safetensors")) == {"w"}
    with pytest.raises(MissingInput):
        repo.checkout(file="none")
    with pytest.raises(WrongCall, match="mixed"):
        repo.commit({"a": weights(1), "b": np.ones(3)}, "mixed")
    with pytest.raises(WrongCall, match="name of a file"):
        repo.commit({"../a": weights(1)}, "out")


def test_a_commit_of_arrays_leaves_alone_what_is_staged(repo: Repository) -> None:
    repo.commit(weights(1), "one")
    (repo.path / "other").write_text("staged")
    repo.add(["other"])
    repo.commit(weights(2), "two")
    assert "other" not in repo.tree().by_path
    assert [change.path for change in repo.status().staged] == ["other"]
    repo.commit(message="three")
    assert set(repo.tree().by_path) == {"model.safetensors", "other"}


def test_status_tells_what_is_staged_changed_gone_and_untracked(repo: Repository) -> None:
    three_commits(repo)
    for name in ("a", "b", "c"):
        (repo.path / name).write_text(name)
    repo.add()
    repo.commit(message="letters")
    (repo.path / "a").write_text("A")
    (repo.path / "b").unlink()
    (repo.path / "c").write_text("C")
    repo.add(["c"])
    (repo.path / "new").mkdir()
    (repo.path / "new/x").write_text("x")
    (repo.path / "notes/y").write_text("y")
    (repo.path / ".sapwoodignore").write_text("*.tmp\n")
    (repo.path / "z.tmp").write_text("z")
    status = repo.status()
    assert [(change.path, change.difference.value) for change in status.staged] == [("c", "modified")]
    assert [(change.path, change.difference.value) for change in status.unstaged] == [
        ("a", "modified"),
        ("b", "deleted"),
    ]
    assert status.untracked == (".sapwoodignore", "new/", "notes/y")


def test_a_file_whose_times_alone_changed_is_the_same_and_one_of_old_times_is_not(repo: Repository) -> None:
    (repo.path / "a").write_text("same")
    repo.add()
    repo.commit(message="a")
    os.utime(repo.path / "a", ns=(1, 1))
    assert repo.status().clean
    # Written in the very moment it is added, with size and time kept: the racy case.
    (repo.path / "b").write_text("1111")
    repo.add(["b"])
    kept = (repo.path / "b").stat()
    (repo.path / "b").write_text("2222")
    os.utime(repo.path / "b", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert [change.path for change in repo.status().unstaged] == ["b"]


def test_an_untouched_file_is_not_read_again(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(BASE, repo.path / "model.safetensors")
    os.utime(repo.path / "model.safetensors", ns=(1_000_000_007, 1_000_000_007))
    time.sleep(0.03)
    repo.add()
    repo.commit(message="model")

    def never(path: Path) -> bytes:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr("sapwood.repo.status.file_digest", never)
    assert repo.status().clean
    assert repo.add() == []


def test_switching_never_overwrites_what_is_in_no_commit(repo: Repository) -> None:
    first, second, _ = three_commits(repo)
    repo.switch(second, detach=True)
    (repo.path / "model.safetensors").write_bytes(b"mine")
    with pytest.raises(WrongCall, match="in no commit"):
        repo.switch(first, detach=True)
    assert (repo.path / "model.safetensors").read_bytes() == b"mine"
    repo.switch(first, detach=True, force=True)
    assert (repo.path / "model.safetensors").read_bytes() == BASE.read_bytes()
    # An untracked file in the way of a tracked one.
    (repo.path / "notes").mkdir()
    (repo.path / "notes/a.txt").write_text("mine")
    with pytest.raises(WrongCall, match=r"notes/a\.txt"):
        repo.switch("main")
    (repo.path / "notes/a.txt").write_text("a note")
    repo.switch("main")
    assert repo.status().clean


def test_changes_elsewhere_survive_a_switch(repo: Repository) -> None:
    first, *_ = three_commits(repo)
    (repo.path / "notes/a.txt").write_text("changed")
    (repo.path / "new").write_text("staged")
    repo.add(["new"])
    repo.switch("side", create=True, start="HEAD")
    status = repo.status()
    assert [change.path for change in status.staged] == ["new"]
    assert [change.path for change in status.unstaged] == ["notes/a.txt"]
    with pytest.raises(WrongCall):
        repo.switch(first, detach=True)


def test_branches_and_tags(repo: Repository) -> None:
    first, second, third = three_commits(repo)
    repo.branch("old", first)
    repo.tag("v1", second)
    repo.tag("v2", "HEAD", message="the second")
    assert repo.branches() == {"main": third, "old": first}
    assert repo.tags() == {"v1": second, "v2": third}
    assert repo.resolve("v2") == repo.resolve("v2^{}") == repo.resolve("refs/tags/v2") == bytes.fromhex(third)
    assert repo.resolve("v2~1") == bytes.fromhex(second)
    with pytest.raises(WrongCall):
        repo.branch("old", second)
    repo.branch("old", second, force=True)
    repo.rename_branch("main", "trunk")
    assert repo.head.branch == "refs/heads/trunk"
    with pytest.raises(WrongCall, match="HEAD is on"):
        repo.delete_branch("trunk")
    repo.switch("old")
    with pytest.raises(WrongCall, match="lacks"):
        repo.delete_branch("trunk")
    repo.delete_branch("trunk", force=True)
    repo.delete_tag("v1")
    assert (set(repo.branches()), set(repo.tags())) == ({"old"}, {"v2"})
    for name in ("a b", "HEAD", "-x"):
        with pytest.raises(WrongCall):
            repo.branch(name)


def test_revisions(repo: Repository) -> None:
    first, second, third = (bytes.fromhex(one) for one in three_commits(repo))
    assert repo.resolve("HEAD") == repo.resolve("@") == repo.resolve("main") == third
    assert repo.resolve("HEAD~2") == repo.resolve("main^^") == repo.resolve("HEAD~1^1") == first
    assert repo.resolve(third.hex()) == repo.resolve(third.hex()[:8]) == third
    assert repo.resolve("main@{1}") == repo.resolve("@{1}") == repo.resolve("HEAD@{1}") == second
    for text in ("none", "HEAD~3", "HEAD^2", "main@{9}", "abcd", "0" * 64, "main@{3}"):
        with pytest.raises(UnknownRevision):
            repo.resolve(text)
    assert [info.id for info in repo.log("HEAD~2..HEAD")] == [third.hex(), second.hex()]
    assert [info.id for info in repo.log("main", limit=1)] == [third.hex()]
    assert [info.id for info in repo.log(file="notes/a.txt")] == [third.hex()]


def test_a_hash_that_is_too_short_is_told_so(repo: Repository) -> None:
    repo.commit(weights(0), "0")
    seen: dict[str, str] = {}
    # Among some hundred digests two share their first four digits soon.
    for i in range(2000):
        digest = repo.commit(message=str(i), allow_empty=True)
        if digest[:4] in seen:
            with pytest.raises(UnknownRevision, match="several"):
                repo.resolve(digest[:4])
            assert len(repo.short(bytes.fromhex(digest))) >= 7
            return
        seen[digest[:4]] = digest
    raise AssertionError("no two digests began alike")


def test_reset_restore_and_remove(repo: Repository) -> None:
    first, second, third = three_commits(repo)
    repo.reset(second)
    assert repo.resolve("main@{1}") == bytes.fromhex(third)
    assert [change.difference.value for change in repo.status().unstaged] == ["deleted"]
    assert repo.status().untracked == ("notes/",)
    repo.reset("main@{1}", hard=True)
    assert repo.status().clean
    repo.reset(first, soft=True)
    assert {change.path for change in repo.status().staged} == {"model.safetensors", "notes/a.txt"}
    repo.reset(second, hard=True)
    (repo.path / "model.safetensors").write_bytes(b"broken")
    assert repo.restore(["model.safetensors"]) == ["model.safetensors"]
    assert (repo.path / "model.safetensors").read_bytes() == TUNED.read_bytes()
    repo.restore(["model.safetensors"], source=first)
    assert (repo.path / "model.safetensors").read_bytes() == BASE.read_bytes()
    repo.add()
    repo.restore(["."], staged=True)
    assert [change.path for change in repo.status().unstaged] == ["model.safetensors"]
    with pytest.raises(WrongCall, match="in no commit"):
        repo.remove(["model.safetensors"])
    assert repo.remove(["model.safetensors"], cached=True) == ["model.safetensors"]
    assert (repo.path / "model.safetensors").exists()
    with pytest.raises(MissingInput):
        repo.remove(["model.safetensors"])


def test_amending_replaces_the_last_commit(repo: Repository) -> None:
    first = repo.commit(weights(1), "one")
    repo.commit(weights(2), "two")
    amended = repo.commit(message="better", amend=True, metrics={"acc": 1.0})
    info = repo.show(amended)
    assert (info.parents, info.commit.title) == ((first,), "better")
    assert repo.checkout()["w"][0] == 2
    kept = repo.commit(amend=True)
    assert repo.show(kept).commit.title == "better"


def test_nothing_to_commit_is_said(repo: Repository) -> None:
    with pytest.raises(WrongCall, match="nothing to commit"):
        repo.commit(message="none")
    repo.commit(weights(1), "one")
    with pytest.raises(WrongCall, match="nothing to commit"):
        repo.commit(weights(1), "again")
    assert repo.commit(message="empty", allow_empty=True)


def test_only_what_changed_takes_room(repo: Repository) -> None:
    def stored() -> int:
        return sum(info.stored for info in repo.store.objects())

    random = np.random.default_rng(0)
    layers = {f"layer.{i}": random.standard_normal(50_000).astype(np.float32) for i in range(10)}
    repo.commit(layers, "all")
    first = stored()
    layers["layer.3"] = layers["layer.3"] * np.float32(1.0001)
    repo.commit(layers, "one of ten")
    assert stored() - first < first / 20


def test_what_differs_is_told_tensor_by_tensor(repo: Repository) -> None:
    first = repo.commit(
        {**weights(1), "gone": np.ones(4), "moved": np.arange(50.0), "grown": np.ones(4)}, "one"
    )
    changed = weights(1)
    changed["w"][:100] += 0.5
    second = repo.commit(
        {**changed, "new": np.ones(5), "renamed": np.arange(50.0), "grown": np.ones(8)}, "two"
    )
    (one,) = repo.diff(first, second)
    rows = {row.name: row for row in one.tensors}
    assert {name: row.change for name, row in rows.items()} == {
        "w": Change.CHANGED,
        "new": Change.NEW,
        "gone": Change.REMOVED,
        "moved": Change.REMOVED,
        "renamed": Change.MOVED,
        "grown": Change.RESIZED,
    }
    assert rows["w"].changed_share == pytest.approx(0.1)
    assert rows["w"].max == pytest.approx(0.5)
    assert rows["w"].rms == pytest.approx(0.5 * 0.1**0.5)
    assert rows["renamed"].source == "moved"
    # From what is kept the second time.
    assert repo.diff(first, second) == [one]
    assert {row.changed_share for row in repo.diff(first, second, measure=False)[0].tensors} == {None}
    assert repo.diff(first, first) == []


def test_what_differs_in_the_work_tree(repo: Repository) -> None:
    repo.commit(weights(1), "one")
    repo.switch("main", force=True)
    repo.restore(["."])
    changed = weights(1)
    changed["w"][0] = 2
    save_file(changed, repo.path / "model.safetensors")
    (one,) = repo.diff("HEAD")
    assert [(row.name, row.changed) for row in one.tensors] == [("w", 1)]
    assert repo.diff(None) == repo.diff("HEAD")
    assert repo.diff("HEAD", staged=True) == []
    repo.add()
    assert len(repo.diff("HEAD", staged=True)) == 1
    assert repo.diff(None) == []
    (repo.path / "model.safetensors").unlink()
    assert [change.difference.value for change in repo.diff("HEAD")] == ["deleted"]


def test_a_repository_is_found_from_below_and_only_there(repo: Repository, tmp_path: Path) -> None:
    (repo.path / "a/b").mkdir(parents=True)
    assert Repository(repo.path / "a/b").path == repo.path
    with pytest.raises(MissingInput, match="init"):
        Repository(tmp_path)
    with pytest.raises(WrongCall, match="already"):
        Repository.init(repo.path)


def test_what_may_not_be_added_is_refused(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    (repo.path / ".sapwoodignore").write_text("secret*\n")
    (repo.path / "secret.bin").write_text("x")
    with pytest.raises(WrongCall, match="outside"):
        repo.add([tmp_path / "outside"])
    with pytest.raises(WrongCall, match="ignored"):
        repo.add(["secret.bin"])
    with pytest.raises(MissingInput):
        repo.add(["none"])
    repo.add(["secret.bin"], force=True)
    assert set(repo.staging.tree().by_path) == {"secret.bin"}
    (repo.path / "bad\\name").write_text("x")
    with pytest.raises(WrongCall, match="backslash"):
        repo.add()


def test_a_link_to_a_file_is_added_as_that_file(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "blob").write_text("content")
    (repo.path / "model").symlink_to(tmp_path / "blob")
    repo.add()
    repo.commit(message="a snapshot of a hub")
    (repo.path / "model").unlink()
    repo.restore(["model"])
    assert not (repo.path / "model").is_symlink()
    assert (repo.path / "model").read_text() == "content"


def test_an_empty_repository_has_no_history(repo: Repository) -> None:
    assert repo.log() == []
    assert repo.status().head == Head("refs/heads/main", None)
    with pytest.raises(UnknownRevision, match="no commits yet"):
        repo.resolve("HEAD")
    repo.switch("other", create=True)
    assert repo.head.branch == "refs/heads/other"
    assert repo.tree is not None
    assert repo.objects.tree_of(None) == Tree(())


def test_what_is_staged_as_the_target_has_it_does_not_cost_the_file_in_the_work_tree(
    repo: Repository,
) -> None:
    for text in ("one", "two"):
        (repo.path / "a").write_text(text)
        repo.add()
        repo.commit(message=text)
    repo.switch("HEAD~1", detach=True)
    (repo.path / "a").write_text("two")
    repo.add()
    (repo.path / "a").write_text("three, in no commit")
    repo.switch("main")
    assert (repo.path / "a").read_text() == "three, in no commit"
    assert [change.path for change in repo.status().unstaged] == ["a"]
    assert repo.status().staged == ()


def test_a_history_that_was_walked_is_kept_and_a_damaged_row_of_it_is_not_believed(repo: Repository) -> None:
    # More than are asked for one by one.
    for i in range(40):
        repo.commit({"w": np.full(10, i, np.float32)}, str(i))
    repo.close()
    with Repository(repo.path) as opened:
        told = opened.log()
    database = repo.path / ".sapwood" / "repository.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as rows, rows:
        assert rows.execute("SELECT count(*) FROM history").fetchone()[0] >= 16
        rows.execute("UPDATE history SET data = zeroblob(length(data)) WHERE digest < x'80'")
    with Repository(repo.path) as again:
        assert again.log() == told
