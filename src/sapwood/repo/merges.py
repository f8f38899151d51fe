"""Operations that join histories: merge, cherry-pick, revert."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from sapwood.errors import UnknownRevision, WrongCall
from sapwood.repo.checking_out import switch_tree
from sapwood.repo.committing import Notes, put_commit
from sapwood.repo.history import is_ancestor, merge_bases
from sapwood.repo.opened import Opened
from sapwood.repo.status import tree_changes
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest
from sapwood.store.leases import Lease

if TYPE_CHECKING:
    from sapwood.repo.merge.strategy import Strategy

__all__ = ["MergeResult", "Merges"]

_FALLBACKS: Final = ("fail", "ours", "theirs")


class MergeResult(NamedTuple):
    """What came of a merge.

    Attributes:
        commit: Where the branch is now, in hex.
        how: ``merged``, ``fast-forward`` or ``up to date``.
        mixed: Tensors that the strategy made, as (file, name).
    """

    commit: str
    how: str
    mixed: tuple[tuple[str, str], ...] = ()


class Merges(Opened):
    """``merge``, ``cherry_pick`` and ``revert``."""

    def merge(
        self,
        *revisions: str,
        strategy: "str | Strategy" = "fail",
        otherwise: str = "fail",
        everywhere: bool = False,
        message: str | None = None,
        metrics: Mapping[str, float] | None = None,
        fields: Mapping[str, str] | None = None,
        fast_forward: bool = True,
    ) -> MergeResult:
        """Join other histories into the branch that HEAD is on, by a commit with all of them as parents.

        What only one side has changed since the common ancestor is taken from it, tensor by tensor; the
        strategy is for what several changed. Files of the work tree follow, unless they hold changes that are
        in no commit.

        Args:
            revisions: What to merge; several for strategies that take several.
            strategy: fail, ours, theirs, average, weighted, slerp, ties, dare, task-arithmetic; or an object
                of ``sapwood.repo.merge.strategy`` with its parameters, a greedy soup among them.
            otherwise: fail, ours or theirs, for what the strategy cannot do, such as a mean of integers.
            everywhere: Let the strategy make each tensor that is not the same on all sides, changed or not.
            message: Why; "Merge ..." by default.
            metrics: What was measured.
            fields: Free texts.
            fast_forward: Only move the branch where HEAD has nothing of its own and one revision is merged.

        Raises:
            MergeConflict: Neither strategy nor ``otherwise`` says what to do. Nothing has changed.
            WrongCall: Changes are staged, or would be overwritten, or the strategy takes no such number of
                sides.
            UnknownRevision: A revision means no commit.
        """
        if not revisions:
            raise WrongCall("there is nothing to merge")
        ours, theirs = self._clean_head(), [self.resolve(text) for text in revisions]
        theirs = [one for one in dict.fromkeys(theirs) if not is_ancestor(one, ours, self.objects.commit)]
        if not theirs:
            return MergeResult(ours.hex(), "up to date")
        joined = message or f"Merge {', '.join(revisions)}"
        if fast_forward and len(theirs) == 1 and is_ancestor(ours, theirs[0], self.objects.commit):
            self._move(
                ours, theirs[0], self.objects.tree_of(theirs[0]), f"merge {revisions[0]}: fast-forward"
            )
            return MergeResult(theirs[0].hex(), "fast-forward")
        notes = Notes(joined, None, metrics or {}, fields or {})
        base, sides = self._base([ours, *theirs]), [ours, *theirs]
        if not isinstance(strategy, str):
            strategy, sides = self._souped(strategy, base, sides)
            theirs = [one for one in theirs if one in sides]
        with self.store.lease() as lease:
            tree, mixed = self._three_way(
                lease,
                base,
                sides,
                (strategy, otherwise),
                everywhere=everywhere,
            )
            digest = put_commit(self.objects, tree, (ours, *theirs), notes, by=self.signature(), lease=lease)
            self._move(ours, digest, tree, f"merge {', '.join(revisions)}")
        return MergeResult(digest.hex(), "merged", mixed)

    def cherry_pick(
        self, revision: str, *, strategy: "str | Strategy" = "fail", otherwise: str = "fail"
    ) -> str:
        """Make the change of a commit again on this branch; returns the new commit in hex.

        Message, author, metrics and fields are kept. The strategy is for what both changed, as in a merge.

        Raises:
            MergeConflict: Both changed the same. WrongCall: The commit is a merge, or changes are staged.
            UnknownRevision: The revision means no commit.
        """
        picked = self.resolve(revision)
        commit = self.objects.commit(picked)
        notes = Notes(commit.message, commit.author, commit.metrics, commit.fields)
        return self._apply(
            self._parent(picked), picked, notes, f"cherry-pick: {commit.title}", (strategy, otherwise)
        )

    def revert(
        self,
        revision: str,
        *,
        message: str | None = None,
        strategy: "str | Strategy" = "fail",
        otherwise: str = "fail",
    ) -> str:
        """Take back the change of a commit by a new one; returns that in hex.

        Raises:
            MergeConflict: A later commit changed the same. WrongCall: The commit is a merge, or changes are
                staged.
            UnknownRevision: The revision means no commit.
        """
        undone = self.resolve(revision)
        title = self.objects.commit(undone).title
        notes = Notes(message or f'Revert "{title}"\n\nThis takes back {undone.hex()}.')
        return self._apply(undone, self._parent(undone), notes, f"revert: {title}", (strategy, otherwise))

    def _apply(
        self,
        base: Digest | None,
        target: Digest | None,
        notes: Notes,
        why: str,
        rules: "tuple[str | Strategy, str]",
    ) -> str:
        """Make the change from ``base`` to ``target`` on HEAD, and commit it."""
        ours = self._clean_head()
        with self.store.lease() as lease:
            tree, _ = self._three_way(lease, base, [ours, target], rules, everywhere=False)
            if tree == self.objects.tree_of(ours):
                raise WrongCall("nothing to commit: HEAD has this change already", found=why)
            digest = put_commit(self.objects, tree, (ours,), notes, by=self.signature(), lease=lease)
            self._move(ours, digest, tree, why)
        return digest.hex()

    def _souped(
        self, strategy: "Strategy", base: Digest | None, sides: list[Digest]
    ) -> "tuple[Strategy, list[Digest]]":
        """A greedy soup as the average of the sides it chooses; other strategies as they are."""
        from sapwood.repo.merge.models import MergedModel  # noqa: PLC0415  NumPy
        from sapwood.repo.merge.soup import greedy_soup  # noqa: PLC0415
        from sapwood.repo.merge.strategy import Average, GreedySoup  # noqa: PLC0415
        from sapwood.repo.snapshot import Snapshot  # noqa: PLC0415

        if not isinstance(strategy, GreedySoup):
            return strategy, sides
        score = strategy.score
        models = [Snapshot(self.store, side, self.objects.tree_of(side)) for side in sides]
        before = {} if base is None else Snapshot(self.store, base, self.objects.tree_of(base))

        def scored(numbers: tuple[int, ...]) -> float:
            return score(MergedModel(Average(), before, [models[number] for number in numbers]))

        return Average(), [sides[number] for number in greedy_soup(len(sides), scored)]

    def _three_way(
        self,
        lease: Lease,
        base: Digest | None,
        sides: "Sequence[Digest | None]",
        rules: "tuple[str | Strategy, str]",
        *,
        everywhere: bool,
    ) -> tuple[Tree, tuple[tuple[str, str], ...]]:
        from sapwood.repo.merge.strategy import named_strategy  # noqa: PLC0415  it brings NumPy
        from sapwood.repo.tree_merge import merge_trees  # noqa: PLC0415

        strategy, otherwise = rules
        if otherwise not in _FALLBACKS:
            raise WrongCall("not what to do otherwise", found=otherwise, expected=", ".join(_FALLBACKS))
        chosen = named_strategy(strategy) if isinstance(strategy, str) else strategy
        trees = [self.objects.tree_of(side) for side in sides]
        with self.store.writer(lease) as writer:
            merged = merge_trees(
                writer,
                self.objects.tree_of(base),
                trees,
                chosen,
                named_strategy(otherwise),  # type: ignore[arg-type]  # one of these three
                everywhere=everywhere,
            )
        return merged.tree, merged.mixed

    def _clean_head(self) -> Digest:
        """HEAD's commit, where nothing is staged."""
        head = self.head.target
        if head is None:
            raise UnknownRevision("there are no commits yet", path="HEAD")
        if tree_changes(self.objects.tree_of(head), self.staging.tree()):
            raise WrongCall("changes are staged", advice="Commit them first, or take them back with reset.")
        return head

    def _parent(self, digest: Digest) -> Digest | None:
        parents = self.objects.commit(digest).parents
        if len(parents) > 1:
            raise WrongCall("a merge is no single change", found=digest.hex()[:7])
        return parents[0] if parents else None

    def _base(self, commits: Sequence[Digest]) -> Digest | None:
        """The newest common ancestor of all; None if there is none.

        Where branches were merged into each other several are as good, and the newest counts.
        """
        base = commits[0]
        for other in commits[1:]:
            found = merge_bases(base, other, self.objects.commit)
            if not found:
                return None
            base = found[0]
        return base

    def _move(self, old: Digest, new: Digest, tree: Tree, why: str) -> None:
        """Move HEAD's branch and the work tree, which has nothing staged."""
        before = self.objects.tree_of(old)
        staged = switch_tree(self.store, self.work, self.staging, before, tree, only_wanted=True)
        with self.refs.transaction():
            self.staging.replace(staged)
            self.refs.move_head(old, new, self.signature(), why)
