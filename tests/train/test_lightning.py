"""Lightning's callback and plugin, with lightning."""

from pathlib import Path
from typing import Any

import pytest

from sapwood.errors import MissingInput, WrongCall
from sapwood.repo.repository import Repository
from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Run

torch = pytest.importorskip("torch", reason="torch is an optional extra")
lightning = pytest.importorskip("lightning", reason="lightning is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # what these libraries say of each other
]


class Model(lightning.LightningModule):  # type: ignore[misc, name-defined]  # lightning is not seen by the type checker
    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1))

    def training_step(self, batch: Any, index: int) -> Any:
        x, y = batch
        loss = (self.layers(x) - y).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), 1e-2)
        return {
            "optimizer": optimizer,
            "lr_scheduler": torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9),
        }


def loader() -> Any:
    draw = torch.Generator().manual_seed(1)
    rows = torch.utils.data.TensorDataset(
        torch.randn(40, 4, generator=draw), torch.randn(40, 1, generator=draw)
    )
    return torch.utils.data.DataLoader(rows, batch_size=8, shuffle=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Repository.init(tmp_path / "repo").close()
    return tmp_path / "repo"


def trainer(epochs: int, **options: Any) -> Any:
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def fit(folder: Path, epochs: int, **options: Any) -> Any:
    from sapwood.train.lightning import SapwoodCallback  # noqa: PLC0415  it brings lightning

    lightning.seed_everything(3)
    model = Model()
    with SapwoodCallback(folder, "run", **options) as callback:
        made = trainer(epochs, callbacks=[callback], plugins=[callback.checkpoint_io])
        made.fit(model, loader(), ckpt_path=callback.last())
    return model


def test_a_run_taken_up_again_is_the_run(folder: Path, tmp_path: Path) -> None:
    Repository.init(tmp_path / "straight").close()
    straight = fit(tmp_path / "straight", 4, every=Every(epochs=10))
    fit(folder, 2, every=Every(epochs=1))
    second = fit(folder, 4, every=Every(epochs=1))
    for name, tensor in straight.state_dict().items():
        assert torch.equal(second.state_dict()[name], tensor), name
    with Repository(folder) as repo:
        assert [one.step for one in Run(repo, "run")] == [5, 10, 15, 20]


def test_the_best_by_a_logged_metric_stays(folder: Path) -> None:
    by = Best("loss", "min")
    fit(folder, 3, every=Every(steps=1), keep=Keep(last=1, best=1, by=by))
    with Repository(folder) as repo:
        run = Run(repo, "run")
        best = run.best(by)
        assert best is not None
        assert {one.step for one in run} == {best.step, 15}


def test_what_the_trainer_must_have_is_asked_for(folder: Path) -> None:
    from sapwood.train.lightning import SapwoodCallback  # noqa: PLC0415

    with SapwoodCallback(folder, "run", every=Every(steps=1)) as callback:
        with pytest.raises(WrongCall, match="plugins="):
            trainer(1, callbacks=[callback]).fit(Model(), loader())
        made = trainer(1, callbacks=[callback], plugins=[callback.checkpoint_io])
        with pytest.raises(WrongCall, match="a step of the run"):
            made.fit(Model(), loader(), ckpt_path="some/file.ckpt")
        with pytest.raises(MissingInput, match="no such checkpoint"):
            made.fit(Model(), loader(), ckpt_path="7")
