"""A training that is killed or has no room while it saves: what was told of is whole, and the run goes on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sapwood.errors import DiskFull
from sapwood.repo.repository import Repository
from sapwood.train.policy import Keep
from sapwood.train.run import Run
from sapwood.train.saver import Saver
from tests.train.test_run import Training

# Tells of each step once it is on the disk.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[2])
from sapwood.train.policy import Every, Keep
from sapwood.train.saver import Saver
from tests.train.test_run import Training
training = Training()
with Saver(sys.argv[1], "tuning", every=Every(steps=1), keep=Keep(last=3), waiting=2) as saver:
    step = saver.restore(training)
    while True:
        training.train()
        step += 1
        saver.step(step, training)
        if step % 3 == 0:
            saver.wait()
            print(step, flush=True)
"""


def test_a_killed_training_goes_on_from_a_whole_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    Repository.init(folder).close()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(Path(__file__).parents[2])]
    told = 0
    for lines in (1, 2, 4):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(lines):
                told = int(process.stdout.readline())
            process.kill()  # while the next steps are captured and committed
        with Repository(folder) as repo:
            assert not list(repo.store.fsck())
            saved = [one.step for one in Run(repo, "tuning")]
            assert saved[-1] >= told
            assert saved == list(range(saved[-1] - len(saved) + 1, saved[-1] + 1))

    straight, resumed = Training(), Training()
    with Saver(folder, "tuning", keep=Keep(last=3)) as saver:
        step = saver.restore(resumed)
    for _ in range(step):
        straight.train()
    assert np.array_equal(resumed.weights, straight.weights), "as if it had never been killed"
    assert resumed.history == straight.history


def test_a_full_disk_is_told_to_the_training_and_loses_nothing(full_disk: Path) -> None:
    Repository.init(full_disk).close()
    training = Training()
    saver = Saver(full_disk, "tuning")
    saver.save(1, training)
    saver.wait()
    training.weights = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
    saver.save(2, training)
    with pytest.raises(DiskFull):
        saver.close()
    with Repository(full_disk) as repo:
        assert [one.step for one in Run(repo, "tuning")] == [1]
        assert not list(repo.store.fsck())
