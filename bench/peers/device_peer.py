"""Peers for devices: each tries all its settings, for which of them is best depends on the pair."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from bench.peers.peer import Bytes, Peer


class Candidate(NamedTuple):
    """A patch at one setting.

    memory: bytes of window, dictionary or model that its decoder keeps, beside its own structures and the
    buffers for input and output.
    """

    settings: str
    memory: int
    patch: bytes


class DevicePeer(Peer):
    """One way of patching a device."""

    @abstractmethod
    def candidates(self, base: Bytes, target: Bytes) -> Iterator[Candidate]:
        """A patch at every setting."""

    def best(self, base: Bytes, target: Bytes, most_memory: int | None = None) -> Candidate | None:
        """The smallest patch, of those that a decoder with so much memory applies."""
        fitting = [c for c in self.candidates(base, target) if most_memory is None or c.memory <= most_memory]
        return min(fitting, key=lambda candidate: len(candidate.patch), default=None)

    def encode(self, base: Bytes, target: Bytes, threads: int) -> bytes:
        best = self.best(base, target)
        if best is None:
            raise ValueError(f"{self.name} has no setting")
        return best.patch
