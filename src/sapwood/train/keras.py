"""Checkpoints from Keras 3. Importing this imports Keras.

    callback = SapwoodCallback(repository, "tuning", every=Every(epochs=1))
    model.fit(x, y, epochs=10, initial_epoch=callback.resume(model), callbacks=[callback])

From the end of an epoch training goes on bit for bit. In the middle of one it cannot: Keras does not say how
to begin there.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from sapwood.errors import BadData, WrongCall
from sapwood.train.policy import Every, Keep
from sapwood.train.saver import Saver
from sapwood.train.training_state import random_states, set_random_states

__all__ = ["SapwoodCallback"]


class SapwoodCallback(keras.callbacks.Callback):  # type: ignore[misc]  # its types are not looked at
    """Saves a run: weights, seeds and the optimizer's variables, and the random generators.

    Metrics are Keras's logs: of the epoch so far after a step, with ``val_`` ones after an epoch.

    Args:
        path: A folder in the repository.
        run: The run's name.
        every: When to save.
        keep: What stays.
        waiting: States that may wait to be committed; see ``sapwood.train.saver.Saver``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: str,
        *,
        every: Every,
        keep: Keep = Keep(),  # noqa: B008  it is a constant
        waiting: int = 1,
    ) -> None:
        super().__init__()
        self._path, self._run = path, run
        self._every, self._keep, self._waiting = every, keep, waiting
        self._saver: Saver | None = None
        self._step = self._epochs = 0
        self._generators: Mapping[str, Any] | None = None

    def resume(self, model: Any) -> int:
        """Put the run's last checkpoint, if any, into a compiled and built model; the epoch to begin with.

        Raises:
            BadData: The checkpoint has other variables.
        """
        with Saver(self._path, self._run, waiting=0) as saver:
            checkpoint = saver.run.last()
            if checkpoint is None:
                return 0
            state = checkpoint.load()
        model.optimizer.build(model.trainable_variables)
        _assign(model.variables, state["model"], "model")
        _assign(model.optimizer.variables, state["optimizer"], "optimizer")
        self._generators = state["random"]
        self._step, self._epochs = state["progress"]["step"], state["progress"]["epochs"]
        return self._epochs

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the repository; the generators go on where they were."""
        del logs
        self._saver = Saver(self._path, self._run, every=self._every, keep=self._keep, waiting=self._waiting)
        if self._generators is not None:
            set_random_states(self._generators)
            self._generators = None

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Saves if it is due."""
        del batch
        self._step += 1
        if self._saver is not None:
            self._saver.step(self._step, self, metrics=_metrics(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Saves if it is due."""
        self._epochs = epoch + 1
        if self._saver is not None:
            self._saver.epoch(self._epochs, self._step, self, metrics=_metrics(logs))

    def on_train_end(self, logs: Any = None) -> None:
        """Waits until all is on the disk."""
        del logs
        if self._saver is not None:
            self._saver.close()
            self._saver = None

    def state_dict(self) -> dict[str, Any]:
        """The model that is trained, as a state."""
        return {
            "model": _values(self.model.variables),
            "optimizer": _values(self.model.optimizer.variables),
            "random": random_states(),
            "progress": {"step": self._step, "epochs": self._epochs},
        }

    def load_state_dict(self, state: Any) -> None:
        """Refused: see ``resume``."""
        del state
        raise WrongCall("a Keras model is restored by resume")


def _metrics(logs: Any) -> dict[str, float]:
    return {name: float(value) for name, value in (logs or {}).items()}


def _values(variables: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable in variables:
        if variable.path in found:
            raise WrongCall(
                "two variables have one path", path=variable.path, advice="Name the layers apart."
            )
        found[variable.path] = np.asarray(keras.ops.convert_to_numpy(variable.value))
    return found


def _assign(variables: Iterable[Any], values: Mapping[str, Any], what: str) -> None:
    by_path = {variable.path: variable for variable in variables}
    if set(by_path) != set(values):
        odd = sorted(set(by_path) ^ set(values))
        raise BadData(f"the checkpoint has other variables of the {what}", found=", ".join(odd[:3]))
    for path, variable in by_path.items():
        if tuple(variable.shape) != values[path].shape:
            raise BadData(
                f"the checkpoint has {path} of another shape",
                expected=variable.shape,
                found=values[path].shape,
            )
        variable.assign(np.array(values[path]))
