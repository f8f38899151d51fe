"""Making commits: objects first, then the branch moves, if it is still where it was."""

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from sapwood.errors import RefMoved, WrongCall
from sapwood.repo.commit import Commit, Signature
from sapwood.repo.objects import Objects
from sapwood.repo.refs import Head, Refs
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest, Kind
from sapwood.store.leases import Lease

__all__ = ["ENVIRONMENT", "Notes", "default_author", "put_commit", "record"]

ENVIRONMENT: Final = "SAPWOOD_AUTHOR"
"""The environment variable that names the author where no setting does."""

# Each lost race means that another has committed: far fewer are ever lost in a row.
_MOST_TRIES: Final = 100


class Notes(NamedTuple):
    """What a commit says beside its files.

    Attributes:
        message: Why.
        author: Who made the change, if that is not the committer.
        metrics: What was measured, by name.
        fields: Free texts by name.
    """

    message: str
    author: Signature | None = None
    metrics: Mapping[str, float] = MappingProxyType({})
    fields: Mapping[str, str] = MappingProxyType({})


def default_author() -> str:
    """Who commits where no setting says: $SAPWOOD_AUTHOR, or the user and the machine."""
    said = os.environ.get(ENVIRONMENT)
    if said:
        return said
    # Who only reads need not wait for them.
    import getpass  # noqa: PLC0415
    import socket  # noqa: PLC0415

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user} <{user}@{socket.gethostname()}>"


def put_commit(
    objects: Objects, tree: Tree, parents: tuple[Digest, ...], notes: Notes, *, by: Signature, lease: Lease
) -> Digest:
    """Put a commit and its tree into the store; hold the lease until a ref leads to it.

    Raises:
        WrongCall: A text or a number cannot be in a commit.
    """
    commit = Commit(b"", parents, notes.author or by, by, notes.message, notes.metrics, notes.fields)
    like = objects.commit(parents[0]).tree if parents else None
    with objects.store.writer(lease) as writer:
        tree_digest = writer.put(Kind.TREE, tree.encode(), base=like)
        return writer.put(Kind.COMMIT, commit._replace(tree=tree_digest).encode())


def record(
    objects: Objects,
    refs: Refs,
    tree_on: Callable[[Tree], Tree],
    notes: Notes,
    *,
    by: Signature,
    lease: Lease,
    amend: bool = False,
    allow_empty: bool = False,
    also: tuple[Digest, ...] = (),
    settle: Callable[[], None] = lambda: None,
) -> Digest:
    """Commit on the branch that HEAD is on. Of several processes that do so at once all get their commit in.

    Args:
        objects: Where to.
        refs: The refs to move.
        tree_on: The tree to commit, given that of HEAD; asked again if another commit comes in between.
        notes: Message and more.
        by: Who commits.
        lease: Keeps what was put until the commit is named.
        amend: Replace the last commit.
        allow_empty: Commit though no file changed.
        also: Further parents.
        settle: Called in the very transaction that moves the branch.

    Raises:
        WrongCall: There is nothing to commit, or nothing to amend.
        RefMoved: Others committed all the time.
    """
    for _ in range(_MOST_TRIES):
        head = refs.head
        tree = tree_on(objects.tree_of(head.target))
        parents, why = _parents(objects, head, also, amend)
        if not (allow_empty or amend or also) and tree == objects.tree_of(head.target):
            raise WrongCall("nothing to commit", advice="Stage changes with add, or commit with --all.")
        digest = put_commit(objects, tree, parents, notes, by=by, lease=lease)
        title = notes.message.strip().partition("\n")[0]
        try:
            with refs.transaction():
                refs.move_head(head.target, digest, by, f"{why}: {title}")
                settle()
        except RefMoved:
            if amend:
                raise
            continue
        return digest
    raise RefMoved("other commits came in between all the time", advice="Try again.")


def _parents(
    objects: Objects, head: Head, also: tuple[Digest, ...], amend: bool
) -> tuple[tuple[Digest, ...], str]:
    if not amend:
        why = "commit (initial)" if head.target is None else "commit (merge)" if also else "commit"
        return (() if head.target is None else (head.target,)) + also, why
    if head.target is None:
        raise WrongCall("there is no commit to amend")
    return objects.commit(head.target).parents, "commit (amend)"
