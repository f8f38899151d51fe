"""Which base each file of a batch is coded against: by fingerprint, a stored model, or one before it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sapwood.kinship.database import Database
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.store.kin import is_near, nearest, remember
from sapwood.store.kinds import Digest

__all__ = ["Bases", "Earlier"]

# Of a large family the nearest are siblings, each of the one before: all would wait for one another.
_MOST_WAVES: Final = 4
_MATCHES: Final = 16


@dataclass(frozen=True, slots=True)
class Earlier:
    """A file of a model that comes before in the batch: the model's number, and the file's path."""

    model: int
    path: str


class Bases:
    """Chooses bases for models in the order of a batch; the same batch in another order may get others."""

    def __init__(self, folder: Path, store: Path, is_there: Callable[[Digest], bool]) -> None:
        """Begin.

        Args:
            folder: For a database of the batch.
            store: The store whose database of kin is asked too.
            is_there: Whether the remote holds a recipe.
        """
        self._database = Database(folder / "batch.sqlite", create=True)
        self._files: list[Earlier] = []
        self._waves: list[int] = []
        self._store = store
        self._is_there = is_there

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def of(self, model: int, prints: Mapping[str, Fingerprint]) -> dict[str, Digest | Earlier]:
        """Bases by path, of files that have a near one. The files are then bases for later models."""
        found = {path: self._base(one) for path, one in prints.items()}
        earlier = [self._waves[base] for base in found.values() if isinstance(base, int)]
        wave = 1 + max(earlier, default=-1)
        if wave < _MOST_WAVES:
            for path, one in prints.items():
                self._database.add([(str(len(self._files)), one)])
                self._files.append(Earlier(model, path))
                self._waves.append(wave)
        return {
            path: self._files[base] if isinstance(base, int) else base
            for path, base in found.items()
            if base is not None
        }

    def learn(self, recipe: Digest, one: Fingerprint) -> None:
        """A file is in the remote now: a base for batches to come."""
        remember(self._store, recipe, one)

    def _base(self, one: Fingerprint) -> Digest | int | None:
        stored = nearest(self._store, one, self._is_there)
        if stored is not None:
            return stored
        near = [match for match in self._database.find(one, limit=_MATCHES) if is_near(match)]
        return int(near[0].path) if near else None
