"""Checkpoints from Lightning. Importing this imports lightning.

    callback = SapwoodCallback(repository, "tuning", every=Every(epochs=1))
    trainer = Trainer(callbacks=[callback], plugins=[callback.checkpoint_io])
    trainer.fit(model, data, ckpt_path=callback.last())

The plugin takes the place of Lightning's own files: ``ckpt_path`` is a step of the run. From the end of an
epoch training goes on bit for bit; in the middle of one only if the sampler can, as Lightning keeps no
positions.
"""

import os
from types import TracebackType
from typing import Any, Self

from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from sapwood.errors import WrongCall
from sapwood.train.policy import Every, Keep
from sapwood.train.saver import Saver
from sapwood.train.training_state import random_states, set_random_states

__all__ = ["SapwoodCallback"]


class SapwoodCallback(Checkpoint):  # type: ignore[misc]  # its types are not looked at
    """Saves all that Lightning puts into a checkpoint, and the random generators, for one process.

    Metrics are what the module has logged. Close the callback, or use it as a context manager, when done.

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
        self._saver = Saver(path, run, every=every, keep=keep, waiting=waiting)
        self._generators: Any = None
        self.checkpoint_io = _RunIO(self)

    def last(self) -> str | None:
        """What to give to ``Trainer.fit`` as ``ckpt_path``: the run's last step; None if there is none."""
        self._saver.wait()
        checkpoint = self._saver.run.last()
        return None if checkpoint is None else str(checkpoint.step)

    def close(self) -> None:
        """Wait until all is on the disk, and let go of the repository."""
        self._saver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Refuses a trainer without the plugin, or with several processes."""
        del pl_module, stage
        if trainer.strategy.checkpoint_io is not self.checkpoint_io:
            raise WrongCall("the trainer saves elsewhere", advice="Give it plugins=[callback.checkpoint_io].")
        if trainer.world_size > 1:
            raise WrongCall(
                "the callback cannot save a training of more than one process",
                advice="Save from the loop with sapwood.train.saver.Saver.",
            )

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """The generators go on where they were: before the loader draws from them."""
        del trainer, pl_module
        if self._generators is not None:
            set_random_states(self._generators)
            self._generators = None

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Saves if it is due by steps, minutes or a metric."""
        del pl_module, outputs, batch, batch_idx
        self._saver.step(trainer.global_step, _LightningState(trainer), metrics=_metrics(trainer))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Saves if it is due by epochs or a metric."""
        del pl_module
        epochs = trainer.current_epoch + 1
        self._saver.epoch(epochs, trainer.global_step, _LightningState(trainer), metrics=_metrics(trainer))

    def load(self, step: str) -> dict[str, Any]:
        """What Lightning had put into the checkpoint of that step.

        Raises:
            MissingInput: The run has none.
        """
        self._saver.wait()
        if not step.isdecimal():
            raise WrongCall("ckpt_path is a step of the run", found=step, advice="Give callback.last().")
        state = self._saver.run.at(int(step)).load()
        self._generators = state["random"]
        return {**state["lightning"], "state_dict": state["model"]}


class _LightningState:
    """A trainer, as a state: what it hands to its plugin when it is told to save."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def state_dict(self) -> dict[str, Any]:
        dumped: dict[str, Any] = {}
        self._trainer.save_checkpoint("", storage_options=dumped)
        return {"model": dumped.pop("state_dict"), "lightning": dumped, "random": random_states()}

    def load_state_dict(self, state: Any) -> None:
        del state
        raise WrongCall("a Lightning trainer is restored by its ckpt_path")


class _RunIO(CheckpointIO):  # type: ignore[misc]
    """Between Lightning and the callback. Saving through it only hands the checkpoint to whoever asked."""

    def __init__(self, callback: SapwoodCallback) -> None:
        self._callback = callback

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        if not isinstance(storage_options, dict):
            raise WrongCall(
                "only the callback saves into a run",
                found=str(path),
                advice="Leave ModelCheckpoint out.",
            )
        storage_options.update(checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        del map_location, weights_only  # tensors come to the CPU, and there is never a pickle
        return self._callback.load(str(path))

    def remove_checkpoint(self, path: Any) -> None:
        raise WrongCall("what stays of a run is said by keep", found=str(path))


def _metrics(trainer: Any) -> dict[str, float]:
    return {name: float(value) for name, value in trainer.callback_metrics.items()}
