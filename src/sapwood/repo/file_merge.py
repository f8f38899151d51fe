"""The merge of one file that several sides changed, tensor by tensor.

Where the files of all sides have the same spans, tensors are replaced in their places, in any format in which
that is sound. safetensors files that differ in their tensors are written anew.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from sapwood.errors import MergeConflict
from sapwood.formats.layout import Span, Tensor
from sapwood.patch.array_types import array_dtype
from sapwood.repo.memory_file import put_tensors
from sapwood.repo.merge.strategy import Fail, Ours, Strategy, Theirs
from sapwood.repo.merge.tensors import merge_tensors, obstacle
from sapwood.repo.merge.three_way import settle
from sapwood.repo.tree import Entry
from sapwood.store.kinds import Digest, Kind
from sapwood.store.recipe import Item, Recipe, read_recipe, write_recipe
from sapwood.store.writer import Put

if TYPE_CHECKING:
    from sapwood.store.writer import Writer

__all__ = ["Fallback", "FileMerge", "Rule", "agreed"]

Array = npt.NDArray[Any]
Fallback = Fail | Ours | Theirs

# Formats in which a tensor's bytes can be replaced by others: nothing else in the file depends on them.
# Archives and TensorFlow's checkpoints carry checksums.
_REPLACEABLE: Final = frozenset(
    {
        "safetensors",
        "gguf",
        "numpy",
        "onnx",
        "onnx-external",
        "tflite",
        "flax",
        "mxnet",
        "paddle",
        "paddle-weights",
        "openvino-weights",
        "hdf5",
    }
)
_ZIP: Final = b"PK"
_NO_ARRAY: Final = np.dtype(np.uint8)


@dataclass(frozen=True, slots=True)
class _Shaped:
    """A tensor's type and shape, before it is read."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do where the three-way rule leaves a choice."""

    strategy: Strategy
    otherwise: Fallback

    def choice(self) -> Ours | Theirs | None:
        """The side that is taken whole, if it is one."""
        for rule in (self.strategy, self.otherwise):
            if isinstance(rule, Ours | Theirs):
                return rule
        return None


def agreed(entries: Sequence[object]) -> int | None:
    """The first side if all are the same, else None."""
    return 0 if all(entry == entries[0] for entry in entries) else None


