"""What two states of the files differ in, tensor by tensor.

A state is a commit, what is staged, or the work tree. Tensors are compared by their digests; only how much
one has changed takes reading it, and that is kept, because two digests differ in the same way for ever.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sapwood.errors import SapwoodError
from sapwood.formats.layout import Layout, Tensor
from sapwood.patch.model_stats import Change, TensorStats
from sapwood.repo.database import Database
from sapwood.repo.status import Difference
from sapwood.repo.tree import Entry, Tree
from sapwood.repo.work_tree import WorkTree
from sapwood.store.kinds import Description, Digest, Kind, object_digest
from sapwood.store.recipe import read_recipe

if TYPE_CHECKING:
    from sapwood.store.store import Store

__all__ = ["FileState", "TensorChanges", "compare_states", "measured", "states_of", "work_state"]


@dataclass(frozen=True, slots=True)
class Held:
    """A tensor of one state: what it is, its digest, and how to get its bytes."""

    tensor: Tensor
    digest: Digest
    length: int
    read: Callable[[], memoryview]


@dataclass(frozen=True, slots=True)
class FileState:
    """A file of one state: its tensors by name, what is between them, and the digests of both in order."""

    tensors: Mapping[str, Held]
    glue: tuple[Digest, ...]
    order: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class TensorChanges:
    """What differs in one file.

    Attributes:
        path: The file.
        difference: How it stands to the older state.
        count: Tensors it has now, or had.
        tensors: Those that are not the same, in file order, then the removed ones.
        glue: Whether what is between the tensors differs.
    """

    path: str
    difference: Difference
    count: int
    tensors: tuple[TensorStats, ...]
    glue: bool

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that differ."""
        return sum(row.nbytes for row in self.tensors)


def stored_state(store: "Store", entry: Entry) -> FileState:
    """A file as the store has it."""
    recipe = read_recipe(store.read(entry.recipe))

    def reader(digest: Digest) -> Callable[[], memoryview]:
        return lambda: store.read(digest)

    held = {
        item.span.tensor.name: Held(item.span.tensor, item.digest, item.span.length, reader(item.digest))
        for item in recipe.items
        if item.span.tensor is not None
    }
    glue = tuple(item.digest for item in recipe.items if item.span.tensor is None)
    return FileState(held, glue, tuple(item.digest for item in recipe.items))


@contextlib.contextmanager
def work_state(work: WorkTree, paths: Iterable[str]) -> Iterator[dict[str, FileState]]:
    """Files as they are in the work tree; their bytes end with the block.

    Raises:
        MissingInput, StorageFailure: One cannot be read.
    """
    wanted = list(paths)
    if not wanted:
        yield {}
        return
    from sapwood.repo.adding import opened_files  # noqa: PLC0415  it lays out files of all formats

    with opened_files(work, wanted) as files:
        yield {path: _file_state(file.data, file.layout) for path, file in files.items()}


def _file_state(data: memoryview, layout: Layout) -> FileState:
    held = {}
    glue = []
    order = []
    for span in layout.spans:
        view = data[span.offset : span.offset + span.length]
        tensor = span.tensor
        if tensor is None:
            glue.append(object_digest(Description(Kind.GLUE), view))
            order.append(glue[-1])
            continue
        digest = object_digest(Description(Kind.TENSOR, tensor.dtype.name, tensor.shape), view)
        order.append(digest)
        held[tensor.name] = Held(tensor, digest, span.length, lambda view=view: view)  # type: ignore[misc]
    return FileState(held, tuple(glue), tuple(order))


def compare_states(
    old: Mapping[str, FileState], new: Mapping[str, FileState]
) -> list[tuple[TensorChanges, dict[str, tuple[Held, Held]]]]:
    """What differs, file by file; with the pairs of tensors whose elements could be compared, by name."""
    known = {held.digest: name for state in old.values() for name, held in state.tensors.items()}
    found = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before is not None and after is not None and before.order == after.order:
            continue
        rows, pairs = _rows(path, before, after, known)
        glue = (before.glue if before else ()) != (after.glue if after else ())
        how = (
            Difference.NEW if before is None else Difference.DELETED if after is None else Difference.MODIFIED
        )
        present = after or before
        count = len(present.tensors) if present is not None else 0
        found.append((TensorChanges(path, how, count, tuple(rows), glue), pairs))
    return found


