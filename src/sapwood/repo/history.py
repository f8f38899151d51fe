"""Walks over commits: order, ancestry, merge bases."""

import heapq
from collections.abc import Callable, Iterable, Sequence

from sapwood.repo.commit import Commit
from sapwood.store.kinds import Digest

__all__ = ["Read", "ancestors", "is_ancestor", "merge_bases", "ordered"]

Read = Callable[[Digest], Commit]
"""Gives a commit by its digest."""


def ancestors(
    starts: Iterable[Digest], read: Read, *, among: Callable[[Digest], bool] = lambda _: True
) -> set[Digest]:
    """The starts and what they came from; not what ``among`` says no to, nor what lies behind it alone."""
    found = {start for start in starts if among(start)}
    waiting = list(found)
    while waiting:
        for parent in read(waiting.pop()).parents:
            if parent not in found and among(parent):
                found.add(parent)
                waiting.append(parent)
    return found


def is_ancestor(older: Digest, newer: Digest, read: Read) -> bool:
    """Whether ``newer`` came from ``older``, or is it."""
    waiting = [newer]
    seen = {newer}
    while waiting:
        one = waiting.pop()
        if one == older:
            return True
        for parent in read(one).parents:
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return False


def merge_bases(ours: Digest, theirs: Digest, read: Read) -> list[Digest]:
    """The common ancestors that are no ancestors of another common one; the newest first.

    Several are there where branches were merged into each other; none where they have nothing in common.
    """
    common = ancestors([ours], read) & ancestors([theirs], read)
    # What leads from one common ancestor to another is common too: it is enough to look at parents.
    behind = {parent for one in common for parent in read(one).parents}
    return sorted(common - behind, key=lambda one: (-read(one).committer.seconds, one))


def ordered(starts: Sequence[Digest], read: Read, *, hidden: frozenset[Digest] = frozenset()) -> list[Digest]:
    """The starts and their ancestors, children before parents and newer before older.

    What is in ``hidden`` is left out, so give it with all its ancestors. The order does not trust clocks: a
    child comes first whatever its time says.
    """
    members = ancestors(starts, read, among=lambda one: one not in hidden)
    children = dict.fromkeys(members, 0)
    for one in members:
        for parent in read(one).parents:
            if parent in children:
                children[parent] += 1
    ready = [(-read(one).committer.seconds, one) for one, count in children.items() if not count]
    heapq.heapify(ready)
    order = []
    while ready:
        _, one = heapq.heappop(ready)
        order.append(one)
        for parent in read(one).parents:
            if parent in children:
                children[parent] -= 1
                if not children[parent]:
                    heapq.heappush(ready, (-read(parent).committer.seconds, parent))
    return order