class FileMerge:
    """The merge of one file that several sides changed."""

    def __init__(
        self,
        writer: "Writer",
        path: str,
        base: Entry | None,
        sides: Sequence[Entry],
        rule: Rule,
        *,
        everywhere: bool,
    ) -> None:
        self.path = path
        self.mixed: list[str] = []
        self._writer = writer
        self._rule = rule
        self._entries = sides
        self._sides = [self._recipe(entry) for entry in sides]
        self._base = None if base is None else self._recipe(base)
        self._tensors = [_by_name(recipe) for recipe in self._sides]
        self._before = {} if self._base is None else _by_name(self._base)
        self._everywhere = everywhere
        self._alike = all(_spans(recipe) == _spans(self._sides[0]) for recipe in self._sides)

    def _recipe(self, entry: Entry) -> Recipe:
        return read_recipe(self._writer.read(entry.recipe))

    def conflicts(self) -> list[str]:
        """What neither the strategy nor the fallback can do, told before anything is computed."""
        if self._rule.choice() is not None and not self._can_mix():
            return []
        if not self._can_mix():
            formats = " and ".join(sorted({recipe.format for recipe in self._sides}))
            return [
                f"{self.path}: changed on both sides, and files of {formats} that differ so cannot be mixed"
            ]
        found = [
            f"{self.path}: tensor {name!r}: {reason}"
            for name in self._names()
            if (reason := self._obstacle(name)) is not None
        ]
        if self._alike and self._rule.choice() is None:
            number = sum(self._glue(i) is None for i in self._glue_places())
            found += [f"{self.path}: what is between tensors was changed on both sides"] if number else []
        return found

    def put(self) -> Entry:
        """The merged file, put."""
        if not self._can_mix():
            return self._entries[0 if isinstance(self._rule.choice(), Ours) else -1]
        return self._put_alike() if self._alike else self._put_anew()

    def _can_mix(self) -> bool:
        formats = {recipe.format for recipe in self._sides}
        if formats == {"safetensors"}:
            return True
        if not self._alike or len(formats) != 1 or not formats <= _REPLACEABLE:
            return False
        start = self._sides[0].items[0]
        return start.span.tensor is not None or bytes(self._writer.read(start.digest)[: len(_ZIP)]) != _ZIP

    def _names(self) -> list[str]:
        return [*dict.fromkeys(name for tensors in self._tensors for name in tensors)]

    def _digests(self, name: str) -> tuple[Digest | None, list[Digest | None]]:
        old = self._before.get(name)
        sides = [tensors.get(name) for tensors in self._tensors]
        return None if old is None else old[1], [None if one is None else one[1] for one in sides]

    def _taken(self, name: str) -> int | None:
        """The side whose tensor is taken as it is; None if it is for the strategy."""
        before, sides = self._digests(name)
        return agreed(sides) if self._everywhere and None not in sides else settle(before, sides)

    def _obstacle(self, name: str) -> str | None:
        if self._taken(name) is not None or self._rule.choice() is not None:
            return None
        sides = [tensors.get(name) for tensors in self._tensors]
        shapes = [_shaped(one) for one in sides]
        if any(one is not None and array_dtype(one[0].dtype) is None for one in sides):
            return "changed on both sides, and elements of this type have no mean"
        return obstacle(self._rule.strategy, _shaped(self._before.get(name)), shapes)

    def _merged(self, name: str) -> tuple[Tensor, memoryview | Digest] | None:
        """A tensor of the result: its bytes if the strategy made it, else the object that it is."""
        sides = [tensors.get(name) for tensors in self._tensors]
        taken = self._taken(name)
        if taken is None:
            made = self._mixed(name)
            if not isinstance(made, int):
                self.mixed.append(name)
                first = next(one for one in sides if one is not None)
                return first[0], made
            taken = made
        return sides[taken]

    def _mixed(self, name: str) -> memoryview | int:
        """What the strategy makes of a tensor, or the number of the side to take."""
        rule = self._rule
        if isinstance(rule.strategy, Ours | Theirs):
            return 0 if isinstance(rule.strategy, Ours) else len(self._sides) - 1
        sides = [tensors.get(name) for tensors in self._tensors]
        before = self._before.get(name)
        try:
            # Nothing is the same: equal digests were settled before.
            array = merge_tensors(
                rule.strategy,
                self._array(before),
                [self._array(one) for one in sides],
                name=name,
                same=_never,
            )
        except MergeConflict:
            if isinstance(rule.otherwise, Fail):
                raise
            return 0 if isinstance(rule.otherwise, Ours) else len(self._sides) - 1
        if array is None:
            raise AssertionError("a strategy gave back no tensor for several")
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data

    def _array(self, held: tuple[Tensor, Digest] | None) -> Array | None:
        if held is None:
            return None
        tensor, digest = held
        data = np.frombuffer(self._writer.read(digest), np.uint8)
        kind = array_dtype(tensor.dtype)
        return data if kind is None else data.view(kind).reshape(tensor.shape)

    def _glue_places(self) -> list[int]:
        return [i for i, item in enumerate(self._sides[0].items) if item.span.tensor is None]

    def _glue(self, place: int) -> Digest | None:
        """The glue there, by the three-way rule; None if it is a conflict."""
        sides = [recipe.items[place].digest for recipe in self._sides]
        same_places = self._base is not None and _spans(self._base) == _spans(self._sides[0])
        before = self._base.items[place].digest if self._base is not None and same_places else None
        taken = settle(before, sides)
        return None if taken is None else sides[taken]

    def _put_alike(self) -> Entry:
        """A file whose spans are those of all sides: tensors are replaced in their places."""
        choice = 0 if not isinstance(self._rule.choice(), Theirs) else -1
        hasher = blake3(max_threads=blake3.AUTO)
        items = []
        for place, item in enumerate(self._sides[0].items):
            tensor = item.span.tensor
            found: memoryview | Digest
            if tensor is None:
                found = self._glue(place) or self._sides[choice].items[place].digest
            else:
                merged = self._merged(tensor.name)
                if merged is None:
                    raise AssertionError("every side has a tensor of each name")
                found = merged[1]
            if isinstance(found, memoryview):
                put = Put(item.description, found, item.digest, item.span.offset)
                hasher.update(found)
                (found,) = self._writer.put_all([put])
            else:
                hasher.update(self._writer.read(found))
            items.append(Item(item.span, found))
        recipe = Recipe(self._sides[0].format, self._sides[0].size, hasher.digest(), tuple(items))
        like = self._entries[0].recipe
        return Entry(self.path, self._writer.put(Kind.RECIPE, write_recipe(recipe), base=like), recipe.size)

    def _put_anew(self) -> Entry:
        """A safetensors file with the tensors that the three-way rule keeps, and a header made for them."""
        arrays: dict[str, Array] = {}
        for name in self._names():
            merged = self._merged(name)
            if merged is None:
                continue
            tensor, found = merged
            data = self._writer.read(found) if isinstance(found, bytes) else found
            kind = array_dtype(tensor.dtype)
            if kind is None:
                raise MergeConflict(
                    f"tensor {name!r} has a type that cannot be written anew",
                    path=self.path,
                    found=tensor.dtype.name,
                )
            arrays[name] = np.frombuffer(data, kind).reshape(tensor.shape)
        like = self._entries[0].recipe
        metadata = self._metadata()
        return put_tensors(self._writer, self.path, arrays, like=like, metadata=metadata)[0]

    def _metadata(self) -> dict[str, str]:
        """What ours says of itself in its header."""
        glue = self._sides[0].items[0]
        header = json.loads(bytes(self._writer.read(glue.digest))[8:]) if glue.span.tensor is None else {}
        found = header.get("__metadata__", {}) if isinstance(header, dict) else {}
        return {str(name): str(text) for name, text in found.items()} if isinstance(found, dict) else {}


def _never(_one: Array, _other: Array) -> bool:
    return False


def _by_name(recipe: Recipe) -> dict[str, tuple[Tensor, Digest]]:
    return {tensor.name: (tensor, digest) for tensor, digest in recipe.tensors()}


def _spans(recipe: Recipe) -> list[Span]:
    return [item.span for item in recipe.items]


def _shaped(held: tuple[Tensor, Digest] | None) -> _Shaped | None:
    if held is None:
        return None
    tensor = held[0]
    return _Shaped(array_dtype(tensor.dtype) or _NO_ARRAY, tensor.shape)
