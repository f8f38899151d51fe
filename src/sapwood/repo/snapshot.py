"""The tensors of one commit, read when they are asked for."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sapwood.errors import MissingInput
from sapwood.repo.tree import Tree
from sapwood.store.kinds import Digest
from sapwood.store.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from sapwood.store.store import Store

__all__ = ["Snapshot", "tensor_digests"]


def tensor_digests(store: "Store", recipe: Digest) -> dict[str, Digest]:
    """The object of each tensor of a file, by name, in order."""
    return {tensor.name: digest for tensor, digest in read_recipe(store.read(recipe)).tensors()}


class Snapshot(Mapping[str, "npt.NDArray[np.generic]"]):
    """The tensors of one commit by name; ``FILE:NAME`` where several files have one of that name.

    Nothing is read before it is asked for. What is stored as it is comes as a read-only view of the store's
    file, without a copy, and may outlive the repository; what is stored as a difference is decoded. Tensors
    of block types, and of elements that do not fill a byte, come as bytes.
    """

    def __init__(self, store: "Store", commit: Digest, tree: Tree, only: str | None = None) -> None:
        """The tensors of all files, or of the file ``only``."""
        self.commit = commit.hex()
        self._store = store
        entries = [entry for entry in tree if only is None or entry.path == only]
        if only is not None and not entries:
            raise MissingInput("the commit has no such file", path=only)
        self._recipes = {entry.path: read_recipe(store.read(entry.recipe)) for entry in entries}
        found = [
            (path, tensor, digest)
            for path, recipe in self._recipes.items()
            for tensor, digest in recipe.tensors()
        ]
        count = Counter(tensor.name for _, tensor, _ in found)
        self._found = {
            tensor.name if count[tensor.name] == 1 else f"{path}:{tensor.name}": (tensor, digest)
            for path, tensor, digest in found
        }

    @property
    def files(self) -> Mapping[str, Recipe]:
        """How each file is put together, by its path."""
        return self._recipes

    def __getitem__(self, name: str) -> "npt.NDArray[Any]":
        from sapwood.store.model_objects import read_array  # noqa: PLC0415  NumPy; digests need none of it

        return read_array(self._store, *self._found[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<Snapshot {self.commit[:7]}: {len(self)} tensors>"

    def digest(self, name: str) -> Digest:
        """The object that holds a tensor: equal digests mean equal tensors."""
        return self._found[name][1]
