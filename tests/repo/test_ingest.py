"""Many models into one remote, by tasks; here one after another in this process, on a cluster in test_ray."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from sapwood.errors import MissingInput, RefMoved, SapwoodError, StorageFailure, Unavailable, WrongCall
from sapwood.repo.ingest import cluster, task
from sapwood.repo.ingest.bases import Bases, Earlier
from sapwood.repo.ingest.task import Destination, Job, sketch, take_in
from sapwood.repo.repository import Repository
from sapwood.store.remote.remote import Remote
from tests.repo.families import write_drift, write_family

DIED = Unavailable("a task died")


class OneAfterAnother:
    """Stands in for the cluster: a task is run when it is waited for, the last one begun first."""

    dies_after = 10**9
    kills: frozenset[str] = frozenset()

    def __init__(self, _address: str) -> None:
        self.waiting: dict[int, Any] = {}
        self.results: dict[int, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def _begin(self, work: Any) -> int:
        number = len(self.waiting) + len(self.results)
        self.waiting[number] = work
        return number

    def sketch(self, job: Job) -> int:
        return self._begin(lambda: cluster.run_sketch(job))

    def take_in(self, job: Job, to: Destination, known: Any, kin: Any, before: Mapping[int, int]) -> int:
        def work() -> object:
            done = [self._result(before[number]) for number in sorted(before)]
            # As Ray does: what waits for a task that died, dies with it.
            if job.path in self.kills or any(one is DIED for one in done):
                return DIED
            return cluster.run_take_in(job, to, known, kin, sorted(before), *done)

        return self._begin(work)

    def _result(self, running: int) -> Any:
        if running in self.waiting:
            self.results[running] = self.waiting.pop(running)()
        return self.results[running]

    def wait(self, running: Sequence[int]) -> list[int]:
        return [max(running)]

    def result(self, ended: int) -> Any:
        if len(self.results) >= self.dies_after:
            raise Unavailable("the cluster is gone")
        return self._result(ended)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setattr(cluster, "Cluster", OneAfterAnother)
    made = Repository.init(tmp_path / "repo")
    made.add_remote("origin", str(tmp_path / "remote"))
    return made


@pytest.fixture
def models(tmp_path: Path) -> dict[str, Path]:
    return write_family(tmp_path / "models", 0, 4) | write_family(tmp_path / "models", 1, 3)


def ingest(repo: Repository, tmp_path: Path, models: Mapping[str, Path]) -> Any:
    return repo.ingest(models, cluster="local", scratch=tmp_path / "scratch")


def same_files(repo: Repository, models: Mapping[str, Path], out: Path) -> bool:
    repo.export(out)
    return all((out / name).read_bytes() == path.read_bytes() for name, path in models.items())


def test_they_are_committed_and_every_clone_has_them(
    repo: Repository, models: dict[str, Path], tmp_path: Path
) -> None:
    told = ingest(repo, tmp_path, models)
    assert told.new == tuple(models)
    assert not told.failed
    assert len(told.commits) == 1
    assert told.read == sum(path.stat().st_size for path in models.values())
    # Five of seven are fine-tunes.
    assert told.sent < 0.75 * told.read
    assert repo.status().clean
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "clone", checkout=False) as clone:
        assert clone.fsck() == []
        assert same_files(clone, models, tmp_path / "out")
    # This repository got commits only; files come when they are asked for.
    assert same_files(repo, models, tmp_path / "here")


def test_a_second_call_codes_and_sends_nothing(
    repo: Repository, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(repo, tmp_path, models)

    def fail(*_arguments: object) -> None:
        raise AssertionError("what is the same is not coded again")

    monkeypatch.setattr(task, "put_model_file", fail)
    packs = sorted(path.name for path in (tmp_path / "remote" / "packs").iterdir())
    again = ingest(repo, tmp_path, models)
    assert (again.new, again.same, again.sent, again.commits) == ((), tuple(models), 0, ())
    assert sorted(path.name for path in (tmp_path / "remote" / "packs").iterdir()) == packs


def test_what_failed_is_told_and_keeps_nobody_else(
    repo: Repository, models: dict[str, Path], tmp_path: Path
) -> None:
    absent = tmp_path / "absent.safetensors"
    told = ingest(repo, tmp_path, {"absent": absent, **models})
    assert told.new == tuple(models)
    assert isinstance(told.failed["absent"], MissingInput)
    # Next time only it is left.
    absent.write_bytes(models["0-1"].read_bytes()[:-1])
    again = ingest(repo, tmp_path, {"absent": absent, **models})
    assert again.new == ("absent",)


def test_a_model_whose_base_failed_is_coded_without_it(
    repo: Repository, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(job: Job, *rest: Any) -> Any:
        if job.path == "0-0":
            raise StorageFailure("the disk failed", path=job.source)
        return take_in(job, *rest)

    monkeypatch.setattr(cluster, "take_in", fail)
    told = ingest(repo, tmp_path, models)
    assert set(told.failed) == {"0-0"}
    assert set(told.new) == set(models) - {"0-0"}
    assert same_files(repo, {name: models[name] for name in told.new}, tmp_path / "out")


def test_a_model_that_kills_its_process_takes_no_other_with_it(
    repo: Repository, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneAfterAnother, "kills", frozenset({"0-0"}))
    told = ingest(repo, tmp_path, models)
    assert told.failed == {"0-0": DIED}
    assert set(told.new) == set(models) - {"0-0"}


def test_what_was_done_before_the_cluster_died_counts(
    repo: Repository, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OneAfterAnother, "dies_after", len(models) + 3)
    with pytest.raises(Unavailable):
        ingest(repo, tmp_path, models)
    monkeypatch.undo()
    monkeypatch.setattr(cluster, "Cluster", OneAfterAnother)
    again = ingest(repo, tmp_path, models)
    assert again.same
    assert {*again.same, *again.new} == set(models)
    assert same_files(repo, models, tmp_path / "out")


def test_a_new_version_is_coded_against_the_old_one(
    repo: Repository, models: dict[str, Path], tmp_path: Path
) -> None:
    ingest(repo, tmp_path, {"m": models["0-0"]})
    told = ingest(repo, tmp_path, {"m": models["0-1"]})
    assert told.new == ("m",)
    assert told.sent < 0.75 * told.read


def test_folders_keep_their_files_apart(repo: Repository, models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "weights.safetensors").write_bytes(models["0-0"].read_bytes())
    assert ingest(repo, tmp_path, {"hub/model": folder}).new == ("hub/model",)
    assert {entry.path for entry in repo.tree()} == {"hub/model/config.json", "hub/model/weights.safetensors"}
    assert ingest(repo, tmp_path, {"hub/model": folder}).same == ("hub/model",)


@pytest.mark.parametrize("names", [["../out"], ["a", "a/b"], ["a", "/b"], [""], [".sapwood/x"]])
def test_names_that_may_not_be_are_refused(
    repo: Repository, models: dict[str, Path], tmp_path: Path, names: list[str]
) -> None:
    with pytest.raises(WrongCall):
        ingest(repo, tmp_path, dict.fromkeys(names, models["0-0"]))
    assert not (tmp_path / "remote").exists()


def test_a_remote_that_is_ahead_is_fetched_first(
    repo: Repository, models: dict[str, Path], tmp_path: Path
) -> None:
    ingest(repo, tmp_path, {"a": models["0-0"]})
    with Repository.clone(str(tmp_path / "remote"), tmp_path / "clone", checkout=False) as clone:
        clone.import_models([models["1-0"]])
        clone.push()
    repo.import_models([models["1-1"]])
    packs = sorted((tmp_path / "remote" / "packs").iterdir())
    with pytest.raises(RefMoved):
        ingest(repo, tmp_path, {"b": models["0-1"]})
    # Before any work was done for it.
    assert sorted((tmp_path / "remote" / "packs").iterdir()) == packs


def test_chains_of_kin_stay_short(tmp_path: Path) -> None:
    """Each is nearest to the one before, yet not all may wait for one another."""
    drift = write_drift(tmp_path, 12)
    bases = Bases(tmp_path, tmp_path, lambda _recipe: False)
    wave: dict[int, int] = {}
    for number, (name, path) in enumerate(drift.items()):
        prints = sketch(Job(str(path), name)).prints
        [base] = bases.of(number, prints).values() or [None]
        assert (base is None) == (number == 0)
        wave[number] = 0 if not isinstance(base, Earlier) else wave[base.model] + 1
    bases.close()
    assert max(wave.values()) == 4


def test_bases_do_not_fill_the_disk(tmp_path: Path, models: dict[str, Path]) -> None:
    to = Destination(str(tmp_path / "remote"), {}, str(tmp_path / "scratch"), 1 << 20, 1)
    for name, path in models.items():
        take_in(Job(str(path), name), to, {}, {})
        packs = (tmp_path / "scratch").glob("*/packs/*")
        assert sum(pack.stat().st_size for pack in packs) < 1 << 20


def test_somebody_elses_folder_is_no_scratch(
    tmp_path: Path, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / f"sapwood-{os.getuid()}"
    place.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    to = Destination(str(tmp_path / "remote"), {}, None, 1 << 30, 1)
    with pytest.raises(StorageFailure, match="not a folder of this user's"):
        take_in(Job(str(models["0-0"]), "m"), to, {}, {})
    place.unlink()
    take_in(Job(str(models["0-0"]), "m"), to, {}, {})
    assert place.stat().st_mode & 0o077 == 0


def test_two_who_send_the_same_lose_nothing(tmp_path: Path, models: dict[str, Path]) -> None:
    """As when Ray runs a task again whose machine was only slow."""
    told = []
    for scratch in ("a", "b"):
        to = Destination(str(tmp_path / "remote"), {}, str(tmp_path / scratch), 1 << 30, 1)
        told.append(take_in(Job(str(models["0-0"]), "m"), to, {}, {}))
    assert told[0].files == told[1].files
    assert told[1].sent == 0
    assert not Remote(str(tmp_path / "remote")).missing(file.entry.recipe for file in told[0].files)


def test_errors_travel_as_they_are(tmp_path: Path) -> None:
    told = cluster.run_sketch(Job(str(tmp_path / "none"), "m"))
    assert isinstance(told, SapwoodError)
    assert told.path == str(tmp_path / "none")
