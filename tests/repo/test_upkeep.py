"""Blame, statistics, collection, checks, and files in and out."""

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sapwood.errors import MissingInput, UnknownRevision, WrongCall
from sapwood.repo.commit import Commit
from sapwood.repo.repository import Repository
from sapwood.repo.tree import Entry, Tree
from sapwood.store.kinds import Kind

MODELS = Path(__file__).parents[2] / "examples" / "models"
BASE, TUNED = MODELS / "writer-f32-base.safetensors", MODELS / "writer-f32-tuned.safetensors"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository.init(tmp_path / "work")
    monkeypatch.chdir(made.path)
    return made


def noise(seed: int, size: int = 30_000) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def filled(**values: float) -> dict[str, npt.NDArray[np.float32]]:
    return {name: np.full(8, value, np.float32) for name, value in values.items()}


def test_blame_names_the_commit_that_gave_each_tensor_its_content(repo: Repository) -> None:
    one = repo.commit(filled(a=1, b=1, c=1), "one")
    repo.branch("side")
    two = repo.commit(filled(a=2, b=1, c=1), "two")
    repo.switch("side")
    three = repo.commit(filled(a=1, b=3, c=1), "three")
    repo.switch("main")
    repo.merge("side")
    four = repo.commit(filled(a=2, b=3, c=1, d=4), "four")
    assert {row.name: row.commit for row in repo.blame()} == {"a": two, "b": three, "c": one, "d": four}
    assert {row.commit for row in repo.blame(one)} == {one}
    # Back to an earlier content: the commit that went back gave it.
    five = repo.commit(filled(a=1, b=3, c=1, d=4), "five")
    assert {row.name: row.commit for row in repo.blame()}["a"] == five
    with pytest.raises(MissingInput):
        repo.blame(file="none")


def test_collection_takes_what_nothing_leads_to_and_no_more(repo: Repository) -> None:
    kept = repo.commit({"w": noise(0)}, "kept")
    repo.commit({"w": noise(1)}, "dropped")
    repo.reset(kept, hard=True)
    (repo.path / "staged.bin").write_bytes(noise(2).tobytes())
    repo.add(["staged.bin"])
    # The log still names it.
    assert repo.gc(grace=0).collected.objects == 0
    told = repo.gc(grace=0, log_seconds=-10, dry_run=True)
    # A dry run drops no log.
    assert (told.logged, told.collected.objects, told.repacked) == (0, 0, None)
    done = repo.gc(grace=0, log_seconds=-10)
    assert done.logged > 0
    assert done.collected.objects >= 4
    assert repo.fsck() == []
    assert np.array_equal(repo.checkout()["w"], noise(0))
    repo.commit(message="what was staged is still there")
    (repo.path / "staged.bin").unlink()
    repo.restore(["staged.bin"])
    assert (repo.path / "staged.bin").read_bytes() == noise(2).tobytes()


def test_damage_is_named_with_the_commits_that_need_it_and_all_else_stays(repo: Repository) -> None:
    first = repo.commit({"w": noise(0), "v": noise(5)}, "first")
    second = repo.commit({"w": noise(1), "v": noise(5)}, "second")
    third = repo.commit({"w": noise(2), "v": noise(5)}, "third")
    assert repo.fsck() == []
    bad = repo.checkout(second).digest("w")
    info = repo.store.info(bad)
    place = repo.folder / "store" / info.place
    repo.close()
    data = bytearray(place.read_bytes())
    data[info.offset + info.stored // 2] ^= 1
    place.write_bytes(data)
    with Repository() as damaged:
        faults = {fault.object: fault for fault in damaged.fsck()}
        assert bad.hex() in faults
        assert second in faults[bad.hex()].commits
        assert first not in faults[bad.hex()].commits
        assert np.array_equal(damaged.checkout(first)["w"], noise(0))
        assert np.array_equal(damaged.checkout(third)["v"], noise(5))


def test_a_missing_object_is_named(repo: Repository) -> None:
    lost, by = bytes(range(32)), repo.signature()
    with repo.store.writer() as writer:
        made = writer.put(Kind.TREE, Tree.of([Entry("m", lost, 5)]).encode())
        commit = writer.put(Kind.COMMIT, Commit(made, (), by, by, "incomplete").encode())
    repo.refs.move_head(None, commit, by, "test")
    (fault,) = repo.fsck()
    assert (fault.object, fault.commits) == (lost.hex(), (commit.hex(),))


def test_statistics_count_what_is_there(repo: Repository) -> None:
    shutil.copy(BASE, repo.path / "model.safetensors")
    repo.add()
    repo.commit(message="base")
    shutil.copy(TUNED, repo.path / "model.safetensors")
    repo.add()
    repo.commit(message="tuned")
    repo.tag("v1")
    found = repo.stats()
    assert (found.commits, found.branches, found.tags) == (2, 1, 1)
    assert found.objects["commit"] == 2
    assert found.objects["recipe"] == 2
    assert found.checked_out == BASE.stat().st_size + TUNED.stat().st_size
    assert found.deltas > 0
    assert found.stored < found.content


def test_models_from_elsewhere_become_commits(repo: Repository, tmp_path: Path) -> None:
    made = repo.import_models([BASE, TUNED, TUNED], as_path="model.safetensors")
    assert len(made) == 2
    assert [info.commit.title for info in repo.log()] == [f"Import {TUNED}", f"Import {BASE}"]
    assert not (repo.path / "model.safetensors").exists()
    assert repo.status().clean
    folder = tmp_path / "sharded"
    folder.mkdir()
    shutil.copy(BASE, folder / "a.safetensors")
    (folder / "config.json").write_text("{}")
    repo.import_models([folder])
    assert set(repo.tree().by_path) == {"model.safetensors", "sharded/a.safetensors", "sharded/config.json"}
    with pytest.raises(WrongCall):
        repo.import_models([BASE], as_path="../x")
    with pytest.raises(MissingInput):
        repo.import_models([tmp_path / "none"])


def test_files_are_exported_and_archived(repo: Repository, tmp_path: Path) -> None:
    first, second = repo.import_models([BASE, TUNED], as_path="deep/model.safetensors")
    assert repo.export(tmp_path / "out", first) == ["deep/model.safetensors"]
    assert (tmp_path / "out/deep/model.safetensors").read_bytes() == BASE.read_bytes()
    for name in ("a.tar", "a.tar.gz"):
        repo.archive(tmp_path / name, second)
        with tarfile.open(tmp_path / name) as archive:
            member = archive.extractfile("deep/model.safetensors")
            assert member is not None
            assert member.read() == TUNED.read_bytes()
    stream = io.BytesIO()
    repo.archive(stream, second, only=["deep"])
    assert stream.getvalue() == (tmp_path / "a.tar").read_bytes()
    with pytest.raises(MissingInput):
        repo.archive(stream, second, only=["none"])
    with pytest.raises(WrongCall):
        repo.archive(tmp_path / "a.zip", second)
    with pytest.raises(UnknownRevision):
        repo.export(tmp_path / "out", "none")
