"""Versions by path or by digest, each as one however many hashes there are."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sapwood.chain.fleet_graph import NOTHING, Edge
from sapwood.errors import MissingInput, WrongCall
from sapwood.formats.model import open_model
from sapwood.patch.digest import identify
from sapwood.patch.hash_kind import HashKind
from sapwood.patch.workers import thread_count

__all__ = ["VersionNames"]

# Digits of a digest by which a known version may be named; a whole one has 64.
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{8,64}")


class VersionNames:
    """The versions that some patches know, by digests of every hash that the patches use."""

    def __init__(self, edges: Iterable[Edge], threads: int | None) -> None:
        edges = tuple(edges)
        self._known = {NOTHING: HashKind.BLAKE3}
        for edge in edges:
            for digest in (edge.base, edge.target):
                self._known.setdefault(digest, edge.hash)
        self._kinds = sorted({edge.hash for edge in edges}) or [HashKind.BLAKE3]
        self._threads = thread_count(threads)
        self._first: dict[bytes, bytes] = {}

    def digest(self, name: str) -> bytes:
        """The digest of a model, or the one that its name is.

        Raises:
            WrongCall: The digits stand for no version or for more than one. MissingInput: No such model.
        """
        if not Path(name).exists() and _DIGEST.fullmatch(name):
            return self._named(name)
        try:
            with open_model(name, layouts=False) as model:
                digests = [identify(model, self._threads, kind).digest for kind in self._kinds]
        except MissingInput as error:
            error.advice = "Give the path of a model, or 8 to 64 digits of a digest."
            raise
        self._first |= dict.fromkeys(digests, digests[0])
        self._known.setdefault(digests[0], self._kinds[0])
        return digests[0]

    def _named(self, digits: str) -> bytes:
        if len(digits) == 2 * len(NOTHING):
            return bytes.fromhex(digits)
        found = [digest for digest in self._known if digest.hex().startswith(digits.lower())]
        if len(found) != 1:
            raise WrongCall(
                "no version of a patch, or more than one, has a digest that begins so",
                found=digits,
                advice="Give all 64 digits.",
            )
        return found[0]

    def one(self, digest: bytes) -> bytes:
        """The digest that stands for all of the same version, as far as models given by path have told."""
        return self._first.get(digest, digest)

    def hash(self, digest: bytes) -> HashKind:
        """What made a digest; of one that no patch and no model has, what makes those of the patches."""
        return self._known.get(digest, self._kinds[0])

    def joined(self, edge: Edge) -> Edge:
        """The edge between the versions as :meth:`one` names them."""
        return dataclasses.replace(edge, base=self.one(edge.base), target=self.one(edge.target))
