"""Git's filter: a model becomes a pointer on its way in (clean), and a pointer the model on its way out."""

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from blake3 import blake3

from sapwood.errors import DigestMismatch, MissingInput, MissingObject, WrongCall, storage_error
from sapwood.formats.model import model_of_views, open_model
from sapwood.git.pointer import MAX_BYTES, Pointer, parse_pointer
from sapwood.store.disk import told
from sapwood.store.model_objects import get_recipe, put_model_file, write_model_file
from sapwood.store.store import Store

__all__ = ["clean", "open_store", "smudge"]

_PIECE: Final = 1 << 20
_ADVICE: Final = (
    "The pointer stays. Copy the folder sapwood/store from the git folder where the file was added, "
    "and check the file out again."
)


def open_store(place: Path, *, create: bool = False) -> Store:
    """The store beside a git repository.

    Raises:
        MissingInput: There is none, and it is not to be made. DamagedStore, StorageFailure: As for ``Store``.
    """
    try:
        return Store.open(place)
    except MissingInput:
        if not create:
            raise
    with told(place):
        place.parent.mkdir(exist_ok=True)
    try:
        return Store.create(place)
    except WrongCall:
        # Another process was first.
        return Store.open(place)


def clean(store: Store, source: BinaryIO, path: str, known: Pointer | None) -> bytes:
    """Put a file into the store; returns its pointer. An empty file and a pointer are returned as they are.

    Args:
        store: Where it goes.
        source: The file's bytes, to their end.
        path: Its path from the root of the work tree.
        known: The pointer of its last version. The same bytes get the same pointer again, even if a newer
            Sapwood lays them out otherwise.

    Raises:
        StorageFailure, DiskFull: The disk failed.
        MissingObject, DamagedStore: The last version cannot be read.
    """
    head = source.read(MAX_BYTES + 1)
    if not head or parse_pointer(head) is not None:
        return head
    try:
        # A pipe cannot be mapped, and a model need not fit into memory.
        with tempfile.TemporaryFile(dir=store.root.parent, buffering=0) as held:
            held.write(head)
            shutil.copyfileobj(source, held, _PIECE)
            held.seek(0)
            with open_model(held, layouts=False) as bare:
                return _put(store, bare.files[0].data, path, known).text()
    except OSError as error:
        raise storage_error(error, path) from error


def _put(store: Store, data: memoryview, path: str, known: Pointer | None) -> Pointer:
    if known is not None and known.recipe not in store:
        known = None
    if known is not None and known.size == len(data) and known.content == blake3(data).digest():
        objects = [item.digest for item in get_recipe(store, known.recipe).items]
        if not store.missing(objects):
            return known
    file = model_of_views({path: data}, is_folder=True).files[0]
    with store.writer() as writer:
        recipe = put_model_file(writer, file, like=None if known is None else known.recipe)
        content = get_recipe(writer, recipe).file_digest
    return Pointer(recipe, content, len(data), file.layout.format)


def smudge(place: Path, source: BinaryIO, path: str, sink: BinaryIO) -> MissingObject | None:
    """Write the file that a pointer means to ``sink``; what is no pointer is written as it is.

    Where the store at ``place`` lacks an object the pointer itself is written, and the error returned: a
    checkout of other files need not fail for it, and the pointer can be committed as it is.

    Raises:
        DigestMismatch: The pointer and what the store has under its name tell of different files.
        BadData, DamagedStore: The store is damaged, or the pointer names no recipe. What was written then
            does not count.
    """
    head = source.read(MAX_BYTES + 1)
    pointer = parse_pointer(head)
    if pointer is None:
        sink.write(head)
        shutil.copyfileobj(source, sink, _PIECE)
        return None
    try:
        store = open_store(place)
    except MissingInput:
        sink.write(head)
        return _absent(path, pointer.recipe)
    with store:
        absent = _first_missing(store, pointer, path)
        if absent is not None:
            sink.write(head)
            return _absent(path, absent)
        write_model_file(store, pointer.recipe, sink)
    return None


def _first_missing(store: Store, pointer: Pointer, path: str) -> bytes | None:
    if pointer.recipe not in store:
        return pointer.recipe
    recipe = get_recipe(store, pointer.recipe)
    if (recipe.file_digest, recipe.size) != (pointer.content, pointer.size):
        raise DigestMismatch(
            "the pointer and its recipe tell of different files",
            path=path,
            expected=pointer.content,
            found=recipe.file_digest,
            advice="The pointer was not made by sapwood: take the file from another commit.",
        )
    objects = [item.digest for item in recipe.items]
    absent = store.missing(objects)
    return next((digest for digest in objects if digest in absent), None)


def _absent(path: str, digest: bytes) -> MissingObject:
    return MissingObject("an object is not in the store", path=path, found=digest, advice=_ADVICE)
