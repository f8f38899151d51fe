"""The Trainer's callback, with transformers: a run taken up again is the run."""

from pathlib import Path
from typing import Any

import pytest

from sapwood.errors import BadData
from sapwood.repo.repository import Repository
from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Run
from sapwood.train.saver import Saver
from tests.train.test_run import Training

torch = pytest.importorskip("torch", reason="torch is an optional extra")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="accelerate is not installed: transformers' Trainer needs it")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # what these libraries say of each other
]


class Model(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is not seen by the type checker
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))

    def forward(self, x: Any, labels: Any) -> dict[str, Any]:
        predicted = self.layers(x)
        return {"loss": (predicted - labels).square().mean(), "logits": predicted}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Repository.init(tmp_path / "repo").close()
    return tmp_path / "repo"


def trainer(folder: Path, model: Model, steps: int, **callback: Any) -> Any:
    from sapwood.train.huggingface import SapwoodCallback  # noqa: PLC0415  it brings transformers

    draw = torch.Generator().manual_seed(1)
    rows = [
        {"x": torch.randn(4, generator=draw), "labels": torch.randn(1, generator=draw)} for _ in range(40)
    ]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder.parent / "out"),
        max_steps=steps,
        per_device_train_batch_size=4,
        save_strategy="no",
        eval_strategy="steps",
        eval_steps=2,
        report_to=[],
        seed=5,
        learning_rate=1e-2,
        lr_scheduler_type="constant",
        use_cpu=True,
        disable_tqdm=True,
    )
    made = transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows[:8])
    if callback:
        made.add_callback(SapwoodCallback(folder, "run", **callback))
    return made


def test_a_run_taken_up_again_is_the_run(folder: Path, tmp_path: Path) -> None:
    from sapwood.train.huggingface import write_trainer_folder  # noqa: PLC0415

    straight = Model()
    trainer(folder, straight, 14).train()

    first = Model()
    trainer(folder, first, 6, every=Every(steps=6)).train()
    with Repository(folder) as repo:
        last = Run(repo, "run").last()
        assert last is not None
        assert last.step == 6
        write_trainer_folder(last, tmp_path / "resume")
    second = Model()
    trainer(folder, second, 14).train(resume_from_checkpoint=str(tmp_path / "resume"))
    for name, tensor in straight.state_dict().items():
        assert torch.equal(second.state_dict()[name], tensor), name


def test_evaluations_give_the_metric_for_the_best(folder: Path) -> None:
    by = Best("eval_loss", "min")
    run = trainer(folder, Model(), 8, every=Every(steps=4, best=by), keep=Keep(last=1, best=1, by=by))
    run.train()
    losses = {entry["step"]: entry["eval_loss"] for entry in run.state.log_history if "eval_loss" in entry}
    with Repository(folder) as repo:
        kept = Run(repo, "run")
        best = kept.best(by)
        assert best is not None
        assert best.step == min(losses, key=losses.__getitem__)
        assert best.metrics["eval_loss"] == losses[best.step]
        assert {one.step for one in kept} == {best.step, 8}


def test_another_state_is_no_trainers(folder: Path, tmp_path: Path) -> None:
    from sapwood.train.huggingface import write_trainer_folder  # noqa: PLC0415

    with Saver(folder, "run", waiting=0) as saver:
        saver.save(1, Training())
        with pytest.raises(BadData, match="not a checkpoint of a Trainer"):
            write_trainer_folder(saver.run.at(1), tmp_path / "resume")
