"""What was acknowledged stays: processes that commit at once, and processes that are killed."""

import gc
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from sapwood.errors import DiskFull, SapwoodError
from sapwood.repo.repository import Repository

ROOT = Path(__file__).parents[2]


def committer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.repo.committer", str(folder), name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def check_history(repo: Repository, acknowledged: list[str]) -> None:
    """Every acknowledged commit is in HEAD's history, and every commit there can be read."""
    infos = repo.log()
    assert set(acknowledged) <= {info.id for info in infos}
    for info in infos:
        for array in repo.checkout(info.id).values():
            assert array.shape == (20_000,)


def test_two_processes_that_commit_at_once_both_get_all_in(tmp_path: Path) -> None:
    Repository.init(tmp_path).close()
    running = [committer(tmp_path, name, 12) for name in ("a", "bb")]
    acknowledged = [line for one in running for line in one.communicate()[0].split()]
    assert [one.returncode for one in running] == [0, 0]
    assert len(set(acknowledged)) == 24
    with Repository(tmp_path) as repo:
        check_history(repo, acknowledged)
        assert len(repo.log()) == 24
        assert set(repo.tree().by_path) == {"a.safetensors", "bb.safetensors"}


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_a_committer_is_killed(tmp_path: Path) -> None:
    Repository.init(tmp_path).close()
    chance = random.Random(0)
    acknowledged: list[str] = []
    for _ in range(36):
        one = committer(tmp_path, "a", 1000)
        assert one.stdout is not None
        first = one.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
        one.kill()
        acknowledged += [first.strip(), *one.stdout.read().split()]
        one.wait()
        one.stdout.close()
        with Repository(tmp_path) as repo:
            assert repo.resolve(acknowledged[-1])
            assert repo.log(limit=1)
    with Repository(tmp_path) as repo:
        check_history(repo, [digest for digest in acknowledged if len(digest) == 64])
        assert repo.status().clean


@pytest.mark.parametrize("full_disk", [16], indirect=True)
def test_a_full_disk_loses_nothing_and_says_so(full_disk: Path) -> None:
    with Repository.init(full_disk / "repo") as repo:
        first = repo.commit({"w": np.arange(20_000, dtype=np.float32)}, "fits")
        noise = np.random.default_rng(0).integers(0, 256, 20_000_000, np.uint8)
        with pytest.raises(DiskFull):
            repo.commit({"w": noise}, "does not")
        assert [info.id for info in repo.log()] == [first]
        assert repo.checkout()["w"][-1] == 19_999


def test_a_killed_init_is_made_good_by_another(tmp_path: Path) -> None:
    Repository.init(tmp_path).close()
    (tmp_path / ".sapwood/repository.sqlite").unlink()
    with pytest.raises(SapwoodError):
        Repository(tmp_path)
    with Repository.init(tmp_path) as repo:
        assert repo.log() == []


def test_thousands_of_commits_in_one_process_hold_no_more_files_open(tmp_path: Path) -> None:
    def opened() -> int:
        # A writer and its reader refer to each other.
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    with Repository.init(tmp_path) as repo:
        counts = []
        for i in range(30):
            repo.commit({"w": np.full(20_000, i, np.float32)}, str(i))
            counts.append(opened())
    # Each commit makes the pack longer: what was read of it before must not keep the shorter maps.
    assert counts[-1] <= counts[4] + 2
