"""Three-way merges of trees: file by file, and tensor by tensor where both sides changed a file.

What one side alone changed is taken from it, by digests and without reading it. What several changed in
different ways is for the strategy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sapwood.errors import MergeConflict
from sapwood.repo.file_merge import Fallback, FileMerge, Rule, agreed
from sapwood.repo.merge.strategy import Ours, Strategy
from sapwood.repo.merge.three_way import settle
from sapwood.repo.tree import Entry, Tree

if TYPE_CHECKING:
    from sapwood.store.writer import Writer

__all__ = ["Merged", "merge_trees"]

_MOST_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        tree: The files.
        mixed: Tensors that the strategy made, as (file, name).
    """

    tree: Tree
    mixed: tuple[tuple[str, str], ...]


def merge_trees(
    writer: "Writer",
    base: Tree,
    sides: Sequence[Tree],
    strategy: Strategy,
    otherwise: Fallback,
    *,
    everywhere: bool = False,
) -> Merged:
    """The tree of a merge; what is new in it has been put.

    Args:
        writer: Where to.
        base: The files of the common ancestor.
        sides: Ours, theirs, and more if the strategy takes more.
        strategy: For tensors that several sides changed in different ways.
        otherwise: For what the strategy cannot do.
        everywhere: Count nothing as unchanged: the strategy makes each tensor that is not the same on all
            sides.

    Raises:
        MergeConflict: Neither says what to do; nothing was put that counts.
        WrongCall: The strategy does not fit so many sides.
    """
    rule = Rule(strategy, otherwise)
    paths = sorted({path for tree in sides for path in tree.by_path})
    kept: list[Entry] = []
    mixed: list[tuple[str, str]] = []
    conflicts: list[str] = []
    files = []
    for path in paths:
        before = base.by_path.get(path)
        entries = [tree.by_path.get(path) for tree in sides]
        taken = settle(before, entries) if not everywhere or None in entries else agreed(entries)
        if taken is None:
            files.append((path, before, entries))
        elif (entry := entries[taken]) is not None:
            kept.append(entry)
    merges = []
    for path, before, entries in files:
        present = [entry for entry in entries if entry is not None]
        if len(present) < len(entries):
            choice = rule.choice()
            if choice is None:
                conflicts.append(f"{path}: deleted on one side, changed on the other")
            elif (entry := entries[0 if isinstance(choice, Ours) else -1]) is not None:
                kept.append(entry)
            continue
        merge = FileMerge(writer, path, before, present, rule, everywhere=everywhere)
        conflicts += merge.conflicts()
        merges.append(merge)
    if conflicts:
        raise _conflict(conflicts)
    for merge in merges:
        kept.append(merge.put())
        mixed += [(merge.path, name) for name in merge.mixed]
    return Merged(Tree.of(kept), tuple(mixed))


def _conflict(conflicts: Sequence[str]) -> MergeConflict:
    more = f"; and {len(conflicts) - _MOST_NAMED} more" if len(conflicts) > _MOST_NAMED else ""
    return MergeConflict(
        f"{len(conflicts)} conflict{'' if len(conflicts) == 1 else 's'}",
        found="; ".join(conflicts[:_MOST_NAMED]) + more,
        advice="Choose a strategy, such as average, or say which side counts: ours or theirs.",
    )
