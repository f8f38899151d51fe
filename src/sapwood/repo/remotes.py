"""Operations with remotes: push, fetch and pull."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from sapwood.errors import BadData, RefMoved, UnknownRevision, WrongCall
from sapwood.repo.history import is_ancestor, ordered
from sapwood.repo.merges import MergeResult
from sapwood.repo.named_remotes import NamedRemotes
from sapwood.repo.opened import Progress
from sapwood.repo.refs import BRANCHES, HEAD, REMOTES, TAGS, Head, Move, name_fault, short_name
from sapwood.store.kinds import DIGEST_SIZE, Digest

if TYPE_CHECKING:
    from sapwood.repo.merge.strategy import Strategy

__all__ = ["SYMBOLIC", "Pushed", "Remotes"]

SYMBOLIC: Final = "ref: "
"""What a ref begins with that names another: a remote's HEAD."""


class Pushed(NamedTuple):
    """What a push or a fetch did.

    Attributes:
        remote: Its name.
        moved: Refs, by the remote's names for them, with where they were and are, in hex; None is for none.
        objects: Objects that travelled.
        bytes: Their bytes, as they are stored.
    """

    remote: str
    moved: Mapping[str, tuple[str | None, str | None]]
    objects: int
    bytes: int = 0


class Remotes(NamedRemotes):
    """``push``, ``fetch`` and ``pull``."""

    def push(
        self,
        remote: str | None = None,
        *refs: str,
        everything: bool = False,
        delete: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Pushed:
        """Send branches and tags, and what they lead to; only what the remote lacks travels.

        Of two who push at once to one branch, the later is refused.

        Args:
            remote: Its name; ``origin``, or the only one, by default.
            refs: Branches and tags; the branch that HEAD is on by default.
            everything: All branches and tags.
            delete: Remove ``refs`` from the remote instead.
            force: Though the remote's branch has commits that the new one lacks.
            progress: Called with bytes sent and in all.

        Raises:
            RefMoved: The remote's branch has commits that this one lacks. RemoteFailure: The remote failed.
            UnknownRevision: There is no such branch or tag.
        """
        name, opened = self._remote(remote)
        there = {ref: value for ref, value in opened.refs().items() if ref.startswith("refs/")}
        chosen = self._chosen_refs(refs, everything=everything, there=there if delete else None)
        moves: dict[str, tuple[str | None, str | None]] = {}
        for ref in chosen:
            old, new = there.get(ref), None if delete else self.refs.get(ref)
            if old == (None if new is None else new.hex()):
                continue
            if not delete and not force and old is not None:
                self._check_forward(ref, _digest(old, name), new)
            moves[ref] = (old, None if new is None else new.hex())
        from sapwood.repo.transfer import to_send  # noqa: PLC0415

        targets = [bytes.fromhex(new) for _, new in moves.values() if new is not None]
        digests = to_send(self.objects, targets, (_digest(value, name) for value in there.values()))
        sent: dict[str, tuple[str | None, str | None]] = dict(moves)
        if moves and not there and self.head.branch in moves:
            sent[HEAD] = (opened.refs().get(HEAD), SYMBOLIC + str(self.head.branch))
        if not sent:
            return Pushed(name, {}, 0)
        told = opened.push(self.store, digests, sent, force=force, progress=progress)
        self._track(
            name, {ref: None if new is None else bytes.fromhex(new) for ref, (_, new) in moves.items()}
        )
        return Pushed(name, moves, told.objects, told.bytes)

    def fetch(
        self,
        remote: str | None = None,
        *,
        depth: int | None = None,
        only: Iterable[str] = (),
        lazy: bool = False,
        progress: Progress | None = None,
    ) -> Pushed:
        """Get what the remote's branches and tags lead to; ``origin/main`` is then where its main is.

        All commits come; of their files, those asked for.

        Args:
            remote: Its name; ``origin``, or the only one, by default.
            depth: Only the files of so many of the newest commits of each branch.
            only: Only these files or folders.
            lazy: No files at all.
            progress: Called with bytes fetched and in all.

        Raises:
            RemoteFailure: It failed. MissingObject, DamagedStore: It lacks what its refs lead to, or sent
                what is damaged; what came before is kept.
        """
        from sapwood.repo.transfer import fetch_commits, fetch_contents  # noqa: PLC0415

        name, opened = self._remote(remote)
        named = {
            ref: _digest(value, name)
            for ref, value in opened.refs().items()
            if ref.startswith((BRANCHES, TAGS)) and name_fault(ref) is None
        }
        with self.store.lease() as lease:
            commits = fetch_commits(self.objects, opened, named.values(), lease)
            if depth is not None:
                starts = {self.objects.peel(target) for target in named.values()}
                commits = {
                    one for start in starts for one in ordered([start], self.objects.commit)[: max(depth, 0)]
                }
            count = 0
            if not lazy:
                count = fetch_contents(self.objects, opened, commits, lease, only=only, progress=progress)
            moved = self._track(name, named, tags=True)
        return Pushed(name, moved, count)

    def pull(
        self,
        remote: str | None = None,
        branch: str | None = None,
        *,
        strategy: "str | Strategy" = "fail",
        otherwise: str = "fail",
        progress: Progress | None = None,
    ) -> MergeResult:
        """Fetch, and merge the remote's branch of the same name, or ``branch``, into the one HEAD is on.

        Raises:
            UnknownRevision: The remote has no such branch. Others as ``fetch`` and ``merge``.
        """
        name, _ = self._remote(remote)
        self.fetch(name, progress=progress)
        head = self.head
        if branch is None:
            if head.branch is None:
                raise WrongCall("HEAD is on no branch", advice="Say which branch of the remote to merge.")
            branch = short_name(head.branch)
        theirs = self.refs.get(f"{REMOTES}{name}/{branch}")
        if theirs is None:
            raise UnknownRevision("the remote has no such branch", path=f"{name}/{branch}")
        if head.target is None:
            self._begin_at(Head(head.branch or BRANCHES + branch, theirs))
            return MergeResult(theirs.hex(), "fast-forward")
        return self.merge(f"{name}/{branch}", strategy=strategy, otherwise=otherwise)

    def _begin_at(self, head: Head, *, only: Iterable[str] = (), checkout: bool = True) -> None:
        """The first branch of an empty repository, at a commit that was fetched."""
        from sapwood.repo.checking_out import content_of, write_files  # noqa: PLC0415
        from sapwood.repo.staging import Seen, Staged  # noqa: PLC0415

        names = [name.rstrip("/") for name in only]
        staged = []
        for entry in self.objects.tree_of(head.target):
            if checkout and (
                not names or any(entry.path == n or entry.path.startswith(n + "/") for n in names)
            ):
                staged += write_files(self.store, self.work, [entry])
            else:
                seen = Seen.unseen(content_of(self.store, entry), entry.size)
                staged.append(Staged(entry, seen, wanted=False))
        by = self.signature()
        with self.refs.transaction():
            self.staging.replace(staged)
            if head.branch is not None:
                self.refs.move([Move(head.branch, self.refs.get(head.branch), head.target)], by, "clone")
            self.refs.set_head(head, by, "clone")

    def _chosen_refs(
        self, names: Iterable[str], *, everything: bool, there: Mapping[str, str] | None
    ) -> list[str]:
        """Full names of the refs to push; those of ``there``, the remote, if given."""
        if everything:
            return [*self.refs.all(BRANCHES), *self.refs.all(TAGS)]
        chosen = []
        for name in names:
            places = [name] if name.startswith("refs/") else [BRANCHES + name, TAGS + name]
            found = [
                ref
                for ref in places
                if (ref in there if there is not None else self.refs.get(ref) is not None)
            ]
            if not found:
                raise UnknownRevision("no branch or tag of that name", path=name)
            chosen.append(found[0])
        if not chosen:
            branch = self.head.branch
            if branch is None or self.refs.get(branch) is None:
                raise WrongCall("HEAD is on no branch with commits", advice="Say which branch to push.")
            chosen = [branch]
        return chosen

    def _check_forward(self, ref: str, old: Digest, new: Digest | None) -> None:
        """Refuse to push what would take commits from the remote's ref."""
        if new is None or ref.startswith(TAGS):
            raise RefMoved(
                "the remote has such a tag", path=short_name(ref), advice="Replace it with --force."
            )
        if old not in self.store or not is_ancestor(old, new, self.objects.commit):
            raise RefMoved(
                f"the remote's {short_name(ref)} has commits that yours lacks",
                found=old,
                advice="Fetch and merge them first.",
            )

    def _track(
        self, name: str, refs: Mapping[str, Digest | None], *, tags: bool = False
    ) -> dict[str, tuple[str | None, str | None]]:
        """Remember where the remote's branches are, and take its new tags; what moved here."""
        moves = []
        for ref, target in refs.items():
            if ref.startswith(BRANCHES):
                here = f"{REMOTES}{name}/{short_name(ref)}"
            elif tags and self.refs.get(ref) is None:
                here = ref
            else:
                continue
            old = self.refs.get(here)
            if old != target:
                moves.append(Move(here, old, target))
        self.refs.move(moves, self.signature(), f"{name}: fetch or push")
        return {
            one.name: (None if one.old is None else one.old.hex(), None if one.new is None else one.new.hex())
            for one in moves
        }


def _digest(value: str, remote: str) -> Digest:
    """The object that a remote's ref names."""
    try:
        digest = bytes.fromhex(value)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_SIZE:
        raise BadData("a ref of the remote names no object", path=remote, found=value)
    return digest
