"""Push, fetch, pull and clone, between repositories by way of a folder."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sapwood.errors import MergeConflict, MissingInput, RefMoved, UnknownRevision, WrongCall
from sapwood.repo.repository import Repository
from sapwood.repo.transfer import live_at, to_send
from sapwood.store.kinds import Kind


def noise(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    return {"w": np.random.default_rng(seed).standard_normal(20_000).astype(np.float32)}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    """Three commits and a tag, and a remote that has nothing yet."""
    made = Repository.init(tmp_path / "one")
    for i in range(3):
        made.commit({"model.safetensors": noise(i), "other.safetensors": noise(10 + i)}, f"step {i}")
    made.tag("v1", "HEAD~1", message="the first")
    made.add_remote("origin", str(tmp_path / "remote"))
    return made


def same(repo: Repository, other: Repository, revision: str) -> bool:
    mine, theirs = repo.checkout(revision), other.checkout(revision)
    return {*mine} == {*theirs} and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_a_clone_has_the_whole_history(repo: Repository, tmp_path: Path) -> None:
    pushed = repo.push(everything=True)
    assert set(pushed.moved) == {"refs/heads/main", "refs/tags/v1"}
    assert repo.push(everything=True).moved == {}
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "two") as other:
        assert other.branches() == repo.branches()
        assert other.tags() == repo.tags()
        assert [info.id for info in other.log()] == [info.id for info in repo.log()]
        assert all(same(repo, other, text) for text in ("HEAD", "HEAD~1", "v1~1"))
        assert other.fsck() == []
        assert other.status().clean
        assert (other.path / "model.safetensors").exists()
        assert "HEAD -> main" in other.log()[0].names
        assert "origin/main" in other.log()[0].names


def test_only_what_is_new_travels(repo: Repository) -> None:
    first = repo.push()
    model = {"model.safetensors": noise(2), "other.safetensors": noise(99)}
    repo.commit(model, "one file changed")
    second = repo.push()
    # A commit, a tree, a recipe and a tensor.
    assert second.objects <= 5
    assert second.bytes < first.bytes / 3


def test_changes_go_round_and_nobody_loses_a_commit(repo: Repository, tmp_path: Path) -> None:
    repo.push()
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "two") as other:
        theirs = other.commit({"model.safetensors": noise(50)}, "theirs")
        other.push()
        ours = repo.commit({"other.safetensors": noise(60)}, "ours")
        with pytest.raises(RefMoved, match="commits that yours lacks"):
            repo.push()
        assert repo.pull().how == "merged"
        assert set(repo.show().parents) == {ours, theirs}
        repo.push()
        assert other.pull().how == "fast-forward"
        assert other.pull().how == "up to date"
        assert other.branches() == repo.branches()
        assert same(repo, other, "HEAD")
        # Both change the same tensor.
        other.commit({"model.safetensors": noise(70)}, "a")
        other.push()
        repo.commit({"model.safetensors": noise(71)}, "b")
        with pytest.raises(MergeConflict):
            repo.pull()
        assert repo.pull(strategy="theirs").how == "merged"


def test_force_and_delete(repo: Repository) -> None:
    repo.branch("side")
    repo.push(None, "main", "side")
    repo.reset("HEAD~1", hard=True)
    with pytest.raises(RefMoved):
        repo.push()
    repo.push(force=True)
    repo.push(None, "side", delete=True)
    _, opened = repo._remote(None)
    assert set(opened.refs()) == {"HEAD", "refs/heads/main"}
    assert opened.refs()["refs/heads/main"] == repo.branches()["main"]
    with pytest.raises(UnknownRevision):
        repo.push(None, "none")


def test_a_remote_gives_up_what_no_branch_leads_to(repo: Repository, tmp_path: Path) -> None:
    repo.push(everything=True)
    repo.branch("other")
    repo.switch("other")
    repo.commit({"model.safetensors": noise(50)}, "for nothing")
    repo.push("origin", "other")
    repo.push("origin", "other", delete=True)
    assert repo.gc_remote(dry_run=True).objects == 4
    told = subprocess.run(
        [sys.executable, "-m", "sapwood", "gc", "--remote", "origin", "--grace", "0", "--json"],
        cwd=repo.path,
        capture_output=True,
        check=True,
    )
    assert json.loads(told.stdout)["objects"] == 4
    assert json.loads(told.stdout)["removed"] == json.loads(told.stdout)["packs"] == 1
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "two") as other:
        assert [info.id for info in other.log()] == [info.id for info in repo.log("main")]
        assert all(same(repo, other, text) for text in ("main", "main~1", "v1~1"))
        assert other.fsck() == []
        # One who never had the contents can collect, too.
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "three", lazy=True) as lazy:
        assert lazy.gc_remote(grace=0).objects == 0
    # What was given up comes again with the next push.
    repo.push("origin", "other")
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "four", branch="other") as other:
        assert same(repo, other, "other")


def test_what_lives_at_a_remote_is_all_that_a_first_push_sends(repo: Repository) -> None:
    """Tags with messages are among it, which no commit leads to."""
    repo.push(everything=True)
    targets = [*repo.refs.all().values()]
    _, opened = repo._remote(None)
    with repo.store.lease() as lease:
        found = live_at(repo.objects, opened, targets, lease)
    assert found == to_send(repo.objects, targets, ())
    assert Kind.TAG in {repo.store.info(digest).kind for digest in found}


@pytest.mark.parametrize(
    ("how", "least"), [({"depth": 1}, 2), ({"only": ["model.safetensors"]}, 3), ({"lazy": True}, 6)]
)
def test_what_a_clone_leaves_out_comes_when_it_is_asked_for(
    repo: Repository, tmp_path: Path, how: dict[str, object], least: int
) -> None:
    repo.push(everything=True)
    two = tmp_path / "two"
    Repository.clone(str(tmp_path / "remote"), two, checkout=False, **how).close()  # type: ignore[arg-type]
    with Repository(two) as other:
        tensors = {repo.checkout(text).digest(name) for text in ("HEAD", "HEAD~1", "HEAD~2") for name in
                   repo.checkout(text)}  # fmt: skip
        assert len(other.store.missing(tensors)) >= least
        assert [info.id for info in other.log()] == [info.id for info in repo.log()]
        assert other.fsck() == []
        assert all(same(repo, other, text) for text in ("HEAD", "HEAD~1", "v1~1"))
        assert not other.store.missing(tensors)
        other.switch("HEAD~2", detach=True)
        assert (other.path / "other.safetensors").exists()
        assert other.gc(grace=0).collected.objects == 0
        other.switch("main")
        other.commit({"model.safetensors": noise(5)}, "goes on")
        other.push()
    assert repo.pull().how == "fast-forward"


def test_remotes_are_named_and_forgotten(repo: Repository, tmp_path: Path) -> None:
    repo.push()
    assert repo.remotes() == {"origin": str(tmp_path / "remote")}
    assert repo.resolve("origin/main") == repo.resolve("main")
    with pytest.raises(WrongCall):
        repo.add_remote("origin", "elsewhere")
    for name in ("a/b", "a.b", "", "-x"):
        with pytest.raises(WrongCall):
            repo.add_remote(name, "elsewhere")
    repo.remove_remote("origin")
    assert repo.remotes() == {}
    with pytest.raises(UnknownRevision):
        repo.resolve("origin/main")
    with pytest.raises(MissingInput):
        repo.push()


def test_a_clone_into_a_folder_with_files_is_refused(repo: Repository, tmp_path: Path) -> None:
    repo.push()
    (tmp_path / "two").mkdir()
    (tmp_path / "two/file").write_text("mine")
    with pytest.raises(WrongCall, match="files in it"):
        Repository.clone(str(tmp_path / "remote"), tmp_path / "two")
    with Repository.clone(str(tmp_path / "nothing"), tmp_path / "empty") as other:
        assert other.log() == []
