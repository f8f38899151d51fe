"""One checkpoint of several processes: each commits its part, and the one of rank 0 seals the whole.

A part is a commit of the files ``rank-RANK/..``, under ``refs/parts/RUN/SESSION/STEP/RANK``. When all are
there rank 0 makes one commit of their files, the checkpoint, and the parts' refs go. Before that there is no
checkpoint: whoever dies leaves parts that the next session drops. Processes meet in the repository alone, so
all must reach it on one file system, and no thread but the training's uses their process group.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sapwood.errors import BadData, Unavailable, WrongCall
from sapwood.repo.committing import Notes, put_commit
from sapwood.repo.refs import Move
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest
from sapwood.train.capture import Captured
from sapwood.train.policy import Keep
from sapwood.train.run import Checkpoint, Run

__all__ = ["Shard", "commit_part", "drop_stale_parts", "folder_of", "seal"]

FOLDER: Final = "refs/parts/"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


@dataclass(frozen=True, slots=True)
class Shard:
    """Which of the processes of a training this is.

    Attributes:
        rank: From 0.
        world: How many there are.
        session: A word that these processes share and no others that ever trained this run: parts that others
            left behind are not taken for theirs.
        timeout: Seconds for which rank 0 waits for the parts of a checkpoint.
    """

    rank: int
    world: int
    session: str
    timeout: float = 600.0

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world or not self.session.isalnum() or not self.session.isascii():
            raise WrongCall("no process of a training", found=(self.rank, self.world, self.session))

    @property
    def folder(self) -> str:
        """Where its files are in a checkpoint."""
        return _folder(self.rank)


def commit_part(run: Run, captured: Captured, shard: Shard, *, step: int) -> None:
    """Commit the state of this process; it is on the disk when this returns.

    Raises:
        StorageFailure, DiskFull: Nothing was committed.
    """
    repo, by = run.repo, run.repo.signature()
    notes = Notes(f"Part {shard.rank} of {shard.world}, {run.name} at step {step}")
    with repo.store.lease() as lease:
        entries = run.put(captured, lease, folder=shard.folder)
        digest = put_commit(repo.objects, Tree.of(entries), (), notes, by=by, lease=lease)
        ref = f"{_parts(run, shard, step)}{shard.rank}"
        repo.refs.move([Move(ref, repo.refs.get(ref), digest)], by, "part", log=False)


def seal(
    run: Run,
    shard: Shard,
    *,
    step: int,
    metrics: Mapping[str, float] | None = None,
    fields: Mapping[str, str] | None = None,
    keep: Keep = Keep(),  # noqa: B008  it is a constant
) -> Checkpoint:
    """Wait for all parts and make one checkpoint of them. For rank 0, which may hold the only part.

    Raises:
        Unavailable: Some process has not committed its part in time; named.
    """
    parts = _awaited(run, shard, step)
    entries = [entry for digest in parts.values() for entry in run.repo.objects.tree_of(digest)]
    told = {"world": str(shard.world), **(fields or {})}
    made = run.seal(entries, step=step, metrics=metrics, fields=told, keep=keep)
    _drop(run, parts)
    return made


def drop_stale_parts(run: Run, shard: Shard) -> int:
    """Drop what earlier sessions of this run left behind; how many parts."""
    prefix = f"{FOLDER}{run.name}/"
    mine = f"{prefix}{shard.session}/"
    stale = {ref: digest for ref, digest in run.repo.refs.all(prefix).items() if not ref.startswith(mine)}
    _drop(run, stale)
    return len(stale)


def folder_of(checkpoint: Checkpoint, shard: Shard) -> str:
    """Where this process's state is in a checkpoint.

    Raises:
        BadData: The checkpoint is of another number of processes.
    """
    found = checkpoint.folders()
    if sorted(found) != sorted(_folder(rank) for rank in range(shard.world)):
        raise BadData(
            "the checkpoint is of another number of processes",
            path=checkpoint.commit[:7],
            expected=shard.world,
            found=len(found),
            advice="Train with as many as before, or load its tensors and shard them anew.",
        )
    return shard.folder


def _awaited(run: Run, shard: Shard, step: int) -> dict[str, Digest]:
    prefix = _parts(run, shard, step)
    expected = [f"{prefix}{rank}" for rank in range(shard.world)]
    give_up, pause = time.monotonic() + shard.timeout, _FIRST_PAUSE
    while True:
        found = run.repo.refs.all(prefix)
        missing = [rank for rank, ref in enumerate(expected) if ref not in found]
        if not missing:
            return {ref: found[ref] for ref in expected}
        if time.monotonic() > give_up:
            raise Unavailable(
                f"rank {missing[0]} has not committed its part of step {step}",
                expected=f"{shard.world} parts",
                found=shard.world - len(missing),
                advice="Look at what that process says; checkpoints before this one are whole.",
            )
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _drop(run: Run, parts: Mapping[str, Digest]) -> None:
    moves = [Move(ref, digest, None) for ref, digest in parts.items()]
    run.repo.refs.move(moves, run.repo.signature(), "sealed", log=False)


def _parts(run: Run, shard: Shard, step: int) -> str:
    return f"{FOLDER}{run.name}/{shard.session}/{step}/"


def _folder(rank: int) -> str:
    return f"rank-{rank:05}/"
