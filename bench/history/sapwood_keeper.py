"""Sapwood's repository, called in this process."""

from __future__ import annotations

from pathlib import Path

from bench.history.keeper import Keeper
from sapwood.repo.repository import Repository


class Sapwood(Keeper):
    """A repository at its default settings."""

    name = "Sapwood"

    def __init__(self, room: Path) -> None:
        super().__init__(room)
        self.store = self.work / ".sapwood"

    def begin(self) -> None:
        self._repo = Repository.init(self.work)
        self.configure(self._repo)

    def configure(self, repo: Repository) -> None:
        """Set what differs from the defaults."""

    def commit(self) -> str:
        self._repo.add([self.file])
        return self._repo.commit(message="Train")

    def checkout(self, version: str) -> None:
        self._repo.restore([self.file], source=version)

    def end(self) -> None:
        self._repo.close()


class Uncompressed(Sapwood):
    """The first version is not coded."""

    name = "Sapwood, compress=off"

    def configure(self, repo: Repository) -> None:
        repo.settings.set("store.compress", "off")


class Whole(Uncompressed):
    """Every version is whole, and none is coded."""

    name = "Sapwood, compress=off depth=0"

    def configure(self, repo: Repository) -> None:
        super().configure(repo)
        repo.settings.set("store.depth", "0")
