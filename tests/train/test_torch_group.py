"""The processes of torch.distributed save one checkpoint, and each takes up its part."""

import subprocess
import sys
from pathlib import Path

import pytest

from sapwood.errors import WrongCall
from sapwood.repo.repository import Repository
from sapwood.train.run import Run

torch = pytest.importorskip("torch", reason="torch is an optional extra")
pytestmark = pytest.mark.slow

PROGRAM = """
import sys
import torch
import torch.distributed
from sapwood.train.policy import Every
from sapwood.train.sampler import ResumableSampler
from sapwood.train.saver import Saver
from sapwood.train.torch_group import shard_of_group
from sapwood.train.training_state import TrainingState

folder, meeting, rank, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
torch.manual_seed(0)
torch.set_num_threads(1)
inputs = torch.randn(40, 4)
model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.2))
optimizer = torch.optim.Adam(model.parameters())
torch.manual_seed(rank)
sampler = ResumableSampler(40, rank=rank, world=2)
loader = torch.utils.data.DataLoader(range(40), 4, sampler=sampler)
training = TrainingState(model, optimizer=optimizer, sampler=sampler)
shard = shard_of_group(timeout=60)
with Saver(folder, "run", every=Every(steps=3), shard=shard) as saver:
    step = saver.restore(training)
    while step < last:
        for batch in sampler.counted(loader, batch_size=4):
            model(inputs[batch]).square().mean().backward()
            for parameter in model.parameters():
                torch.distributed.all_reduce(parameter.grad)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            saver.step(step, training)
            if step == last:
                break
print(shard.session, [tensor.tolist() for tensor in model.state_dict().values()], torch.rand(1).item())
torch.distributed.destroy_process_group()
"""


def train(folder: Path, last: int) -> list[list[str]]:
    meeting = folder.parent / f"{folder.name}-{last}"
    command = [sys.executable, "-c", PROGRAM, str(folder), str(meeting)]
    running = [
        subprocess.Popen([*command, str(rank), str(last)], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    told = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    sessions = {text.partition(" ")[0] for text in told}
    assert len(sessions) == 1, "one session for all processes"
    return [text.split(" ", 1) for text in told]


def test_a_distributed_run_taken_up_again_is_the_run(tmp_path: Path) -> None:
    for name in ("straight", "halves"):
        Repository.init(tmp_path / name).close()
    straight = train(tmp_path / "straight", 9)
    train(tmp_path / "halves", 6)
    halves = train(tmp_path / "halves", 9)
    assert [weights for _, weights in halves] == [weights for _, weights in straight]
    assert straight[0][0] != halves[0][0]
    with Repository(tmp_path / "halves") as repo:
        assert [one.step for one in Run(repo, "run")] == [3, 6, 9]
        assert not repo.refs.all("refs/parts/")


def test_without_a_group_there_is_no_shard() -> None:
    from sapwood.train.torch_group import shard_of_group  # noqa: PLC0415  it brings torch

    with pytest.raises(WrongCall, match="no process group"):
        shard_of_group()
