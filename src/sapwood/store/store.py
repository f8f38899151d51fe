"""The store of a repository: content only, which knows nothing of commits.

A folder with ``index.sqlite``, ``packs/``, ``objects/`` (files of one large object each) and ``leases/``.
Several processes may read and write at once.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from sapwood.errors import DamagedStore, WrongCall
from sapwood.patch.workers import Workers, thread_count
from sapwood.store.disk import sync_folder, told
from sapwood.store.index import FILE_NAME, Index
from sapwood.store.kinds import (
    Digest,
    Kind,
    ObjectInfo,
    StoredForm,
    object_hasher,
)
from sapwood.store.leases import Lease
from sapwood.store.places import Places
from sapwood.store.reading import Reader, check

if TYPE_CHECKING:
    from sapwood.store.check import Damage
    from sapwood.store.collect import Collected, References, Roots
    from sapwood.store.repack import Repacked
    from sapwood.store.settings import Settings
    from sapwood.store.writer import Writer

__all__ = ["PathLike", "Store"]

PathLike = str | os.PathLike[str]

_FOLDERS = ("packs", "objects", "leases")


class Store:
    """An open store; use it as a context manager, or close it. Safe for many threads."""

    def __init__(self, root: Path, index: Index, *, read_only: bool, threads: int) -> None:
        """See ``create`` and ``open``."""
        self.root = root
        self.read_only = read_only
        self._index = index
        self._places = Places(root)
        self._reader = Reader(index.entry, self._places)
        self.threads = threads
        self._workers = Workers(threads)
        self._verified: set[Digest] = set()

    @classmethod
    def create(cls, path: PathLike, *, threads: int | None = None) -> Self:
        """Make a store in a folder, which is made if its own folder is there.

        Raises:
            WrongCall: There is a store already, or something else.
            StorageFailure, DiskFull: The file system failed.
        """
        root = Path(path).absolute()
        with told(root):
            root.mkdir(exist_ok=True)
            for name in _FOLDERS:
                (root / name).mkdir(exist_ok=True)
            index = Index(root / FILE_NAME, create=True)
            if not index.is_new:
                index.close()
                raise WrongCall("a store is there already", path=str(root))
            sync_folder(root)
            sync_folder(root.parent)
        return cls(root, index, read_only=False, threads=thread_count(threads))

    @classmethod
    def open(cls, path: PathLike, *, read_only: bool = False, threads: int | None = None) -> Self:
        """Open a store that is there. ``threads``: as many as the process may use by default.

        Raises:
            MissingInput: There is none. DamagedStore: Its index is damaged.
            StorageFailure: The file system failed.
        """
        root = Path(path).absolute()
        index = Index(root / FILE_NAME, read_only=read_only)
        return cls(root, index, read_only=read_only, threads=thread_count(threads))

    def close(self) -> None:
        """Let go of its files. Bytes that were read stay good."""
        self._workers.__exit__(None, None, None)
        self._places.close()
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __contains__(self, digest: Digest) -> bool:
        return self._index.entry(digest) is not None

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of them that are not there."""
        wanted = set(digests)
        return wanted - self._index.known(wanted)

    def info(self, digest: Digest) -> ObjectInfo:
        """What is known of an object without reading it.

        Raises:
            MissingObject: It is not there.
        """
        return self._reader.entry(digest).info

    def objects(self, kind: Kind | None = None) -> Iterator[ObjectInfo]:
        """All objects, or those of a kind, in the order of their digests."""
        return (entry.info for entry in self._index.entries(kind))

    def matching(self, prefix: str, kind: Kind | None = None, limit: int = 16) -> list[Digest]:
        """The first ``limit`` objects whose digest in hex begins with ``prefix``, in order."""
        return self._index.matching(prefix.lower(), kind, limit)

    def read(self, digest: Digest, *, verify: bool = True) -> memoryview:
        """An object's bytes, read-only: of the mapped file, without a copy, if it is stored as it is.

        They are verified once for as long as the store is open.

        Raises:
            MissingObject: It, or what it stands on, is not there.
            DamagedStore: Its bytes are not what its name says, or cannot be decoded.
        """
        data = self._reader.read(digest, self._workers)
        if verify and digest not in self._verified:
            check(self.info(digest), data)
            self._verified.add(digest)
        return data

    def stream(self, digest: Digest, sink: BinaryIO) -> None:
        """Write an object's bytes to ``sink`` in bounded memory, verified when they have all been written.

        Raises:
            MissingObject, DamagedStore: As for ``read``; then ``sink`` has got bytes that are wrong.
        """
        hasher = object_hasher(self.info(digest).description)
        for _, piece in self.pieces([digest]):
            hasher.update(piece)
            sink.write(piece)
        if hasher.digest() != digest:
            raise DamagedStore("its bytes are not what its name says", path=f"object {digest.hex()[:16]}")

    def pieces(self, digests: Iterable[Digest]) -> Iterator[tuple[int, memoryview]]:
        """The bytes of several objects, one after the other: (number of the object, piece). Not verified."""
        return self._reader.pieces(digests, self._workers)

    def stored(self, digest: Digest) -> StoredForm:
        """An object as it is stored, with the name of its base: what travels between stores.

        Raises:
            MissingObject: It is not there. DamagedStore: Its file is missing or was cut short.
        """
        entry, payload = self._reader.payload(digest)
        info = entry.info
        return StoredForm(
            digest, info.description, info.length, info.form, info.base, payload, info.depth, entry.crc
        )

    def writer(self, lease: Lease | None = None) -> "Writer":
        """Begin a transaction. Several may be under way, in this and in other processes.

        What it puts is safe from a collection until it ends; with a ``lease``, until that is released.

        Raises:
            WrongCall: The store was opened to be read only.
            StorageFailure: The folder cannot be written to.
        """
        # Who only reads needs no coder, nor NumPy.
        from sapwood.store.writer import Writer  # noqa: PLC0415

        self._check_writable()
        return Writer(self.root, self._index, self._places, self.settings, threads=self.threads, lease=lease)

    def lease(self) -> Lease:
        """Keep what a writer puts from being collected until it is released: once a ref names it."""
        self._check_writable()
        return Lease(self.root / "leases")

    def _check_writable(self) -> None:
        if self.read_only:
            raise WrongCall("the store was opened to be read only", path=str(self.root))

    def fsck(self) -> Iterator["Damage"]:
        """Look at every byte and name what is damaged, and what stands on it; nothing told: all is in order.

        Raises:
            DamagedStore: The index cannot be read at all; ``rebuild`` makes it anew.
        """
        from sapwood.store.check import check_store  # noqa: PLC0415

        # What it reads must come from the files, not from what was read before.
        reader = Reader(self._index.entry, Places(self.root))
        return check_store(self.root, self._index, reader, self._workers)

    def gc(
        self, roots: "Roots", references: "References", *, grace: int | None = None, dry_run: bool = False
    ) -> "Collected":
        """Forget objects that nothing leads to; safe beside writers of any process.

        Args:
            roots: The objects that refs name now; asked twice.
            references: The objects that a TREE, COMMIT or TAG names.
            grace: Seconds for which objects are kept though nothing leads to them; two weeks by default.
            dry_run: Only tell what would go.

        Raises:
            DamagedStore, BadData: An object that names others cannot be read: nothing is forgotten.
        """
        from sapwood.store.collect import GRACE, collect  # noqa: PLC0415

        if not dry_run:
            self._check_writable()
        days = GRACE if grace is None else grace
        told = collect(self.root, self._index, self.read, roots, references, grace=days, dry_run=dry_run)
        self._reader.forget()
        return told

    def repack(self, *, dead: float = 0.25) -> "Repacked":
        """Write packs anew of which at least the share ``dead`` was forgotten; others and busy ones stay.

        Raises:
            DamagedStore: An object in such a pack is damaged. StorageFailure, DiskFull: Nothing is lost.
        """
        from sapwood.store.repack import repack  # noqa: PLC0415

        self._check_writable()
        reader = Reader(self._index.entry, Places(self.root))
        told = repack(self.root, self._index, reader, dead=dead, most=self.settings.pack)
        self._reader.forget()
        return told

    @staticmethod
    def rebuild(path: PathLike) -> int:
        """Make the index of a store anew from its packs; returns the number of objects found.

        No other process may have the store open. Objects that a collection forgot may come back.

        Raises:
            StorageFailure: A writer is at work, or the file system failed: the old index stays.
        """
        from sapwood.store.rebuild import rebuild_index  # noqa: PLC0415

        return rebuild_index(Path(path).absolute())

    @property
    def settings(self) -> "Settings":
        """How objects are stored."""
        from sapwood.store.settings import read_settings  # noqa: PLC0415  it brings the codec

        return read_settings(self._index)

    def configure(self, name: str, value: str) -> "Settings":
        """Change a setting; objects that are there already stay as they are.

        Raises:
            WrongCall: There is no such setting, or it takes no such value.
        """
        from sapwood.store.settings import change  # noqa: PLC0415

        self._check_writable()
        return change(self._index, name, value)
