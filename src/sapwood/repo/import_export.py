"""Files in and out of the repository without the work tree: import, export, archive."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from blake3 import blake3

from sapwood.errors import DamagedStore, MissingInput, WrongCall
from sapwood.repo.checking_out import write_files
from sapwood.repo.committing import Notes
from sapwood.repo.direct_commit import commit_directly, is_new
from sapwood.repo.opened import Opened, PathLike, Progress
from sapwood.repo.paths import name_of, path_fault, path_in
from sapwood.repo.refs import HEAD
from sapwood.repo.staging import Seen, Staged
from sapwood.repo.tree import Entry
from sapwood.repo.work_tree import WorkTree

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from sapwood.store.store import Store

__all__ = ["ImportExport"]

_STEP: Final = 1 << 20
_MODES: Final = {".tar": "w|", ".tar.gz": "w|gz", ".tgz": "w|gz"}


class ImportExport(Opened):
    """``import_models``, ``export`` and ``archive``."""

    def import_models(
        self,
        models: Iterable[PathLike],
        *,
        as_path: str | None = None,
        message: str | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """Commit models that lie anywhere, one commit each, in the order given. Their digests, in hex.

        A file gets its own name in the repository, or ``as_path``, so that it is the next version of what has
        that name. A folder's files lie below its name, or below ``as_path``. A model that changes nothing is
        passed over. No file is written, unless one is there as it was committed: that follows.

        Raises:
            MissingInput: A model is not there. WrongCall: A name may not be in a repository.
            StorageFailure, DiskFull: The disk failed; the models before are committed.
        """
        from sapwood.formats.model import open_model  # noqa: PLC0415  NumPy
        from sapwood.store.model_objects import get_recipe, put_model_file  # noqa: PLC0415

        made = []
        for source in models:
            root = as_path or name_of(source)
            before = self.objects.tree_of(self.head.target).by_path
            with self.store.lease() as lease:
                staged = []
                with open_model(source) as model, self.store.writer(lease) as writer:
                    total, done = sum(len(file.data) for file in model.files), 0
                    for file in model.files:
                        path = path_in(root, file.path)
                        fault = path_fault(path)
                        if fault is not None:
                            raise WrongCall(f"the name {fault}", path=path)
                        known = before.get(path)
                        recipe = put_model_file(writer, file, like=None if known is None else known.recipe)
                        content = get_recipe(writer, recipe).file_digest
                        entry = Entry(path, recipe, len(file.data))
                        staged.append(Staged(entry, Seen.unseen(content, entry.size), wanted=False))
                        done += entry.size
                        if progress is not None:
                            progress(done, total)
                if is_new(self, staged):
                    notes = Notes(message or f"Import {os.fspath(source)}")
                    made.append(commit_directly(self, staged, notes, lease=lease).hex())
        return made

    def export(
        self,
        folder: PathLike,
        revision: str = HEAD,
        *,
        only: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> list[str]:
        """Write the files of a commit into a folder, which is made if need be; returns their paths in it.

        Files that are there under these names are replaced, each whole.

        Raises:
            UnknownRevision: The revision means no commit. MissingInput: It has no such file.
            StorageFailure, DiskFull: The disk failed.
        """
        entries = self._chosen(revision, only)
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        write_files(self.store, WorkTree(root.resolve()), entries, progress)
        return [entry.path for entry in entries]

    def archive(
        self, out: PathLike | BinaryIO, revision: str = HEAD, *, only: Iterable[str] = ()
    ) -> list[str]:
        """Write the files of a commit as a tar archive; the same commit gives the same tar.

        ``out`` is a path that ends with .tar, .tar.gz or .tgz, or a stream, which gets a plain tar.

        Raises:
            UnknownRevision: The revision means no commit. MissingInput: It has no such file.
            WrongCall: The name ends otherwise. StorageFailure, DiskFull: The disk failed.
        """
        entries = self._chosen(revision, only)
        seconds = self.objects.commit(self.resolve(revision)).committer.seconds
        if not isinstance(out, str | os.PathLike):
            self._write_tar(out, "w|", entries, seconds)
            return [entry.path for entry in entries]
        name = os.fspath(out)
        mode = next((mode for suffix, mode in _MODES.items() if name.endswith(suffix)), None)
        if mode is None:
            raise WrongCall("not the name of an archive", path=name, expected=", ".join(_MODES))
        from sapwood.patch.atomic_file import atomic_output  # noqa: PLC0415

        with atomic_output(out) as stream:
            self._write_tar(stream, mode, entries, seconds)
        return [entry.path for entry in entries]

    def _chosen(self, revision: str, only: Iterable[str]) -> list[Entry]:
        tree = self.objects.tree_of(self.resolve(revision))
        wanted = list(only)
        for name in wanted:
            if not any(_is_below(entry.path, name) for entry in tree):
                raise MissingInput("the commit has no such file", path=name)
        return [entry for entry in tree if not wanted or any(_is_below(entry.path, name) for name in wanted)]

    def _write_tar(self, stream: BinaryIO, mode: str, entries: Iterable[Entry], seconds: int) -> None:
        import tarfile  # noqa: PLC0415  no other operation needs it

        with tarfile.open(fileobj=stream, mode=mode, format=tarfile.PAX_FORMAT, copybufsize=_STEP) as archive:  # type: ignore[call-overload]
            for entry in entries:
                member = tarfile.TarInfo(entry.path)
                member.size, member.mtime, member.mode = entry.size, max(seconds, 0), 0o644
                archive.addfile(member, io.BufferedReader(_FileOfPieces(self.store, entry), _STEP))


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class _FileOfPieces(io.RawIOBase):
    """A file of the repository to be read once from its start, verified at its end."""

    def __init__(self, store: "Store", entry: Entry) -> None:
        from sapwood.store.recipe import read_recipe  # noqa: PLC0415  most operations read none

        recipe = read_recipe(store.read(entry.recipe))
        self._pieces = store.pieces([item.digest for item in recipe.items])
        self._left = memoryview(b"")
        self._hasher = blake3()
        self._entry, self._digest = entry, recipe.file_digest

    def readable(self) -> bool:
        return True

    def readinto(self, room: "WriteableBuffer", /) -> int:
        view = memoryview(room).cast("B")
        while not len(self._left):
            _, piece = next(self._pieces, (0, None))
            if piece is None:
                if self._hasher.digest() != self._digest:
                    raise DamagedStore("the objects of a recipe do not make its file", path=self._entry.path)
                return 0
            self._hasher.update(piece)
            self._left = piece
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
