"""Many models into a remote at once, coded on the machines of a Ray cluster."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sapwood.errors import BadData, SapwoodError, WrongCall
from sapwood.repo.committing import Notes
from sapwood.repo.direct_commit import commit_directly, is_new
from sapwood.repo.opened import PathLike, Progress
from sapwood.repo.paths import check_paths
from sapwood.repo.remotes import Remotes
from sapwood.repo.staging import Seen, Staged

if TYPE_CHECKING:
    from sapwood.repo.ingest.task import Job, TakenIn

__all__ = ["Ingested", "Ingesting"]


class Ingested(NamedTuple):
    """What became of the models.

    Attributes:
        remote: The remote's name.
        new: Names of models that are new or have changed, in the order of the call.
        same: Names of models that were there already.
        failed: Why the others were not taken in, by name.
        commits: In hex, the oldest first.
        read: Bytes of the models.
        sent: Bytes that travelled, without commits.
    """

    remote: str
    new: tuple[str, ...]
    same: tuple[str, ...]
    failed: Mapping[str, SapwoodError]
    commits: tuple[str, ...]
    read: int
    sent: int


class Ingesting(Remotes):
    """``ingest``."""

    def ingest(
        self,
        models: Mapping[str, PathLike],
        *,
        cluster: str,
        remote: str | None = None,
        message: str | None = None,
        threads: int = 1,
        scratch: PathLike | None = None,
        scratch_bytes: int = 64 << 30,
        progress: Progress | None = None,
    ) -> Ingested:
        """Take models into a remote, and commit them in steps on the branch that HEAD is on.

        Each model is sketched, coded against its earlier version or the nearest of its kin, and sent, by
        tasks of Ray. Only commits and trees come to this repository; files are fetched when they are asked
        for. Called again after a failure, it codes only what no commit names yet. A model that fails does
        not keep others from being taken in.

        Args:
            models: Files and folders, by the names that they get in the repository. Every machine of the
                cluster must see them under the same paths.
            cluster: ``local``, ``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``.
            remote: Its name; ``origin``, or the only one, by default. Machines find credentials where obstore
                looks for them.
            message: Of the commits.
            threads: Processors for one model.
            scratch: A folder on every machine for bases; one of this user below the system's folder for
                temporary files by default.
            scratch_bytes: How much may lie there between two models.
            progress: Called with bytes taken in and in all; the latter grows while models are sketched.

        Raises:
            WrongCall: A name may not be in a repository, or two are in each other's way.
            RefMoved: The remote's branch has commits that this one lacks.
            MissingDependency: Ray is not installed. Unavailable: The cluster, or the remote, failed.
        """
        import tempfile  # noqa: PLC0415  log and status have no use for it

        from sapwood.repo.ingest.bases import Bases  # noqa: PLC0415  NumPy, and Ray
        from sapwood.repo.ingest.batch import Batch  # noqa: PLC0415
        from sapwood.repo.ingest.cluster import Cluster  # noqa: PLC0415
        from sapwood.repo.ingest.task import Destination  # noqa: PLC0415

        jobs = _jobs(models)
        name, opened = self._remote(remote)
        if self.head.target is not None:
            # Bases come from the remote only.
            self.push(name)
        self._promise(name)
        known = {path: entry.recipe for path, entry in self.objects.tree_of(self.head.target).by_path.items()}
        place = None if scratch is None else os.path.abspath(scratch)  # noqa: PTH100  it may be a link on others
        to = Destination(self._url(name), self._options(name), place, scratch_bytes, threads)
        commits: list[str] = []

        def commit(models: "list[TakenIn]") -> None:
            made = self._commit_taken(models, message)
            if made is not None:
                self.push(name)
                commits.append(made)

        with tempfile.TemporaryDirectory() as folder, Cluster(cluster) as machines:
            bases = Bases(Path(folder), self.store.root, lambda recipe: not opened.missing([recipe]))
            with contextlib.closing(bases):
                outcome = Batch(jobs, to=to, known=known, bases=bases, cluster=machines, commit=commit).run(
                    progress
                )
        taken = sorted(outcome.taken.items())
        new = {n for n, one in taken if any(known.get(f.entry.path) != f.entry.recipe for f in one.files)}
        return Ingested(
            name,
            tuple(jobs[number].path for number, _ in taken if number in new),
            tuple(jobs[number].path for number, _ in taken if number not in new),
            {jobs[number].path: error for number, error in sorted(outcome.failed.items())},
            tuple(commits),
            outcome.read,
            outcome.sent,
        )

    def _commit_taken(self, models: "list[TakenIn]", message: str | None) -> str | None:
        """Commit what the remote holds; None if that changes nothing."""
        files = [
            Staged(file.entry, Seen.unseen(file.content, file.entry.size), wanted=False)
            for model in models
            for file in model.files
        ]
        if not is_new(self, files):
            return None
        with self.store.lease() as lease:
            notes = Notes(message or f"Import {len(models)} models")
            return commit_directly(self, files, notes, lease=lease).hex()


def _jobs(models: Mapping[str, PathLike]) -> "list[Job]":
    """The models, by paths that do not depend on where one stands.

    Raises:
        WrongCall: A name may not be in a repository, or one is a folder of another.
    """
    from sapwood.repo.ingest.task import Job  # noqa: PLC0415

    try:
        check_paths(sorted(models, key=lambda name: name.encode(errors="surrogatepass")))
    except BadData as error:
        raise WrongCall(error.message, path=error.path, found=error.found) from error
    return [Job(os.path.abspath(source), name) for name, source in models.items()]  # noqa: PTH100  links stay
