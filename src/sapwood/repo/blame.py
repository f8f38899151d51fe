"""Which commit last changed each tensor."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sapwood.repo.history import Read, ordered
from sapwood.store.kinds import Digest

__all__ = ["Blamed", "TensorKey", "blame"]

TensorKey = tuple[str, str]
"""A tensor's file and name."""


@dataclass(frozen=True, slots=True)
class Blamed:
    """A tensor and the commit, in hex, that gave it the content it has."""

    file: str
    name: str
    commit: str


def blame(start: Digest, read: Read, tensors: Callable[[Digest], Mapping[TensorKey, Digest]]) -> list[Blamed]:
    """Every tensor of ``start``, in order. ``tensors`` gives those of a commit, by file and name.

    A tensor that some parent has as it is came from that parent, the first such; else it is this commit's.
    """
    here = tensors(start)
    waiting: dict[Digest, dict[TensorKey, Digest]] = defaultdict(dict)
    waiting[start] = dict(here)
    found: dict[TensorKey, Digest] = {}
    for commit in ordered([start], read):
        wanted = waiting.pop(commit, {})
        if not wanted:
            continue
        for parent in read(commit).parents:
            there = tensors(parent)
            same = [key for key, digest in wanted.items() if there.get(key) == digest]
            for key in same:
                waiting[parent][key] = wanted.pop(key)
        found.update(dict.fromkeys(wanted, commit))
        if len(found) == len(here):
            break
    return [Blamed(file, name, found[file, name].hex()) for file, name in here]
