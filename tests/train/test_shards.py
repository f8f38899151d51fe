"""Several processes, one checkpoint."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapwood.errors import BadData, Unavailable, WrongCall
from sapwood.repo.repository import Repository
from sapwood.train.capture import capture
from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Run
from sapwood.train.saver import Saver
from sapwood.train.shards import FOLDER, Shard, commit_part, drop_stale_parts, seal


class Part:
    """The share of one process."""

    def __init__(self, rank: int) -> None:
        self.weights = np.full((32, 32), rank, np.float32)

    def state_dict(self) -> dict[str, Any]:
        return {"model": {"weights": self.weights}, "rank": int(self.weights[0, 0])}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["model"]["weights"].copy()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Repository.init(tmp_path / "repo").close()
    return tmp_path / "repo"


def train(folder: Path, rank: int, world: int, session: str = "one") -> None:
    part = Part(rank)
    with Saver(
        folder, "run", every=Every(steps=1), keep=Keep(last=2), shard=Shard(rank, world, session, 60)
    ) as saver:
        for step in (1, 2, 3):
            part.weights += 10
            saver.step(step, part, metrics={"loss": 1.0})


def test_each_process_commits_its_part_and_rank_0_seals(folder: Path) -> None:
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from tests.train.test_shards import train
train(Path(sys.argv[1]), int(sys.argv[2]), 3)
"""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, str(folder)]
    running = [subprocess.Popen([*command, str(rank), root]) for rank in range(3)]
    assert [process.wait(200) for process in running] == [0, 0, 0]
    with Repository(folder) as repo:
        assert not repo.refs.all(FOLDER), "parts of sealed checkpoints are gone"
        run = Run(repo, "run")
        assert [one.step for one in run] == [2, 3]
        last = run.last()
        assert last is not None
        assert last.fields["world"] == "3"
        assert last.metrics == {"loss": 1.0}
        for rank in range(3):
            assert last.load(folder=f"rank-{rank:05}/")["rank"] == rank + 30
    for rank in range(3):
        part = Part(7)
        with Saver(folder, "run", shard=Shard(rank, 3, "two")) as saver:
            assert saver.restore(part) == 3
        assert part.weights[0, 0] == rank + 30
    other = r"another number of processes \(expected 2, found 3\)"
    with Saver(folder, "run", shard=Shard(0, 2, "two")) as saver, pytest.raises(BadData, match=other):
        saver.restore(Part(0))


def test_without_all_parts_there_is_no_checkpoint(folder: Path) -> None:
    with Repository(folder) as repo:
        run, shard = Run(repo, "run"), Shard(0, 3, "one", timeout=0.05)
        commit_part(run, capture(Part(0).state_dict()), shard, step=1)
        commit_part(run, capture(Part(2).state_dict()), Shard(2, 3, "one"), step=1)
        with pytest.raises(Unavailable, match=r"rank 1 has not committed its part of step 1 .*found 2"):
            seal(run, shard, step=1)
        assert run.last() is None


def test_parts_of_an_earlier_session_are_never_taken(folder: Path) -> None:
    with Repository(folder) as repo:
        run = Run(repo, "run")
        commit_part(run, capture(Part(5).state_dict()), Shard(1, 2, "before"), step=1)
        shard = Shard(0, 2, "after", timeout=0.05)
        commit_part(run, capture(Part(0).state_dict()), shard, step=1)
        with pytest.raises(Unavailable, match="rank 1"):
            seal(run, shard, step=1)
        assert drop_stale_parts(run, shard) == 1
        assert list(repo.refs.all(FOLDER)) == ["refs/parts/run/after/1/0"]


def test_a_failure_of_another_process_comes_out_where_rank_0_trains(folder: Path) -> None:
    saver = Saver(folder, "run", shard=Shard(0, 2, "one", timeout=0.05))
    saver.save(1, Part(0))
    with pytest.raises(Unavailable, match="rank 1"):
        saver.close()


def test_processes_decide_by_steps_alone(folder: Path) -> None:
    for every in (Every(minutes=1), Every(best=Best("loss", "min"))):
        with pytest.raises(WrongCall, match="cannot agree"):
            Saver(folder, "run", every=every, shard=Shard(0, 2, "one"))


@pytest.mark.parametrize("wrong", [(2, 2, "a"), (-1, 2, "a"), (0, 1, ""), (0, 1, "a/b")])
def test_shards_that_cannot_be(wrong: tuple[int, int, str]) -> None:
    with pytest.raises(WrongCall):
        Shard(*wrong)
