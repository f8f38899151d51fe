"""The identities of base and target, whose digests are made while a patch is."""

from collections.abc import Callable

from sapwood.formats.model import Model
from sapwood.patch.digest import Identifier
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.jobs import Job
from sapwood.patch.manifest import NO_MODEL, ModelIdentity
from sapwood.patch.workers import Workers

__all__ = ["Identities"]


class Identities:
    """Threads hash beside the coding; one alone hashes what it will code next, for the cache's sake.

    Attributes:
        base: Finishes the base's identity.
        target: Finishes the target's.
    """

    base: Callable[[], ModelIdentity]
    target: Callable[[], ModelIdentity]

    def __init__(self, base: Model | None, target: Model, workers: Workers, kind: HashKind) -> None:
        old = Model("", False, ()) if base is None else base
        self._base, self._target = (Identifier(model, workers.hashing, kind) for model in (old, target))
        self._follows = workers.threads == 1
        self.base = (lambda: NO_MODEL) if base is None else self._base.finish
        self.target = self._target.finish
        if not self._follows:
            self.base = workers.begin(self.base).result
            self.target = workers.begin(self.target).result

    def coming(self, job: Job) -> None:
        """A job is about to be coded."""
        if self._follows:
            self._target.reach(job.start + job.length)
            self._base.reach(0 if job.base is None else job.base + job.length)
