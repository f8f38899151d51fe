"""Saving a run while it trains: captured in the training thread, committed in another."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sapwood.errors import WrongCall
from sapwood.repo.repository import Repository
from sapwood.train.background import Background
from sapwood.train.capture import Captured, State, capture
from sapwood.train.policy import Due, Every, Keep, Saved
from sapwood.train.run import Checkpoint, Run
from sapwood.train.shards import Shard, commit_part, drop_stale_parts, folder_of, seal

__all__ = ["Saver", "Stateful"]


class Stateful(Protocol):
    """What can be saved and restored."""

    def state_dict(self) -> State:
        """Its state, part by part."""
        ...

    def load_state_dict(self, state: Any, /) -> Any:
        """Take a state."""
        ...


class Saver:
    """Commits the state of a training run as ``every`` says. Use it as a context manager, or close it.

    With ``waiting`` of one or more, a commit costs the training thread one copy of the state; the rest is
    done in a thread of its own. Memory holds at most ``waiting`` + 2 copies: one that is being committed,
    those that wait, and the one that the training waits to hand over. What fails there is raised at the next
    call, and by ``close``.

        with Saver(path, "tuning", every=Every(steps=100), keep=Keep(last=3)) as saver:
            for step in range(saver.restore(training), 1000):
                loss = train(step)
                saver.step(step + 1, training, metrics={"loss": loss})

    docs/TRAINING.md has it with all around it, run as a test.

    Args:
        path: A folder in the repository.
        run: The run's name.
        every: When to save.
        keep: What stays; everything unless said.
        waiting: States that may wait to be committed; 0 commits in the training thread, without a copy.
        fields: Free texts for every commit.
        shard: Which process this is, where each saves a part: all at the same steps. What ``wait`` and
            ``close`` wait for is then this process's part, and on rank 0 the whole checkpoint.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        run: str,
        *,
        every: Every = Every(),  # noqa: B008  it is a constant
        keep: Keep = Keep(),  # noqa: B008
        waiting: int = 1,
        fields: Mapping[str, str] | None = None,
        shard: Shard | None = None,
    ) -> None:
        if shard is not None and (every.minutes is not None or every.best is not None):
            raise WrongCall(
                "processes cannot agree on minutes or on a metric", advice="Save shards every so many steps."
            )
        self._keep, self._fields, self._shard = keep, dict(fields or {}), shard
        self.repo = Repository(path)
        try:
            self.run = Run(self.repo, run)
            if shard is not None and shard.rank == 0:
                drop_stale_parts(self.run, shard)
            self._due = Due(every, self.run.saved(), time.monotonic())
        except BaseException:
            self.repo.close()
            raise
        self._worker = _Worker(self.repo.path, run, self._commit) if waiting else None
        self._background = Background(waiting=waiting, name=f"sapwood {run}") if waiting else None

    def step(self, step: int, state: Stateful, *, metrics: Mapping[str, float] | None = None) -> bool:
        """Save if it is due after ``step`` steps of the run; whether it was.

        Raises what an earlier commit raised, too.
        """
        told = dict(metrics or {})
        if not self._due.after_step(step, told, time.monotonic()):
            return False
        self.save(step, state, metrics=told)
        return True

    def epoch(
        self, epoch: int, step: int, state: Stateful, *, metrics: Mapping[str, float] | None = None
    ) -> bool:
        """As ``step``, after ``epoch`` epochs, which were ``step`` steps of the run."""
        told = dict(metrics or {})
        if not self._due.after_epoch(epoch, told):
            return False
        self.save(step, state, metrics=told)
        return True

    def better(self, step: int, state: Stateful, *, metrics: Mapping[str, float]) -> bool:
        """Save if ``every`` names a best metric and this is it, after ``step`` steps; whether it was."""
        if not self._due.is_better(metrics):
            return False
        self.save(step, state, metrics=metrics)
        return True

    def save(self, step: int, state: Stateful, *, metrics: Mapping[str, float] | None = None) -> None:
        """Save now. With a thread of its own it is on the disk only when ``wait`` or ``close`` has returned.

        Raises:
            WrongCall: The state holds something that no checkpoint keeps; named.
        """
        saved = Saved(step, dict(metrics or {}))
        captured = capture(state.state_dict(), copy=self._background is not None)
        self._due.saved(saved.metrics, time.monotonic())
        if self._background is None or self._worker is None:
            self._commit(self.run, captured, saved)
        else:
            self._background.submit(self._worker.job(captured, saved))

    def restore(self, state: Stateful, checkpoint: Checkpoint | None = None) -> int:
        """Put a checkpoint, or the run's last, into ``state``; the steps before it, 0 if there is none.

        Raises:
            BadData: It is of another kind of training.
        """
        self.wait()
        checkpoint = checkpoint or self.run.last()
        if checkpoint is None:
            return 0
        folder = "" if self._shard is None else folder_of(checkpoint, self._shard)
        state.load_state_dict(checkpoint.load(folder=folder))
        return checkpoint.step

    def wait(self) -> None:
        """Wait until all that was saved is on the disk. Raises what a commit raised."""
        if self._background is not None:
            self._background.wait()

    def close(self) -> None:
        """Wait, and let go of everything. Raises what a commit raised, unless that was told before."""
        try:
            if self._background is not None and self._worker is not None:
                self._background.close(self._worker.close)
        finally:
            self.repo.close()

    def _commit(self, run: Run, captured: Captured, saved: Saved) -> None:
        """What is done with a state, in whichever thread."""
        step, metrics = saved.step, saved.metrics
        if self._shard is None:
            run.save(captured, step=step, metrics=metrics, fields=self._fields, keep=self._keep)
            return
        commit_part(run, captured, self._shard, step=step)
        if self._shard.rank == 0:
            seal(run, self._shard, step=step, metrics=metrics, fields=self._fields, keep=self._keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Worker:
    """What the other thread uses: a repository is of one thread, so it opens its own."""

    def __init__(self, path: Path, run: str, commit: Callable[[Run, Captured, Saved], None]) -> None:
        self._path, self._name, self._commit = path, run, commit
        self._run: Run | None = None

    def job(self, captured: Captured, saved: Saved) -> Callable[[], None]:
        def commit() -> None:
            if self._run is None:
                self._run = Run(Repository(self._path), self._name)
            self._commit(self._run, captured, saved)

        return commit

    def close(self) -> None:
        if self._run is not None:
            self._run.repo.close()
