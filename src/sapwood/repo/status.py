"""What differs: between HEAD and what is staged, between that and the work tree, and what nobody tracks."""

import contextlib
import enum
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sapwood.errors import SapwoodError
from sapwood.repo.content import file_digest
from sapwood.repo.ignore import Ignored
from sapwood.repo.refs import Head
from sapwood.repo.staging import Seen, Staged, Staging
from sapwood.repo.tree import Entry, Tree
from sapwood.repo.work_tree import WorkTree

__all__ = ["Difference", "FileChange", "Status", "changed_files", "tree_changes", "unchanged", "untracked"]


class Difference(enum.Enum):
    """How a file stands to an older state."""

    NEW = "new"
    MODIFIED = "modified"
    DELETED = "deleted"


class FileChange(NamedTuple):
    """One file that differs; ``old`` and ``new`` are what trees say of it, where they name it."""

    path: str
    difference: Difference
    old: Entry | None = None
    new: Entry | None = None


class Status(NamedTuple):
    """Where the repository stands.

    Attributes:
        head: Where HEAD is.
        staged: Files that the next commit changes.
        unstaged: Files of the work tree that differ from what is staged.
        untracked: Paths that are not staged; a folder without any staged file stands for all in it, with
            ``/``.
    """

    head: Head
    staged: tuple[FileChange, ...]
    unstaged: tuple[FileChange, ...]
    untracked: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether there is nothing to commit and nothing to stage; untracked files do not count."""
        return not self.staged and not self.unstaged


def tree_changes(old: Tree, new: Tree) -> list[FileChange]:
    """Files that differ between two trees, in the order of their paths."""
    before, after = old.by_path, new.by_path
    changes = []
    for path in sorted(before.keys() | after.keys()):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        how = Difference.NEW if one is None else Difference.DELETED if other is None else Difference.MODIFIED
        changes.append(FileChange(path, how, one, other))
    return changes


def changed_files(work: WorkTree, staging: Staging, staged: Mapping[str, Staged]) -> list[FileChange]:
    """Files of the work tree that are not as they are staged.

    Those that were read again and are the same are remembered, so that they need not be read the next time.
    """
    changes = []
    fresh = []
    for path, one in staged.items():
        status = work.status(path)
        if status is None:
            if one.wanted:
                changes.append(FileChange(path, Difference.DELETED, one.entry))
            continue
        if one.seen.still(status):
            continue
        looked = time.time_ns()
        content = one.seen.content
        if status.st_size != one.entry.size or file_digest(work.root / path) != content:
            changes.append(FileChange(path, Difference.MODIFIED, one.entry))
        else:
            fresh.append(one._replace(seen=Seen.of(content, status, looked), wanted=True))
    if fresh:
        # Whoever may only read is told the same, and reads again the next time.
        with contextlib.suppress(SapwoodError):
            staging.put(fresh)
    return changes


def unchanged(work: WorkTree, staging: Staging, paths: Iterable[str]) -> set[str]:
    """Those of these files that are in the work tree, and as they are staged."""
    staged = staging.all()
    there = {path: staged[path] for path in paths if path in staged and work.status(path) is not None}
    return there.keys() - {change.path for change in changed_files(work, staging, there)}


def untracked(work: WorkTree, staged: Mapping[str, Staged], ignored: Ignored) -> list[str]:
    """Files that are not staged and not ignored; whole folders of them as one path with ``/``."""
    folders = {path[:at] for path in staged for at in range(len(path)) if path[at] == "/"}
    return [path for path in work.walk(ignored, enter=folders.__contains__) if path not in staged]
