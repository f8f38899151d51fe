"""Checkpoints from Hugging Face's Trainer. Importing this imports transformers.

Its own checkpoint folders are not needed: set ``save_strategy="no"``. To go on from a checkpoint, write it as
such a folder, which the Trainer reads with ``weights_only``, and let the Trainer do the rest:

    trainer.add_callback(SapwoodCallback(repository, "tuning", every=Every(steps=500)))
    trainer.train()
    ...
    write_trainer_folder(run.last(), "resume")
    trainer.train(resume_from_checkpoint="resume")
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from sapwood.errors import BadData, WrongCall, storage_error
from sapwood.train.policy import Every, Keep
from sapwood.train.run import Checkpoint
from sapwood.train.saver import Saver
from sapwood.train.training_state import random_states

__all__ = ["SapwoodCallback", "write_trainer_folder"]


class SapwoodCallback(transformers.TrainerCallback):  # type: ignore[misc]  # its types are not looked at
    """Saves a Trainer's run; of one process, without DeepSpeed, FSDP or a gradient scaler (``fp16``).

    What an evaluation measured is the checkpoint's metrics, so ``Every(best=...)`` saves after an evaluation.
    What fails while committing is raised by a later step, at the latest when training ends.

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
        self._path, self._run = path, run
        self._every, self._keep, self._waiting = every, keep, waiting
        self._saver: Saver | None = None
        self._saved_at = -1

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Refuses what cannot be resumed exactly."""
        del state, control, kwargs
        for name, wrong in (
            ("more than one process", args.world_size > 1),
            ("DeepSpeed", bool(args.deepspeed)),
            ("FSDP", bool(args.fsdp)),
            ("the gradient scaler of fp16", bool(args.fp16)),
        ):
            if wrong:
                raise WrongCall(
                    f"the callback cannot save a training with {name}",
                    advice="Save from the loop with sapwood.train.saver.Saver.",
                )
        self._saver = Saver(self._path, self._run, every=self._every, keep=self._keep, waiting=self._waiting)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Saves if it is due by steps or minutes."""
        del args, control
        if self._saver is not None and self._saver.step(state.global_step, _TrainerState(state, kwargs)):
            self._saved_at = state.global_step

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Saves if it is due by epochs."""
        del args, control
        step, epochs = state.global_step, round(state.epoch)
        if self._saver is None or self._saved_at == step:
            return
        if self._saver.epoch(epochs, step, _TrainerState(state, kwargs)):
            self._saved_at = step

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Saves if a metric is better, and gives the metrics to a checkpoint of this very step."""
        del args, control
        if self._saver is None:
            return
        measured = kwargs.get("metrics") or {}
        metrics = {name: float(value) for name, value in measured.items() if isinstance(value, int | float)}
        taken = _TrainerState(state, kwargs)
        if self._saved_at == state.global_step:
            self._saver.save(state.global_step, taken, metrics=metrics)
        elif self._saver.better(state.global_step, taken, metrics=metrics):
            self._saved_at = state.global_step

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Waits until all is on the disk."""
        del args, state, control, kwargs
        if self._saver is not None:
            self._saver.close()
            self._saver = None


class _TrainerState:
    """What the Trainer gives to a callback, as a state."""

    def __init__(self, state: Any, given: Mapping[str, Any]) -> None:
        self._state, self._given = state, given

    def state_dict(self) -> dict[str, Any]:
        """Model, optimizer, scheduler, generators, and the Trainer's own counts and log."""
        given = self._given
        return {
            "model": given["model"].state_dict(),
            "optimizer": given["optimizer"].state_dict(),
            "scheduler": given["lr_scheduler"].state_dict(),
            "random": random_states(),
            "trainer": dataclasses.asdict(self._state),
        }

    def load_state_dict(self, state: Any) -> None:
        """Refused: the Trainer restores itself from a folder."""
        del state
        raise WrongCall("a Trainer is restored by itself", advice="Use write_trainer_folder.")


def write_trainer_folder(checkpoint: Checkpoint, folder: str | os.PathLike[str]) -> None:
    """Write a checkpoint as the folder that ``Trainer.train(resume_from_checkpoint=...)`` reads.

    Raises:
        BadData: The checkpoint is not of a Trainer. StorageFailure, DiskFull: The folder cannot be written.
    """
    place = Path(folder)
    state = checkpoint.load()
    if not {"optimizer", "scheduler", "random", "trainer"} <= set(state):
        raise BadData("not a checkpoint of a Trainer", path=checkpoint.commit[:7], found=", ".join(state))
    random = state["random"]
    generators = {"python": random["python"], "numpy": random["numpy"], "cpu": random["torch"]}
    if "cuda" in random:
        generators["cuda"] = random["cuda"][0]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with (place / "model.safetensors").open("wb") as sink:
            checkpoint.write_file("model.safetensors", sink)
        (place / "trainer_state.json").write_text(json.dumps(state["trainer"], indent=2) + "\n")
        torch.save(state["optimizer"], place / "optimizer.pt")
        torch.save(state["scheduler"], place / "scheduler.pt")
        torch.save(generators, place / "rng_state.pth")
    except OSError as error:
        raise storage_error(error, str(place)) from error
