"""Settings of one repository: its own, by name, and its store's under ``store.``."""

import dataclasses
from typing import TYPE_CHECKING, Final

from sapwood.errors import WrongCall
from sapwood.repo.database import Database

if TYPE_CHECKING:
    from sapwood.store.store import Store

__all__ = ["Settings"]

_STORE: Final = "store."
_MOST_NAME: Final = 256
_MOST_VALUE: Final = 1 << 16


class Settings:
    """Texts by name, such as ``user.name``."""

    def __init__(self, database: Database, store: "Store") -> None:
        self._database = database
        self._store = store

    def get(self, name: str) -> str | None:
        """A setting, None if it was not set."""
        if name.startswith(_STORE):
            return self.all().get(name)
        row = self._database.row("SELECT value FROM setting WHERE name = ?", name)
        return None if row is None else str(row[0])

    def own(self) -> dict[str, str]:
        """The repository's settings by name, in order, without its store's."""
        rows = self._database.rows("SELECT name, value FROM setting ORDER BY name")
        return {str(name): str(value) for name, value in rows}

    def all(self) -> dict[str, str]:
        """All settings by name, in order."""
        stored = self._store.settings
        names = [field.name for field in dataclasses.fields(stored)]
        return self.own() | {_STORE + name: stored.text(name) for name in names}

    def set(self, name: str, value: str) -> None:
        """Change a setting.

        Raises:
            WrongCall: The name is none, or the value not one for it.
        """
        if name.startswith(_STORE):
            self._store.configure(name.removeprefix(_STORE), value)
            return
        if "." not in name or not name.isprintable() or len(name) > _MOST_NAME or len(value) > _MOST_VALUE:
            raise WrongCall(
                "not the name of a setting, or too long", found=name, expected="such as user.name"
            )
        with self._database.transaction():
            self._database.rows("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def unset(self, name: str) -> None:
        """Take a setting back.

        Raises:
            WrongCall: It was not set.
        """
        with self._database.transaction():
            if not self._database.rows("DELETE FROM setting WHERE name = ? RETURNING name", name):
                raise WrongCall("was not set", path=name)
