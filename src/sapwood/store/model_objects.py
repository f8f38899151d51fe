"""Model files into objects and back, bit for bit, glue included."""

import dataclasses
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from sapwood.errors import DamagedStore
from sapwood.formats.layout import Tensor
from sapwood.formats.model import ModelFile
from sapwood.patch.array_types import array_dtype
from sapwood.patch.match_tensors import plain_name
from sapwood.store.digest_beside import DigestBeside
from sapwood.store.kin import fingerprint_of, nearest, remember
from sapwood.store.kinds import Digest, Kind
from sapwood.store.recipe import Item, Recipe, read_recipe, write_recipe
from sapwood.store.shared_pages import SharingSink
from sapwood.store.store import Store
from sapwood.store.writer import Put, Writer

__all__ = ["Written", "get_recipe", "put_model_file", "read_array", "write_model_file"]


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """Bytes of a file that was written, and how many of them share the store's pages."""

    size: int
    shared: int


class _Like:
    """The objects of an earlier version of a file, to be found by what stands in their place."""

    def __init__(self, recipe: Recipe | None, names: Iterable[str]) -> None:
        """``names`` are the new file's: the tensors of these are nobody else's."""
        self._tensors: dict[str, Digest] = {}
        self._plain: dict[str, Digest] = {}
        self._glue: dict[str, Digest] = {}
        self._renamed: dict[tuple[str, tuple[int, ...]], deque[Digest]] = defaultdict(deque)
        taken = {plain_name(name) for name in names}
        before = ""
        for item in () if recipe is None else recipe.items:
            tensor = item.span.tensor
            if tensor is None:
                self._glue.setdefault(before, item.digest)
                continue
            before = tensor.name
            self._tensors.setdefault(tensor.name, item.digest)
            self._plain.setdefault(plain_name(tensor.name), item.digest)
            if plain_name(tensor.name) not in taken:
                self._renamed[tensor.dtype.name, tensor.shape].append(item.digest)

    def tensor(self, tensor: Tensor) -> Digest | None:
        """The tensor of that name as frameworks may have changed it; else the next renamed one like it."""
        found = self._tensors.get(tensor.name) or self._plain.get(plain_name(tensor.name))
        if found is None and self._renamed[tensor.dtype.name, tensor.shape]:
            return self._renamed[tensor.dtype.name, tensor.shape].popleft()
        return found

    def glue(self, before: str) -> Digest | None:
        """The glue behind the tensor of that name; "" for the file's beginning."""
        return self._glue.get(before)


def get_recipe(store: Store | Writer, digest: Digest) -> Recipe:
    """The recipe of that name, verified.

    Raises:
        MissingObject: It is not there. DamagedStore, BadData: It is damaged, or no recipe.
    """
    return read_recipe(store.read(digest))


def put_model_file(
    writer: Writer,
    file: ModelFile,
    *,
    like: Digest | None = None,
    search: bool = True,
    done: Callable[[int], None] | None = None,
) -> Digest:
    """Put one file of a model; returns the name of its recipe.

    Args:
        writer: Where it goes.
        file: The file, with its layout.
        like: The recipe of an earlier version, whose tensors become bases.
        search: Without ``like``, look for the nearest model in the store.
        done: Called with bytes that are dealt with since it was called last.

    Raises:
        MissingObject, DamagedStore: ``like`` cannot be read.
        StorageFailure, DiskFull: The disk failed; nothing of this writer will count.
    """
    own = fingerprint_of(file) if search and like is None else None
    if own is not None:
        like = nearest(writer.root, own, writer.__contains__)
    names = (tensor.name for _, tensor in file.layout.tensors())
    known = _Like(None if like is None else get_recipe(writer, like), names)
    whole = writer.beside(lambda: blake3(file.data).digest())

    def puts() -> Iterator[Put]:
        before = ""
        for span in file.layout.spans:
            if span.tensor is None:
                base = known.glue(before)
            else:
                before = span.tensor.name
                base = known.tensor(span.tensor)
            data = file.data[span.offset : span.offset + span.length]
            yield Put(Item(span, b"").description, data, base, span.offset)

    digests = writer.put_all(puts(), done)
    items = tuple(Item(span, digest) for span, digest in zip(file.layout.spans, digests, strict=True))
    recipe = Recipe(file.layout.format, file.layout.size, whole.result(), items)
    named = writer.put(Kind.RECIPE, write_recipe(recipe), base=like)
    if own is not None:
        remember(writer.root, named, own)
    return named


def write_model_file(
    store: Store, digest: Digest, sink: BinaryIO, done: Callable[[int], None] | None = None
) -> Written:
    """Write the file that a recipe says to ``sink``, in bounded memory.

    A ``sink`` that is an empty file shares with the store the pages that it can, where the file system knows
    how. ``done`` is called with bytes that were written since it was called last.

    Raises:
        MissingObject, DamagedStore: An object is missing or damaged, named; ``sink`` has got bytes that are
            wrong or not all of them.
    """
    recipe = get_recipe(store, digest)
    target = SharingSink(store.root, sink)
    last = -1
    with DigestBeside(store.threads) as hasher:
        for number, piece in store.pieces([item.digest for item in recipe.items]):
            if number != last and target.may_share:
                target.begin(store.info(recipe.items[number].digest))
                last = number
            hasher.update(piece)
            target.write(piece)
            if done is not None:
                done(len(piece))
        found = hasher.digest()
    if found != recipe.file_digest:
        for item in recipe.items:
            store.read(item.digest)
        raise DamagedStore("the objects of a recipe do not make its file", path=f"object {digest.hex()[:16]}")
    return Written(recipe.size, target.shared)


def read_array(store: Store, tensor: Tensor, digest: Digest) -> npt.NDArray[Any]:
    """A tensor's array; bytes if it is of a block type, or its elements do not fill a byte.

    What is stored as it is comes as a read-only view of the store's file, without a copy.
    """
    data = np.frombuffer(store.read(digest), np.uint8)
    kind = array_dtype(tensor.dtype)
    return data if kind is None else data.view(kind).reshape(tensor.shape)
