"""Operations on refs: branches, tags, and where HEAD and the work tree are."""

from collections.abc import Iterable

from sapwood.errors import MissingInput, UnknownRevision, WrongCall
from sapwood.repo.checking_out import content_of, switch_tree, write_files
from sapwood.repo.commit import Tag
from sapwood.repo.history import is_ancestor
from sapwood.repo.opened import Opened, PathLike, Progress
from sapwood.repo.refs import BRANCHES, HEAD, TAGS, Head, Move, name_fault, short_name
from sapwood.repo.staging import Seen, Staged
from sapwood.repo.tree import Entry
from sapwood.store.kinds import Digest, Kind

__all__ = ["Branches"]


class Branches(Opened):
    """``branches``, ``branch``, ``tag``, ``switch``, ``restore`` and ``reset``."""

    def branches(self) -> dict[str, str]:
        """Commits, in hex, by the names of their branches."""
        return {short_name(name): target.hex() for name, target in self.refs.all(BRANCHES).items()}

    def tags(self) -> dict[str, str]:
        """Commits, in hex, by the names of their tags."""
        return {
            short_name(name): self.objects.peel(target).hex() for name, target in self.refs.all(TAGS).items()
        }

    def branch(self, name: str, start: str = HEAD, *, force: bool = False) -> str:
        """Make a branch, or with ``force`` move it; returns its commit in hex. HEAD stays where it is.

        Raises:
            WrongCall: There is one already, or no branch may be called so. UnknownRevision: ``start`` is
                none.
        """
        full = BRANCHES + _checked(name)
        target, old = self.resolve(start), self.refs.get(full)
        if old is not None and not force:
            raise WrongCall("there is a branch of that name", path=name, advice="Move it with --force.")
        if old is not None and full == self.head.branch:
            raise WrongCall("HEAD is on this branch", path=name, advice="Move it with reset.")
        self.refs.move([Move(full, old, target)], self.signature(), f"branch: from {start}")
        return target.hex()

    def delete_branch(self, name: str, *, force: bool = False) -> str:
        """Delete a branch; returns the commit it was at, in hex.

        Raises:
            UnknownRevision: There is none. WrongCall: HEAD is on it, or it has commits that HEAD lacks, and
                not ``force``.
        """
        full = BRANCHES + name
        old = self.refs.get(full)
        if old is None:
            raise UnknownRevision("there is no branch of that name", path=name)
        head = self.head
        if head.branch == full:
            raise WrongCall("HEAD is on this branch", path=name, advice="Switch to another one first.")
        merged = head.target is not None and is_ancestor(old, head.target, self.objects.commit)
        if not force and not merged:
            raise WrongCall(
                "the branch has commits that HEAD lacks",
                path=name,
                advice="Delete it with --force all the same.",
            )
        self.refs.move([Move(full, old, None)], self.signature(), "branch: deleted")
        return old.hex()

    def rename_branch(self, old: str, new: str) -> None:
        """Give a branch another name; HEAD goes with it.

        Raises:
            UnknownRevision: There is no branch ``old``. WrongCall: There is one ``new``, or none may be
                called so.
        """
        before, after = BRANCHES + old, BRANCHES + _checked(new)
        by = self.signature()
        with self.refs.transaction():
            head = self.head
            target = self.refs.get(before)
            if target is None and head.branch != before:
                raise UnknownRevision("there is no branch of that name", path=old)
            if self.refs.get(after) is not None:
                raise WrongCall("there is a branch of that name", path=new)
            if target is not None:
                self.refs.move([Move(before, target, None)], by, f"branch: renamed to {new}")
                self.refs.move([Move(after, None, target)], by, f"branch: renamed from {old}")
            if head.branch == before:
                self.refs.set_head(Head(after, target), by, f"branch: renamed from {old}")

    def tag(self, name: str, revision: str = HEAD, *, message: str | None = None, force: bool = False) -> str:
        """Give a commit a name for good; with a message it is an object with an author. Its commit, in hex.

        Raises:
            WrongCall: There is such a tag and not ``force``, or none may be called so.
            UnknownRevision: The revision means no commit.
        """
        full = TAGS + _checked(name)
        target, old = self.resolve(revision), self.refs.get(full)
        if old is not None and not force:
            raise WrongCall("there is a tag of that name", path=name, advice="Replace it with --force.")
        named: Digest = target
        with self.store.lease() as lease:
            if message is not None:
                with self.store.writer(lease) as writer:
                    named = writer.put(Kind.TAG, Tag(target, name, self.signature(), message).encode())
            self.refs.move([Move(full, old, named)], self.signature(), f"tag: {revision}")
        return target.hex()

    def delete_tag(self, name: str) -> None:
        """Delete a tag.

        Raises:
            UnknownRevision: There is none.
        """
        old = self.refs.get(TAGS + name)
        if old is None:
            raise UnknownRevision("there is no tag of that name", path=name)
        self.refs.move([Move(TAGS + name, old, None)], self.signature(), "tag: deleted")

    def switch(
        self,
        revision: str,
        *,
        create: bool = False,
        start: str = HEAD,
        detach: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Head:
        """Go to a branch, or to a commit without one; the work tree becomes that commit's.

        Changes that are in no commit stay where the two commits do not differ, and are never overwritten.

        Args:
            revision: A branch; with ``detach`` any revision.
            create: Make the branch first, at ``start``.
            start: See ``create``.
            detach: Be on no branch afterwards.
            force: Give up changes that are in no commit.
            progress: Called with bytes written and in all.

        Raises:
            UnknownRevision: There is no such branch or commit.
            WrongCall: Changes would be overwritten, and not ``force``.
        """
        if create:
            head = self.head
            full = BRANCHES + _checked(revision)
            if self.refs.get(full) is not None:
                raise WrongCall("there is a branch of that name", path=revision)
            if head.target is None and start == HEAD:
                self.refs.set_head(Head(full, None), self.signature(), f"switch: to new {revision}")
                return self.head
            target = self.resolve(start)
            new = Head(full, target)
        else:
            full = BRANCHES + revision
            known = self.refs.get(full)
            if known is None and not detach:
                raise UnknownRevision(
                    "there is no branch of that name",
                    path=revision,
                    advice="Make it with --create, or use --detach.",
                )
            target = self.resolve(revision) if known is None or detach else known
            new = Head(None if detach else full, target)
        old = self.head
        staged = switch_tree(
            self.store,
            self.work,
            self.staging,
            self.objects.tree_of(old.target),
            self.objects.tree_of(target),
            force=force,
            progress=progress,
        )
        by = self.signature()
        with self.refs.transaction():
            if create:
                self.refs.move([Move(full, None, target)], by, f"branch: from {start}")
            self.staging.replace(staged)
            self.refs.set_head(new, by, f"switch: to {revision}")
        return new

    def restore(
        self, paths: Iterable[PathLike], *, source: str | None = None, staged: bool = False
    ) -> list[str]:
        """Give files back the state they have in ``source``: what is staged, or HEAD with ``staged``.

        Changes to them that are in no commit are given up. With ``staged`` the work tree is not touched.

        Raises:
            MissingInput: The source has nothing under a name.
        """
        source = HEAD if staged and source is None else source
        tree = self.staging.tree() if source is None else self.tree(source)
        known = self.staging.all()
        done: dict[str, Entry | None] = {}
        for place in paths:
            path = self.work.path_of(place)
            below = {
                one: tree.by_path.get(one)
                for one in (*tree.by_path, *(known if staged or source else ()))
                if not path or one == path or one.startswith(path + "/")
            }
            if not below:
                raise MissingInput("the source has no such file", path=path)
            done |= below
        kept = [entry for entry in done.values() if entry is not None]
        if staged:
            self.staging.put(self._unseen(kept))
            self.staging.remove(path for path, entry in done.items() if entry is None)
            return list(done)
        written = write_files(self.store, self.work, kept)
        self.staging.put(one for one in written if known.get(one.entry.path, one).entry == one.entry)
        return [entry.path for entry in kept]

    def reset(
        self,
        revision: str = HEAD,
        *,
        soft: bool = False,
        hard: bool = False,
        progress: Progress | None = None,
    ) -> str:
        """Move the branch that HEAD is on; what is staged becomes what that commit has. Its digest, in hex.

        Args:
            revision: Where to.
            soft: Leave alone what is staged.
            hard: The work tree too becomes the commit's; changes that are in no commit are given up.
            progress: Called with bytes written and in all.

        Raises:
            UnknownRevision: The revision means no commit. WrongCall: Both ``soft`` and ``hard``.
        """
        if soft and hard:
            raise WrongCall("a reset is either soft or hard")
        target, head = self.resolve(revision), self.head
        new = self.objects.tree_of(target)
        staged: list[Staged] | None = None
        if hard:
            old = self.objects.tree_of(head.target)
            staged = switch_tree(self.store, self.work, self.staging, old, new, force=True, progress=progress)
        elif not soft:
            known = self.staging.all()
            staged = [
                known[entry.path]
                if entry.path in known and known[entry.path].entry == entry
                else self._unseen([entry])[0]
                for entry in new
            ]
        by = self.signature()
        with self.refs.transaction():
            if staged is not None:
                self.staging.replace(staged)
            if target != head.target:
                self.refs.move_head(head.target, target, by, f"reset: to {revision}")
        return target.hex()

    def _unseen(self, entries: Iterable[Entry]) -> list[Staged]:
        return [Staged(entry, Seen.unseen(content_of(self.store, entry), entry.size)) for entry in entries]


def _checked(name: str) -> str:
    fault = name_fault(BRANCHES + name)
    if fault is not None or name == HEAD:
        raise WrongCall(f"the name {fault or 'is taken by HEAD'}", path=name, advice="Choose another one.")
    return name
