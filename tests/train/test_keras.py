"""Keras's callback, with keras over torch."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sapwood.errors import BadData
from sapwood.repo.repository import Repository
from sapwood.train.policy import Best, Every, Keep
from sapwood.train.run import Run

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("torch", reason="torch is an optional extra")
keras = pytest.importorskip("keras", reason="keras is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # what these libraries say of each other
]

DRAW = np.random.default_rng(1)
X, Y = DRAW.normal(size=(40, 4)).astype(np.float32), DRAW.normal(size=(40, 1)).astype(np.float32)


def model(units: int = 8) -> Any:
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    made = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    )
    made.compile(keras.optimizers.Adam(1e-2), "mse")
    return made


def fit(folder: Path, epochs: int, **options: Any) -> Any:
    from sapwood.train.keras import SapwoodCallback  # noqa: PLC0415  it brings keras

    made = model()
    callback = SapwoodCallback(folder, "run", **options)
    begin = callback.resume(made)
    made.fit(X, Y, batch_size=8, epochs=epochs, initial_epoch=begin, callbacks=[callback], verbose=0)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Repository.init(tmp_path / "repo").close()
    return tmp_path / "repo"


def test_a_run_taken_up_again_is_the_run(folder: Path, tmp_path: Path) -> None:
    Repository.init(tmp_path / "straight").close()
    straight = fit(tmp_path / "straight", 4, every=Every(epochs=9))
    fit(folder, 2, every=Every(epochs=1))
    second = fit(folder, 4, every=Every(epochs=1))
    for one, other in zip(straight.get_weights(), second.get_weights(), strict=True):
        assert np.array_equal(one, other)
    with Repository(folder) as repo:
        assert [one.step for one in Run(repo, "run")] == [5, 10, 15, 20]


def test_the_best_by_a_log_stays(folder: Path) -> None:
    by = Best("loss", "min")
    fit(folder, 4, every=Every(epochs=1), keep=Keep(last=1, best=1, by=by))
    with Repository(folder) as repo:
        run = Run(repo, "run")
        best = run.best(by)
        assert best is not None
        assert {one.step for one in run} == {best.step, 20}


def test_a_checkpoint_of_another_model_is_refused(folder: Path) -> None:
    from sapwood.train.keras import SapwoodCallback  # noqa: PLC0415

    fit(folder, 1, every=Every(epochs=1))
    with pytest.raises(BadData, match="of another shape"):
        SapwoodCallback(folder, "run", every=Every(epochs=1)).resume(model(units=9))
