"""Models through a cluster: sketched, given bases in their order, coded, and committed in steps."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from sapwood.errors import SapwoodError
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.repo.ingest.bases import Bases, Earlier
from sapwood.repo.ingest.cluster import Cluster, Running
from sapwood.repo.ingest.task import Destination, Job, Sketched, TakenIn
from sapwood.store.kinds import Digest

__all__ = ["Batch", "Outcome"]

# Models under way: enough for a large cluster, few enough to look through each time.
_AHEAD: Final = 1000
# What no commit names is coded again after a crash.
_COMMIT_EVERY: Final = 60.0


@dataclass
class Outcome:
    """What became of the models, by their numbers.

    Attributes:
        taken: In the remote, and committed.
        failed: Not in the remote, and why.
        read: Bytes of those that are in the remote.
        sent: Bytes that travelled.
    """

    taken: dict[int, TakenIn] = field(default_factory=dict)
    failed: dict[int, SapwoodError] = field(default_factory=dict)
    read: int = 0
    sent: int = 0


class Batch:
    """One run over a list of models."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        to: Destination,
        known: Mapping[str, Digest],
        bases: Bases,
        cluster: Cluster,
        commit: Callable[[list[TakenIn]], None],
    ) -> None:
        """Begin.

        Args:
            jobs: The models.
            to: Where to.
            known: Recipes of the files that the remote's branch has, by path.
            bases: Chooses bases for files that it does not have.
            cluster: Does the work.
            commit: Called with models that are in the remote now.
        """
        self._jobs = jobs
        self._to = to
        self._known = known
        self._paths = sorted(known)
        self._bases = bases
        self._cluster = cluster
        self._commit = commit
        self._sketching: dict[Running, int] = {}
        self._coding: dict[Running, int] = {}
        self._sketched: dict[int, Sketched] = {}
        self._prints: dict[int, Mapping[str, Fingerprint]] = {}
        # Of models that wait for others: how to code them without those.
        self._apart: dict[int, Callable[[], Running]] = {}
        self._begun: dict[int, Running] = {}
        self._due: list[TakenIn] = []
        self._outcome = Outcome()

    def run(self, progress: Callable[[int, int], None] | None = None) -> Outcome:
        """Take them all in; ``progress`` is called with bytes done and known of.

        Raises:
            Unavailable: The cluster failed. What was coded before is committed.
        """
        try:
            self._run(progress)
        except BaseException:
            with suppress(SapwoodError):
                self._commit_due()
            raise
        self._commit_due()
        return self._outcome

    def _run(self, progress: Callable[[int, int], None] | None) -> None:
        begun = planned = done = total = 0
        last = time.monotonic()
        sizes: dict[int, int] = {}
        while True:
            while begun < len(self._jobs) and len(self._sketching) + len(self._coding) < _AHEAD:
                self._sketching[self._cluster.sketch(self._jobs[begun])] = begun
                begun += 1
            running = [*self._sketching, *self._coding]
            if not running:
                return
            for ended in self._cluster.wait(running):
                if ended in self._sketching:
                    number = self._sketching.pop(ended)
                    sizes[number] = self._end_sketch(number, self._cluster.result(ended))
                    total += sizes[number]
                else:
                    number = self._coding.pop(ended)
                    if self._end_coding(number, self._cluster.result(ended)):
                        done += sizes[number]
            # Bases are chosen in the order of the models, whichever was sketched first.
            while planned in self._sketched or planned in self._outcome.failed:
                if planned in self._sketched:
                    self._begin_coding(planned, self._sketched.pop(planned))
                planned += 1
            if progress is not None:
                progress(done, total)
            if time.monotonic() - last > _COMMIT_EVERY:
                self._commit_due()
                last = time.monotonic()

    def _end_sketch(self, number: int, told: Sketched | SapwoodError) -> int:
        if isinstance(told, SapwoodError):
            self._outcome.failed[number] = told
            return 0
        self._sketched[number] = told
        return told.size

    def _begin_coding(self, number: int, model: Sketched) -> None:
        job = self._jobs[number]
        known = self._below(job.path)
        fresh = {path: one for path, one in model.prints.items() if path not in known}
        kin = self._bases.of(number, fresh)
        before = {base.model: self._begun[base.model] for base in kin.values() if isinstance(base, Earlier)}
        self._prints[number] = model.prints
        if before:
            stored = {path: base for path, base in kin.items() if not isinstance(base, Earlier)}
            self._apart[number] = lambda: self._cluster.take_in(job, self._to, known, stored, {})
        self._begun[number] = self._cluster.take_in(job, self._to, known, kin, before)
        self._coding[self._begun[number]] = number

    def _end_coding(self, number: int, told: TakenIn | SapwoodError) -> bool:
        """Whether that was the end of it: what failed behind another model is tried once more without it."""
        apart = self._apart.pop(number, None)
        if isinstance(told, SapwoodError) and apart is not None:
            self._begun[number] = apart()
            self._coding[self._begun[number]] = number
            return False
        prints = self._prints.pop(number)
        if isinstance(told, SapwoodError):
            self._outcome.failed[number] = told
            return True
        self._outcome.taken[number] = told
        self._outcome.read += sum(file.entry.size for file in told.files)
        self._outcome.sent += told.sent
        self._due.append(told)
        for file in told.files:
            if file.entry.path in prints:
                self._bases.learn(file.entry.recipe, prints[file.entry.path])
        return True

    def _below(self, name: str) -> dict[str, Digest]:
        """What is known of the file of that name, or of those in the folder."""
        found = {name: self._known[name]} if name in self._known else {}
        start = name + "/"
        for path in self._paths[bisect_left(self._paths, start) :]:
            if not path.startswith(start):
                break
            found[path] = self._known[path]
        return found

    def _commit_due(self) -> None:
        due, self._due = self._due, []
        if due:
            self._commit(due)
