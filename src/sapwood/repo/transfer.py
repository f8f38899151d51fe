"""What travels between a repository and a remote: which objects, in which order."""

from collections.abc import Iterable, Mapping

from sapwood.repo.history import ancestors
from sapwood.repo.objects import Objects
from sapwood.store.kinds import Digest, Kind
from sapwood.store.leases import Lease
from sapwood.store.recipe import read_recipe
from sapwood.store.remote.remote import Progress, Remote
from sapwood.store.store import Store

__all__ = ["fetch_commits", "fetch_contents", "live_at", "to_send"]


def to_send(objects: Objects, targets: Iterable[Digest], known: Iterable[Digest]) -> set[Digest]:
    """All that new values of refs lead to and the remote need not have, as far as it is here.

    ``known``: commits that the remote's refs lead to; what is not here of them is passed over.
    """
    store = objects.store
    there = [objects.peel(digest) for digest in known if digest in store]
    hidden = ancestors(there, objects.commit, among=store.__contains__)
    found: set[Digest] = set()
    starts = []
    for target in targets:
        *tags, commit = _through_tags(objects, target)
        found.update(tags)
        starts.append(commit)
    trees: set[Digest] = set()
    for commit in ancestors(starts, objects.commit, among=store.__contains__) - hidden:
        found.add(commit)
        trees.add(objects.commit(commit).tree)
    for tree in trees - store.missing(trees):
        found.add(tree)
        recipes = {entry.recipe for entry in objects.tree(tree)} - found
        for recipe in recipes - store.missing(recipes):
            found.add(recipe)
            found |= {item.digest for item in read_recipe(store.read(recipe)).items}
    return found - store.missing(found)


def live_at(objects: Objects, remote: Remote, targets: Iterable[Digest], lease: Lease) -> set[Digest]:
    """All that refs of a remote lead to; gets its commits, trees and recipes, which tell."""
    store = objects.store
    named = set(targets)
    commits = fetch_commits(objects, remote, named, lease)
    found = commits.union(*(_through_tags(objects, target) for target in named))
    trees = {objects.commit(commit).tree for commit in commits}
    _get(store, remote, trees, lease)
    recipes = {entry.recipe for tree in trees for entry in objects.tree(tree)}
    _get(store, remote, recipes, lease)
    contents = {item.digest for recipe in recipes for item in read_recipe(store.read(recipe)).items}
    return found | trees | recipes | contents


def _through_tags(objects: Objects, target: Digest) -> list[Digest]:
    """What a ref leads to: tags, if there are any, and the commit."""
    found = [target]
    while objects.store.info(found[-1]).kind is Kind.TAG:
        found.append(objects.tag(found[-1]).target)
    return found


def _get(
    store: Store,
    remote: Remote,
    digests: Iterable[Digest],
    lease: Lease,
    *,
    progress: Progress | None = None,
    offsets: Mapping[Digest, int] | None = None,
) -> int:
    """Get those objects that are not here; returns how many came."""
    missing = store.missing(digests)
    if not missing:
        return 0
    return remote.fetch(store, missing, lease=lease, progress=progress, offsets=offsets).objects


def fetch_commits(objects: Objects, remote: Remote, targets: Iterable[Digest], lease: Lease) -> set[Digest]:
    """Get all commits, tags and trees that these lead to; returns the commits that were not here.

    They are small, and so all that the remote has come at once.
    """
    store = objects.store
    wanted = {digest for digest in targets if digest not in store}
    if wanted:
        small = {digest for kind in (Kind.COMMIT, Kind.TAG, Kind.TREE) for digest in remote.listed(kind)}
        remote.fetch(store, store.missing(small | wanted), lease=lease)
    commits = {objects.peel(target) for target in targets}
    return ancestors(commits, objects.commit)


def fetch_contents(
    objects: Objects,
    remote: Remote,
    commits: Iterable[Digest],
    lease: Lease,
    *,
    only: Iterable[str] = (),
    progress: Progress | None = None,
) -> int:
    """Get the files of commits, or those of them below ``only``; returns how many objects came."""
    store = objects.store
    names = [name.rstrip("/") for name in only]
    recipes = {
        entry.recipe
        for commit in commits
        for entry in objects.tree_of(commit)
        if not names or any(entry.path == name or entry.path.startswith(name + "/") for name in names)
    }
    count = _get(store, remote, recipes, lease)
    offsets = {
        item.digest: item.span.offset for recipe in recipes for item in read_recipe(store.read(recipe)).items
    }
    return count + _get(store, remote, offsets, lease, progress=progress, offsets=offsets)
