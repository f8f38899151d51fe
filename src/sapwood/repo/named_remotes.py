"""Remotes by name: where they are, and which one has promised what is not here."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sapwood.errors import MissingInput, WrongCall
from sapwood.repo.merges import Merges
from sapwood.repo.opened import PathLike
from sapwood.repo.refs import REMOTES, Move, name_fault
from sapwood.store.kinds import Digest

if TYPE_CHECKING:
    from sapwood.store.remote.remote import Remote

__all__ = ["ORIGIN", "NamedRemotes"]

ORIGIN: Final = "origin"
"""The remote that a clone was made of."""


class NamedRemotes(Merges):
    """``remotes``, ``add_remote`` and ``remove_remote``."""

    def __init__(self, path: PathLike = ".") -> None:
        super().__init__(path)
        self._keep_promises()

    def remotes(self) -> dict[str, str]:
        """Where each remote is, by its name."""
        named = {}
        for name, value in self.settings.own().items():
            first, _, rest = name.partition(".")
            if first == "remote" and rest.endswith(".url"):
                named[rest.removesuffix(".url")] = value
        return named

    def add_remote(self, name: str, url: str, options: Mapping[str, str] | None = None) -> None:
        """Name a remote: a folder, or an http(s), s3, gs or az URL.

        ``options`` are for the object store, such as endpoint and region. Credentials are better left
        where obstore looks for them: settings are kept as they are.

        Raises:
            WrongCall: There is one of that name, or no remote may be called so.
        """
        if name_fault(REMOTES + name) is not None or "." in name or "/" in name:
            raise WrongCall("no remote may be called so", path=name)
        if name in self.remotes():
            raise WrongCall("there is a remote of that name", path=name)
        # A folder is meant from where the user stands.
        place = url if "://" in url else str(Path(url).resolve())
        self.settings.set(f"remote.{name}.url", place)
        for key, value in (options or {}).items():
            self.settings.set(f"remote.{name}.option.{key}", value)

    def remove_remote(self, name: str) -> None:
        """Forget a remote, and where its branches were.

        Raises:
            MissingInput: There is none of that name.
        """
        self._url(name)
        for setting in list(self.settings.own()):
            if setting.startswith(f"remote.{name}."):
                self.settings.unset(setting)
        moves = [Move(ref, target, None) for ref, target in self.refs.all(f"{REMOTES}{name}/").items()]
        self.refs.move(moves, self.signature(), "remote: removed")

    def _promise(self, name: str) -> None:
        """From now on what is not here is asked of this remote."""
        self.settings.set(f"remote.{name}.promised", "on")
        self._keep_promises()

    def _keep_promises(self) -> None:
        """Have the store ask the remote that has promised what was not fetched."""
        promised = [name for name in self.remotes() if self.settings.get(f"remote.{name}.promised") == "on"]
        if not promised:
            return
        opened: list[Remote] = []

        def get(missing: set[Digest]) -> None:
            if not opened:
                opened.append(self._remote(promised[0])[1])
            opened[0].fetch(self.store, missing)

        self.store.promise = get

    def _remote(self, name: str | None) -> tuple[str, "Remote"]:
        from sapwood.store.remote.remote import Remote  # noqa: PLC0415

        known = self.remotes()
        if name is None:
            name = next(iter(known)) if len(known) == 1 else ORIGIN
        return name, Remote(self._url(name), self._options(name) or None)

    def _options(self, name: str) -> dict[str, str]:
        start = f"remote.{name}.option."
        return {
            key.removeprefix(start): value
            for key, value in self.settings.own().items()
            if key.startswith(start)
        }

    def _url(self, name: str) -> str:
        known = self.remotes()
        if name not in known:
            raise MissingInput(
                "there is no remote of that name", path=name, advice="Add one with remote add."
            )
        return known[name]