def _rows(
    path: str, old: FileState | None, new: FileState | None, known: Mapping[Digest, str]
) -> tuple[list[TensorStats], dict[str, tuple[Held, Held]]]:
    before = dict(old.tensors) if old is not None else {}
    rows: list[TensorStats] = []
    pairs: dict[str, tuple[Held, Held]] = {}
    for name, held in new.tensors.items() if new is not None else ():
        was = before.pop(name, None)
        if was is not None and was.digest == held.digest:
            continue
        change, source = Change.NEW, ""
        if was is not None:
            change = _change(was, held)
            if change is Change.NEW:
                before[name] = was
            else:
                pairs[name] = (was, held)
        elif held.digest in known:
            change, source = Change.MOVED, known[held.digest]
        rows.append(_row(path, held, change, source))
    return rows + [_row(path, held, Change.REMOVED) for held in before.values()], pairs


def _change(old: Held, new: Held) -> Change:
    one, other = old.tensor.dtype, new.tensor.dtype
    if one is other:
        return Change.CHANGED if old.length == new.length else Change.RESIZED
    if one.kind is other.kind and one.exponent_bits and old.tensor.shape == new.tensor.shape:
        return Change.RETYPED
    return Change.NEW


def _row(path: str, held: Held, change: Change, source: str = "") -> TensorStats:
    tensor = held.tensor
    return TensorStats(tensor.name, path, tensor.dtype.name, tensor.shape, change, source, held.length)


def measured(
    database: Database, changes: TensorChanges, pairs: Mapping[str, tuple[Held, Held]]
) -> TensorChanges:
    """The same, with how many elements of each tensor changed, and by how much."""
    rows = []
    for row in changes.tensors:
        pair = pairs.get(row.name) if row.change is not Change.REMOVED else None
        rows.append(row if pair is None else dataclasses.replace(row, **_facts(database, *pair)))
    return dataclasses.replace(changes, tensors=tuple(rows))


def _facts(database: Database, old: Held, new: Held) -> dict[str, Any]:
    kept = database.row("SELECT facts FROM difference WHERE old = ? AND new = ?", old.digest, new.digest)
    if kept is not None:
        facts = json.loads(str(kept[0]))
        if isinstance(facts, dict) and facts.keys() == {"compared", "changed", "base_rms", "rms", "max"}:
            return facts
    facts = _compared(old, new)
    # Whoever may only read compares again the next time.
    with contextlib.suppress(SapwoodError), database.transaction():
        database.rows(
            "INSERT OR REPLACE INTO difference VALUES (?, ?, ?)", old.digest, new.digest, json.dumps(facts)
        )
    return facts


def _compared(old: Held, new: Held) -> dict[str, Any]:
    from sapwood.patch.element_sums import BLOCK, ElementSums, elements_of, units  # noqa: PLC0415  NumPy

    sums = ElementSums()
    both = [(held.read(), held.tensor.dtype) for held in (old, new)]
    compared = min(units(dtype, len(data)) for data, dtype in both)
    for start in range(0, compared, BLOCK):
        count = min(BLOCK, compared - start)
        sums.add(*(elements_of(data, dtype, start, count) for data, dtype in both))
    base_rms, rms, largest = sums.relative()
    return {
        "compared": compared,
        "changed": sums.changed,
        "base_rms": base_rms,
        "rms": rms,
        "max": largest,
    }


def states_of(store: "Store", tree: Tree, paths: Iterable[str]) -> dict[str, FileState]:
    """Files of a tree, those of ``paths`` that it has."""
    return {path: stored_state(store, tree.by_path[path]) for path in paths if path in tree.by_path}
