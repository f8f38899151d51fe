"""Commits as they are told to users: by name, with what points at them."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sapwood.errors import WrongCall
from sapwood.repo.commit import Commit
from sapwood.repo.objects import Objects
from sapwood.repo.refs import HEAD, TAGS, Refs, short_name
from sapwood.store.kinds import Digest

__all__ = ["CommitInfo", "best", "decorations", "told"]


class CommitInfo(NamedTuple):
    """A commit of the history.

    Attributes:
        id: Its digest in hex.
        commit: What it says.
        names: Branches and tags that point at it; ``HEAD -> main`` for the branch that HEAD is on.
    """

    id: str
    commit: Commit
    names: tuple[str, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The digests of its parents, in hex."""
        return tuple(parent.hex() for parent in self.commit.parents)

    def to_json(self) -> dict[str, object]:
        """It as JSON can hold it; a metric that is no finite number is None."""
        commit = self.commit
        return {
            "commit": self.id,
            "parents": list(self.parents),
            "tree": commit.tree.hex(),
            "author": commit.author.who,
            "time": commit.author.time.isoformat(),
            "committer": commit.committer.who,
            "committed": commit.committer.time.isoformat(),
            "message": commit.message,
            "metrics": {
                name: value if math.isfinite(value) else None for name, value in commit.metrics.items()
            },
            "fields": dict(commit.fields),
            "names": list(self.names),
        }


def decorations(objects: Objects, refs: Refs) -> dict[Digest, tuple[str, ...]]:
    """Names of branches and tags by the commit they lead to, HEAD first."""
    head = refs.head
    names: dict[Digest, list[str]] = {}
    if head.target is not None:
        on = f" -> {short_name(head.branch)}" if head.branch is not None else ""
        names[head.target] = [HEAD + on]
    for name, target in refs.all().items():
        if name == head.branch:
            continue
        at = objects.peel(target) if name.startswith(TAGS) else target
        names.setdefault(at, []).append(
            f"tag: {short_name(name)}" if name.startswith(TAGS) else short_name(name)
        )
    return {at: tuple(found) for at, found in names.items()}


def told(objects: Objects, refs: Refs, digests: Iterable[Digest]) -> list[CommitInfo]:
    """These commits, with their names."""
    names = decorations(objects, refs)
    return [CommitInfo(digest.hex(), objects.commit(digest), names.get(digest, ())) for digest in digests]


def best(commits: Sequence[CommitInfo], metric: str, *, smallest: bool) -> list[CommitInfo]:
    """Those that have the metric, the best first; of equals the newest. NaN is worse than all.

    Raises:
        WrongCall: None of them has it.
    """
    having = [info for info in commits if metric in info.commit.metrics]
    if not having:
        raise WrongCall("no commit has that metric", found=metric)

    def rank(info: CommitInfo) -> float:
        value = info.commit.metrics[metric]
        return math.inf if math.isnan(value) else value if smallest else -value

    return sorted(having, key=rank)
