"""Commits of files that did not come by way of the work tree."""

from collections.abc import Sequence

from sapwood.repo.checking_out import write_files
from sapwood.repo.committing import Notes, record
from sapwood.repo.opened import Opened
from sapwood.repo.staging import Staged
from sapwood.repo.status import unchanged
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest
from sapwood.store.leases import Lease

__all__ = ["commit_directly", "is_new"]


def is_new(repo: Opened, files: Sequence[Staged]) -> bool:
    """Whether HEAD has not all of these files as they are."""
    head = repo.objects.tree_of(repo.head.target).by_path
    return any(head.get(one.entry.path) != one.entry for one in files)


def commit_directly(
    repo: Opened,
    files: Sequence[Staged],
    notes: Notes,
    *,
    lease: Lease,
    amend: bool = False,
    allow_empty: bool = False,
) -> Digest:
    """Commit these files beside all others that HEAD has, whatever is staged.

    No file is written, unless one is there as it was committed: that follows. ``lease`` keeps their objects.

    Raises:
        WrongCall: Nothing changes, and not ``allow_empty``. StorageFailure, DiskFull: The disk failed.
    """
    follow = unchanged(repo.work, repo.staging, (one.entry.path for one in files))

    def tree_on(before: Tree) -> Tree:
        return Tree.of({**before.by_path, **{one.entry.path: one.entry for one in files}}.values())

    digest = record(
        repo.objects,
        repo.refs,
        tree_on,
        notes,
        by=repo.signature(),
        lease=lease,
        amend=amend,
        allow_empty=allow_empty,
        settle=lambda: repo.staging.put(files),
    )
    due = [one.entry for one in files if one.entry.path in follow]
    repo.staging.put(write_files(repo.store, repo.work, due) if due else [])
    return digest
