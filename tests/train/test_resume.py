"""Training in one go and training that was taken up again make the same weights, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sapwood.errors import BadData, WrongCall
from sapwood.repo.repository import Repository
from sapwood.train.run import Run
from sapwood.train.saver import Saver
from sapwood.train.training_state import TrainingState

PROGRAM = Path(__file__).with_name("resume_program.py")
torch = pytest.importorskip("torch", reason="torch is an optional extra")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Repository.init(tmp_path / "repo").close()
    return tmp_path / "repo"


def trained(folder: Path, run: str, last: int, every: int) -> str:
    command = [sys.executable, str(PROGRAM), str(folder), run, str(last), str(every)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_ten_steps_and_ten_in_a_new_process_are_twenty(folder: Path) -> None:
    straight = trained(folder, "straight", 20, 100)
    # 13 batches make an epoch: this one is left in the middle.
    assert trained(folder, "halves", 10, 10) != straight
    assert trained(folder, "halves", 20, 10) == straight
    with Repository(folder) as repo:
        assert [one.step for one in Run(repo, "halves")] == [10, 20]


@pytest.mark.slow
def test_200_steps_interrupted_anywhere_are_200_steps(folder: Path) -> None:
    straight = trained(folder, "straight", 200, 1000)
    trained(folder, "halves", 100, 100)
    assert trained(folder, "halves", 200, 100) == straight
    # At the end of an epoch, and just before and behind it.
    for last in (12, 13, 14, 26, 77, 143, 200):
        told = trained(folder, "pieces", last, 1)
    assert told == straight


def test_a_state_of_another_training_is_refused(folder: Path) -> None:
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters())
    with Saver(folder, "run", waiting=0) as saver:
        saver.save(1, TrainingState(model, optimizer=optimizer))
        with pytest.raises(BadData, match="other parts"):
            saver.restore(TrainingState(model, optimizer=optimizer, scheduler=optimizer))
    with pytest.raises(WrongCall, match="scheduler has no state_dict"):
        TrainingState(model, scheduler=object())


def test_restored_tensors_are_the_trainings_own(folder: Path) -> None:
    model = torch.nn.Linear(2, 2).to(torch.bfloat16)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 2, dtype=torch.bfloat16)).sum().backward()
    optimizer.step()
    training = TrainingState(model, optimizer=optimizer)
    with Saver(folder, "run", waiting=0) as saver:
        saver.save(1, training)
        saver.restore(training)
        optimizer.step()  # writes to what it was given
        again = saver.run.at(1).load()
    saved = again["optimizer"]["state"][0]
    assert saved["step"] == 1
    assert saved["exp_avg"].dtype == torch.bfloat16
    assert optimizer.state_dict()["state"][0]["step"] == 2


def test_views_of_a_model_take_no_copy_and_share_what_was_shared(folder: Path) -> None:
    with Repository(folder) as repo:
        repo.store.configure("compress", "off")
    embedding = torch.nn.Embedding(50, 8)
    head = torch.nn.Linear(8, 50, bias=False)
    head.weight = embedding.weight
    model = torch.nn.ModuleDict({"embedding": embedding, "head": head})
    with Saver(folder, "run") as saver:
        saver.save(1, TrainingState(model))
        saver.wait()
        one = saver.run.at(1).state_dict("model", views=True)
        assert list(one) == list(model.state_dict())
        assert one["head.weight"].data_ptr() == one["embedding.weight"].data_ptr(), "held once"
        assert torch.equal(one["head.weight"], head.weight)


@pytest.mark.parametrize("kind", ["meta", "sparse", "function"])
def test_what_is_no_plain_tensor_is_refused_by_name(folder: Path, kind: str) -> None:
    values = {
        "meta": lambda: torch.ones(2, device="meta"),
        "sparse": lambda: torch.ones(2).to_sparse(),
        "function": lambda: torch.nn.functional.relu,
    }

    class Part:
        def state_dict(self) -> dict[str, object]:
            return {"inner": [values[kind]()]}

        def load_state_dict(self, state: object) -> None: ...

    with Saver(folder, "run") as saver, pytest.raises(WrongCall, match=r"other.inner.0'"):
        saver.save(1, TrainingState(torch.nn.Linear(1, 1), other=Part()))
