"""From the work tree into the store: what ``add`` does."""

import contextlib
import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from sapwood.errors import MissingInput, StorageFailure, WrongCall
from sapwood.repo.ignore import Ignored, always_ignored
from sapwood.repo.paths import path_fault
from sapwood.repo.staging import Seen, Staged
from sapwood.repo.tree import Entry
from sapwood.repo.work_tree import WorkTree

if TYPE_CHECKING:
    from sapwood.formats.model import ModelFile
    from sapwood.store.leases import Lease
    from sapwood.store.store import Store

__all__ = ["opened_files", "put_files", "select"]

# What describes the files beside it (.xml, .index, .json, a graph) is small.
_MOST_DESCRIBING: Final = 16 << 20


def select(
    work: WorkTree,
    given: Iterable[str | os.PathLike[str]],
    staged: Mapping[str, Staged],
    ignored: Ignored,
    *,
    force: bool,
) -> tuple[list[str], list[str]]:
    """Paths of the files that were meant: those that are there, and staged ones that are gone.

    A folder means all in it. Files that are ignored are left out, unless they are staged already or
    ``force``.

    Raises:
        MissingInput: Nothing is there under a name. WrongCall: A named file is ignored, lies outside, or may
            not be in a tree.
    """
    there: dict[str, None] = {}
    gone: dict[str, None] = {}
    skip = always_ignored if force else ignored
    for place in given:
        path = work.path_of(place)
        below = [known for known in staged if not path or known == path or known.startswith(path + "/")]
        if (work.root / path).is_dir():
            there.update(dict.fromkeys(work.walk(skip, path)))
            there.update((known, None) for known in below if work.status(known) is not None)
        elif work.status(path) is not None:
            if not force and path not in staged and _ignored(path, ignored):
                raise WrongCall("is ignored", path=path, advice="Use --force to add it all the same.")
            there[path] = None
        elif not below:
            raise MissingInput("no such file or folder", path=os.fspath(place))
        gone.update((known, None) for known in below if work.status(known) is None)
    for path in there:
        fault = path_fault(path)
        if fault is not None:
            raise WrongCall(f"the name {fault}", path=path, advice="Rename it, or ignore it.")
    return sorted(there), list(gone)


def put_files(
    store: "Store",
    work: WorkTree,
    paths: Iterable[str],
    staged: Mapping[str, Staged],
    *,
    lease: "Lease",
    progress: Callable[[int, int], None] | None = None,
) -> list[Staged]:
    """Put the files at these paths into the store, each as a version of what is staged there; all or none.

    Hold the lease until they are staged.

    Raises:
        StorageFailure: A file changed while it was read, or the disk failed. DiskFull: There is no room.
    """
    from sapwood.store.model_objects import get_recipe, put_model_file  # noqa: PLC0415  they bring NumPy

    folders = _by_folder(paths)
    sizes = {path: _status(work, path).st_size for inside in folders.values() for path in inside}
    done, total = 0, sum(sizes.values())
    found = []
    with store.writer(lease) as writer:
        for inside in folders.values():
            seen = {path: (time.time_ns(), _status(work, path)) for path in inside}
            with opened_files(work, inside) as files:
                for path in inside:
                    known = staged.get(path)
                    recipe = put_model_file(
                        writer, files[path], like=None if known is None else known.entry.recipe
                    )
                    size = len(files[path].data)
                    found.append((path, recipe, size, *seen[path]))
                    done += size
                    if progress is not None:
                        progress(done, total)
        contents = {recipe: get_recipe(writer, recipe).file_digest for _, recipe, *_ in found}
        for path, _, _, _, before in found:
            after = _status(work, path)
            if (before.st_size, before.st_mtime_ns, before.st_ino) != (
                after.st_size,
                after.st_mtime_ns,
                after.st_ino,
            ):
                raise StorageFailure("the file changed while it was read", path=path, advice="Add it again.")
    return [
        Staged(Entry(path, recipe, size), Seen.of(contents[recipe], status, when))
        for path, recipe, size, when, status in found
    ]


@contextlib.contextmanager
def opened_files(work: WorkTree, paths: Iterable[str]) -> Iterator[dict[str, "ModelFile"]]:
    """These files of the work tree, laid out; their bytes end with the block.

    Files of one folder are laid out together with the small files beside them: some formats keep their
    tensors in files of their own.

    Raises:
        MissingInput, StorageFailure: One cannot be read.
    """
    from sapwood.formats.model import model_of_views, open_model  # noqa: PLC0415  not for status and log

    with contextlib.ExitStack() as held:
        found: dict[str, ModelFile] = {}
        for folder, inside in _by_folder(paths).items():
            views: dict[str, memoryview] = {}
            for path in (*inside, *_describing(work, folder, inside)):
                opened = held.enter_context(open_model(work.root / path, layouts=False))
                views[path] = opened.files[0].data
            model = model_of_views(views, is_folder=True, root=str(work.root))
            found |= {file.path: file for file in model.files if file.path in inside}
        yield found


def _by_folder(paths: Iterable[str]) -> dict[str, list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[path.rpartition("/")[0]].append(path)
    return dict(sorted(folders.items()))


def _describing(work: WorkTree, folder: str, paths: list[str]) -> list[str]:
    wanted = set(paths)
    found = []
    with os.scandir(work.root / folder) as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            status = None if path in wanted else work.status(path)
            if status is not None and status.st_size <= _MOST_DESCRIBING and path_fault(path) is None:
                found.append(path)
    return found


def _status(work: WorkTree, path: str) -> os.stat_result:
    status = work.status(path)
    if status is None or not stat.S_ISREG(status.st_mode):
        raise MissingInput("the file went away while it was added", path=path)
    return status


def _ignored(path: str, ignored: Ignored) -> bool:
    parts = path.split("/")
    return ignored(path) or any(ignored("/".join(parts[:count]) + "/") for count in range(1, len(parts)))
