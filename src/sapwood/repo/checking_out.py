"""From a commit into the work tree, without losing what nobody has committed."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from sapwood.errors import WrongCall
from sapwood.repo.content import file_digest
from sapwood.repo.staging import Seen, Staged, Staging
from sapwood.repo.status import Difference, FileChange, changed_files, tree_changes
from sapwood.repo.tree import Entry, Tree
from sapwood.repo.work_tree import WorkTree

if TYPE_CHECKING:
    from sapwood.store.store import Store

__all__ = ["content_of", "switch_tree", "write_files"]

_MOST_NAMED: Final = 5
# Longer than the clock of a file system stands still: what is seen then is what was written.
_TICK: Final = 0.025

Progress = Callable[[int, int], None]


def content_of(store: "Store", entry: Entry) -> bytes:
    """BLAKE3 digest of the file that a recipe makes."""
    from sapwood.store.recipe import read_recipe  # noqa: PLC0415  most commands read none

    return read_recipe(store.read(entry.recipe)).file_digest


def write_files(
    store: "Store", work: WorkTree, entries: Iterable[Entry], progress: Progress | None = None
) -> list[Staged]:
    """Write the files of a tree, each whole or not at all; returns them as they were then seen.

    Raises:
        WrongCall: A folder or a link is in the way. MissingObject, DamagedStore: The store lacks what is
            needed.
        StorageFailure, DiskFull: The disk failed.
    """
    from sapwood.store.model_objects import write_model_file  # noqa: PLC0415  it brings NumPy

    wanted = list(entries)
    done, total = 0, sum(entry.size for entry in wanted)
    for entry in wanted:
        with work.writing(entry.path) as file:
            written = write_model_file(store, entry.recipe, file)
        work.shared += written.shared
        work.copied += written.size - written.shared
        done += entry.size
        if progress is not None:
            progress(done, total)
    if wanted:
        time.sleep(_TICK)
    seen = []
    for entry in wanted:
        content = content_of(store, entry)
        status = work.status(entry.path)
        looked = time.time_ns()
        seen.append(
            Staged(
                entry,
                Seen.unseen(content, entry.size) if status is None else Seen.of(content, status, looked),
            )
        )
    return seen


def switch_tree(
    store: "Store",
    work: WorkTree,
    staging: Staging,
    old: Tree,
    new: Tree,
    *,
    force: bool = False,
    only_wanted: bool = False,
    progress: Progress | None = None,
) -> list[Staged]:
    """Make the work tree's files those of ``new`` where ``old``, which HEAD has, differs.

    Changes that are staged or were made to other files stay. Returns what is to be staged; that is left to
    the caller, who moves HEAD in the same step. With ``only_wanted`` no file is written where none was wanted
    before.

    Raises:
        WrongCall: A file that would be overwritten holds what is in no commit, and not ``force``.
    """
    staged = staging.all()
    if force:
        changes = tree_changes(Tree.of(one.entry for one in staged.values()), new)
        dirty = {change.path for change in changed_files(work, staging, staged)}
        changes += [
            FileChange(path, Difference.MODIFIED, None, new.by_path[path])
            for path in sorted(dirty & new.by_path.keys() - {change.path for change in changes})
        ]
    else:
        # What is staged as it will be stays, whatever the file in the work tree holds.
        changes = [
            change
            for change in tree_changes(old, new)
            if change.path not in staged or staged[change.path].entry != change.new
        ]
        _check(store, work, staging, staged, changes)
    for change in changes:
        if change.new is None:
            work.remove(change.path)
            staged.pop(change.path, None)
    due = [change.new for change in changes if change.new is not None]
    absent = [
        entry
        for entry in due
        if only_wanted
        and entry.path in staged
        and not staged[entry.path].wanted
        and work.status(entry.path) is None
    ]
    written = write_files(store, work, [entry for entry in due if entry not in absent], progress)
    written += [
        Staged(entry, Seen.unseen(content_of(store, entry), entry.size), wanted=False) for entry in absent
    ]
    staged.update((one.entry.path, one) for one in written)
    return list(staged.values())


def _check(
    store: "Store",
    work: WorkTree,
    staging: Staging,
    staged: dict[str, Staged],
    changes: list[FileChange],
) -> None:
    touched = {path: staged[path] for path in (change.path for change in changes) if path in staged}
    dirty = {change.path for change in changed_files(work, staging, touched)}
    lost = []
    for change in changes:
        one, new = staged.get(change.path), change.new
        if one is not None and one.entry != change.old:
            lost.append(change.path)
            continue
        status = work.status(change.path)
        if (
            new is not None
            and status is not None
            and status.st_size == new.size
            and file_digest(work.root / change.path) == content_of(store, new)
        ):
            continue
        # What is not staged may be a file that nobody tracks, or one whose removal is staged.
        untracked = one is None and new is not None and (status is not None or change.old is not None)
        if change.path in dirty or untracked:
            lost.append(change.path)
    if lost:
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        raise WrongCall(
            "files hold changes that are in no commit and would be overwritten",
            found=", ".join(lost[:_MOST_NAMED]) + more,
            advice="Commit them first, or give them up with --force.",
        )
