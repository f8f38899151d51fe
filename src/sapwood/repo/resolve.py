"""From a revision to the commit it means."""

import itertools
from collections.abc import Iterable
from typing import Final

from sapwood.errors import UnknownRevision
from sapwood.repo.objects import Objects
from sapwood.repo.refs import BRANCHES, HEAD, REMOTES, TAGS, Refs
from sapwood.repo.revision import Revision, Step, is_prefix, parse_revision
from sapwood.store.kinds import DIGEST_SIZE, Digest, Kind

__all__ = ["abbreviate", "abbreviations", "find_ref", "resolve"]

# In this order a short name is looked for, as git does.
_PLACES: Final = ("{}", "refs/{}", TAGS + "{}", BRANCHES + "{}", REMOTES + "{}", REMOTES + "{}/HEAD")
_SHOWN: Final = 7
_MOST_CANDIDATES: Final = 16


def find_ref(refs: Refs, name: str) -> str | None:
    """The full name of the ref that a short or a full one means; None if there is none."""
    for place in _PLACES:
        full = place.format(name)
        if full.startswith("refs/") and refs.get(full) is not None:
            return full
    return None


def resolve(text: str, objects: Objects, refs: Refs) -> Digest:
    """The commit that a revision means.

    Raises:
        UnknownRevision: There is none, or the hash is too short to tell.
        MissingObject, BadData: An object on the way is missing or damaged.
    """
    revision = parse_revision(text)
    found = objects.peel(_start(revision, text, objects, refs))
    for step in revision.steps:
        found = _back(found, step, text, objects)
    if objects.store.info(found).kind is not Kind.COMMIT:
        raise UnknownRevision("leads to no commit", path=text)
    return found


def abbreviate(digest: Digest, objects: Objects, length: int = _SHOWN) -> str:
    """The shortest beginning of a digest, from ``length`` digits on, that means it alone."""
    text = digest.hex()
    while length < len(text) and len(objects.store.matching(text[:length], limit=2)) > 1:
        length += 1
    return text[:length]


def abbreviations(digests: Iterable[str], length: int = _SHOWN) -> dict[str, str]:
    """For each digest in hex the shortest beginning, from ``length`` digits on, that no other of them has.

    >>> abbreviations(["1234", "1256", "9999"], length=1)
    {'1234': '123', '1256': '125', '9999': '9'}
    """
    ordered = sorted(set(digests))
    shared = [_shared(*pair) for pair in itertools.pairwise(ordered)]
    longest = map(max, [0, *shared], [*shared, 0])
    return {digest: digest[: max(length, most + 1)] for digest, most in zip(ordered, longest, strict=True)}


def _shared(one: str, other: str) -> int:
    """Characters that both begin with."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _start(revision: Revision, text: str, objects: Objects, refs: Refs) -> Digest:
    name = revision.name
    if name == "@":
        name = refs.head.branch or HEAD
    if name == HEAD:
        found = refs.head.target
        ref: str | None = HEAD
        if found is None and revision.log is None:
            raise UnknownRevision(
                "there are no commits yet", path=text, advice="Make the first one with commit."
            )
    else:
        ref = find_ref(refs, name)
        found = None if ref is None else refs.get(ref)
    if revision.log is not None:
        return _logged(ref, revision.log, text, refs)
    if found is not None:
        return found
    return _by_hash(name, text, objects)


def _logged(ref: str | None, moves: int, text: str, refs: Refs) -> Digest:
    entries = [] if ref is None else refs.log(ref, moves + 1)
    found = None
    if moves < len(entries):
        found = entries[moves].new
    elif entries and moves == len(entries):
        found = entries[-1].old
    if found is None:
        raise UnknownRevision("the log does not go back that far", path=text, found=f"{len(entries)} entries")
    return found


def _by_hash(name: str, text: str, objects: Objects) -> Digest:
    digits = name.lower()
    if len(digits) == 2 * DIGEST_SIZE and is_prefix(digits):
        digest = bytes.fromhex(digits)
        if digest in objects.store:
            return digest
    if not is_prefix(digits):
        raise UnknownRevision("no branch, tag or commit of that name", path=text)
    found = [
        digest
        for kind in (Kind.COMMIT, Kind.TAG)
        for digest in objects.store.matching(digits, kind, _MOST_CANDIDATES)
    ]
    if not found:
        raise UnknownRevision("no branch, tag or commit of that name", path=text)
    if len(found) > 1:
        shown = ", ".join(digest.hex()[: len(digits) + 4] for digest in found)
        raise UnknownRevision("several commits begin so", path=text, found=shown, advice="Write more digits.")
    return found[0]


def _back(digest: Digest, step: Step, text: str, objects: Objects) -> Digest:
    for _ in range(step.times):
        parents = objects.commit(digest).parents
        if step.parent > len(parents):
            raise UnknownRevision(
                "goes back further than there are commits",
                path=text,
                found=f"{digest.hex()[:_SHOWN]} has {len(parents)} parents",
            )
        digest = parents[step.parent - 1]
    return digest
