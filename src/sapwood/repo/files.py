"""Operations on files: what the next commit will hold."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sapwood.errors import MissingInput, WrongCall
from sapwood.repo.ignore import read_ignored
from sapwood.repo.opened import Opened, PathLike, Progress
from sapwood.repo.refs import HEAD
from sapwood.repo.staging import Staged
from sapwood.repo.status import Difference, Status, changed_files, tree_changes, untracked
from sapwood.repo.tree import Tree

if TYPE_CHECKING:
    from sapwood.repo.changes import TensorChanges

__all__ = ["Files"]


class Files(Opened):
    """``add``, ``remove``, ``status`` and ``diff``."""

    def add(
        self, paths: Iterable[PathLike] = (".",), *, force: bool = False, progress: Progress | None = None
    ) -> list[str]:
        """Put files of the work tree into the store and stage them; staged ones that are gone are unstaged.

        Returns the paths that are staged otherwise than before. A file that was not touched is not read.

        Raises:
            MissingInput: Nothing is there under a name. WrongCall: A named file is ignored or lies outside.
            StorageFailure: A file changed while it was read. DiskFull: There is no room.
        """
        from sapwood.repo.adding import put_files, select  # noqa: PLC0415

        staged = self.staging.all()
        there, gone = select(self.work, paths, staged, read_ignored(self.path), force=force)
        known = {path: staged[path] for path in there if path in staged}
        same = known.keys() - {change.path for change in changed_files(self.work, self.staging, known)}
        fresh = [path for path in there if path not in same]
        with self.store.lease() as lease:
            files = put_files(self.store, self.work, fresh, staged, lease=lease, progress=progress)
            with self._database.transaction():
                self.staging.remove(gone)
                self.staging.put(files)
        return sorted([*gone, *fresh])

    def remove(self, paths: Iterable[PathLike], *, cached: bool = False, force: bool = False) -> list[str]:
        """Unstage files, and remove them from the work tree unless ``cached``; returns their paths.

        Raises:
            MissingInput: None of them is staged under a name.
            WrongCall: One holds changes that are in no commit, and not ``force``.
        """
        staged = self.staging.all()
        chosen: dict[str, Staged] = {}
        for place in paths:
            path = self.work.path_of(place)
            found = {
                known: one
                for known, one in staged.items()
                if not path or known == path or known.startswith(path + "/")
            }
            if not found:
                raise MissingInput("no such staged file", path=os.fspath(place))
            chosen |= found
        if not force and not cached:
            before = self.objects.tree_of(self.head.target).by_path
            dirty = {change.path for change in changed_files(self.work, self.staging, chosen)}
            dirty = {path for path in dirty if self.work.status(path) is not None}
            dirty |= {path for path, one in chosen.items() if before.get(path) != one.entry}
            if dirty:
                raise WrongCall(
                    "holds changes that are in no commit",
                    path=min(dirty),
                    advice="Use --cached to keep the file, or --force to give it up.",
                )
        self.staging.remove(chosen)
        if not cached:
            for path in chosen:
                self.work.remove(path)
        return list(chosen)

    def status(self) -> Status:
        """What is staged, changed and untracked."""
        staged = self.staging.all()
        head = self.head
        tree = Tree(tuple(one.entry for one in staged.values()))
        return Status(
            head,
            tuple(tree_changes(self.objects.tree_of(head.target), tree)),
            tuple(changed_files(self.work, self.staging, staged)),
            tuple(untracked(self.work, staged, read_ignored(self.path))),
        )

    def add_tracked(self, *, progress: Progress | None = None) -> list[str]:
        """Stage all staged files that have changed or are gone; returns their paths."""
        staged = self.staging.all()
        paths = [change.path for change in changed_files(self.work, self.staging, staged)]
        return self.add([self.path / path for path in paths], progress=progress) if paths else []

    def diff(
        self,
        old: str | None = HEAD,
        new: str | None = None,
        *,
        staged: bool = False,
        only: Iterable[str] = (),
        measure: bool = True,
    ) -> "list[TensorChanges]":
        """What differs between two states of the files, tensor by tensor.

        Args:
            old: A revision; None for no files at all, or for what is staged if ``new`` is None too.
            new: A revision; None for the work tree, or what is ``staged``.
            staged: See ``new``.
            only: These files or folders alone, by their paths in the repository.
            measure: Read the tensors, and tell how many elements changed and by how much.

        Raises:
            UnknownRevision: A revision means no commit.
        """
        known = self.staging.all()
        index = Tree(tuple(one.entry for one in known.values()))
        of_work = new is None and not staged
        before = index if old is None and of_work else Tree(()) if old is None else self._tree_or_none(old)
        after = index if new is None else self.tree(new)
        paths = {change.path for change in tree_changes(before, after)}
        dirty: list[str] = []
        if of_work:
            found = changed_files(self.work, self.staging, known)
            dirty = [change.path for change in found if change.difference is Difference.MODIFIED]
            gone = {change.path for change in found if change.difference is Difference.DELETED}
            after = Tree(tuple(entry for entry in after if entry.path not in gone))
            paths |= gone | set(dirty)
        wanted = list(only)
        if wanted:
            paths = {
                path for path in paths if any(path == one or path.startswith(one + "/") for one in wanted)
            }
        # Nor status nor log compares tensors.
        from sapwood.repo.changes import compare_states, measured, states_of, work_state  # noqa: PLC0415

        with work_state(self.work, [path for path in dirty if path in paths]) as states:
            compared = compare_states(
                states_of(self.store, before, paths), states_of(self.store, after, paths) | states
            )
            if measure:
                return [measured(self._database, changes, pairs) for changes, pairs in compared]
        return [changes for changes, _ in compared]

    def _tree_or_none(self, revision: str) -> Tree:
        """The files of a commit; none where HEAD is on a branch without any."""
        if revision == HEAD and self.head.target is None:
            return Tree(())
        return self.tree(revision)
