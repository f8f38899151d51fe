"""One transaction: objects go in, and count together once all of them are on the disk.

Order of events: the objects' names are pinned against collection; their bytes go to a pack that this writer
has locked, or to files of their own; those are sealed and flushed; then one transaction of the index says
where they are. A process that is killed before that leaves bytes that nobody knows of: the next writer of the
pack cuts them off, and a collection removes the files.
"""

import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sapwood.codec.block import Block
from sapwood.errors import DigestMismatch, LimitExceeded, MissingObject, WrongCall
from sapwood.patch.workers import Workers
from sapwood.store.body import Body
from sapwood.store.coder import Coder, Put, Task
from sapwood.store.index import Entry, Index
from sapwood.store.kinds import (
    MOST_DEPTH,
    Description,
    Digest,
    Form,
    Kind,
    ObjectInfo,
    StoredForm,
    object_digest,
    object_hasher,
)
from sapwood.store.leases import Lease
from sapwood.store.own_file import OwnFile
from sapwood.store.pack import OpenPack
from sapwood.store.packs import open_pack
from sapwood.store.places import Places
from sapwood.store.reading import Reader, check, stored_pieces
from sapwood.store.record import ALIGNMENT, PACK_MAGIC, Record, payload_start
from sapwood.store.settings import Settings
from sapwood.store.shared_pages import shares_pages

__all__ = ["Put", "Writer"]

R = TypeVar("R")
# Bytes of the largest element: an array must begin at a multiple of its own.
_ELEMENT: Final = 8


class Writer:
    """Use it as a context manager: what was put is acknowledged when the block ends without an error.

    Of one thread; it codes on several. Objects can be read through ``reader`` before they are acknowledged.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        places: Places,
        settings: Settings,
        *,
        threads: int,
        lease: Lease | None = None,
    ) -> None:
        """``lease`` is the caller's to release; without one, the writer takes its own."""
        self.root = root
        self._index = index
        self._settings = settings
        self._workers = Workers(threads)
        self._lease = lease or Lease(root / "leases")
        self._owns_lease = lease is None
        self._pending: dict[Digest, Entry] = {}
        self._again: set[Digest] = set()
        self._pack: OpenPack | None = None
        # Files made, and of those the finished ones with their sizes.
        self._made: list[OwnFile] = []
        self._own: list[tuple[OwnFile, int]] = []
        self._name = secrets.token_hex(4)
        self._file_numbers = itertools.count()
        self._in_doubt = False
        self._done = False
        self.reader = Reader(self._entry, places)
        self._coder = Coder(settings, self.reader, self._entry, self._lease.pin, self._new_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.close()

    def _entry(self, digest: Digest) -> Entry | None:
        return self._pending.get(digest) or self._index.entry(digest)

    def __contains__(self, digest: Digest) -> bool:
        return self._entry(digest) is not None

    def put(
        self,
        kind: Kind,
        data: Any,
        *,
        dtype: str = "",
        shape: tuple[int, ...] = (),
        base: Digest | None = None,
    ) -> Digest:
        """Put one object and return its name. With a ``base`` it becomes a delta if that pays.

        Raises:
            WrongCall: It is not described as its kind asks, or the writer has ended.
            StorageFailure, DiskFull: The disk failed; nothing of this writer will count.
        """
        view = memoryview(data)
        if not view.c_contiguous:
            raise WrongCall("an object's bytes must be in one row")
        one = Put(
            Description(kind, dtype, tuple(shape)), view.cast("B") if view.nbytes else memoryview(b""), base
        )
        return self.put_all([one])[0]

    def put_all(self, puts: Iterable[Put], done: Callable[[int], None] | None = None) -> list[Digest]:
        """Put several objects, coded beside each other; returns their names in order. Fails as ``put``.

        ``done`` is called with bytes that are dealt with since it was called last.
        """
        if self._done:
            raise WrongCall("the writer has ended")
        names: list[Digest] = []
        coming: set[Digest] = set()
        tell = done or (lambda _bytes: None)

        def work() -> Iterator[tuple[Task, int]]:
            for put in puts:
                digest = object_digest(put.description, put.data)
                names.append(digest)
                if digest in coming or self._is_there(digest):
                    tell(len(put.data))
                    continue
                coming.add(digest)
                task = self._coder.task(put, digest)
                if not task.parts:
                    self._store(task)
                    tell(len(put.data))
                for number in range(len(task.parts)):
                    yield task, number

        for task, number, block in self._workers.map(self._coder.code, work()):
            self._collect(task, number, block)
            tell(block.length)
        return names

    def _is_there(self, digest: Digest) -> bool:
        """Whether an object is there already, and stays."""
        if digest in self._pending:
            return True
        self._lease.pin([digest])
        if self._index.entry(digest) is None:
            return False
        self._again.add(digest)
        return True

    def _collect(self, task: Task, number: int, block: Block) -> None:
        task.add(block)
        if number < len(task.parts) - 1:
            return
        if self._coder.is_poor(task):
            task.body.drop()
            task = self._coder.task(task.put, task.digest, alone=True)
            for _, _, again in self._workers.map(
                self._coder.code, ((task, n) for n in range(len(task.parts)))
            ):
                task.add(again)
        self._store(task)

    def _store(self, task: Task) -> None:
        phase = self._phase(task.put.at)
        form = self._coder.settle(task, phase)
        base = task.base.info if task.base is not None and form is Form.DELTA else None
        self._keep(
            task.put.description,
            len(task.put.data),
            task.digest,
            form=form,
            base=base,
            body=task.body,
            phase=phase,
        )

    def _phase(self, at: int) -> int:
        """Where in a page an object's bytes begin: as in their file if files can share pages, else at 0."""
        phase = at % ALIGNMENT
        return phase if phase and phase % _ELEMENT == 0 and self._shares_pages else 0

    @cached_property
    def _shares_pages(self) -> bool:
        return shares_pages(self.root / "packs")

    def _keep(
        self,
        description: Description,
        length: int,
        digest: Digest,
        *,
        form: Form,
        base: ObjectInfo | None,
        body: Body,
        phase: int = 0,
    ) -> None:
        depth, against = (0, None) if base is None else (base.depth + 1, base.digest)
        record = Record(description, length, form, depth, body.size, body.crc, digest, against)
        if body.file is not None:
            self._own.append((body.file, body.file.finish(record)))
            place, offset = f"objects/{body.file.path.name}", body.file.offset
        else:
            if self._pack is None or self._pack.end >= self._settings.pack:
                self._next_pack()
            assert self._pack is not None  # noqa: S101  it was just opened
            offset = self._pack.append(record, body.pieces, phase)
            place = f"packs/{self._pack.path.name}"
        info = ObjectInfo(digest, description, length, form, body.size, against, depth, place, offset)
        self._pending[digest] = Entry(info, body.crc, 0)

    def _next_pack(self) -> None:
        if self._pack is not None:
            # Full: what it holds counts from here on, together with all before.
            self.flush()
            self._pack.close()
        self._pack = open_pack(self.root, self._index, self._settings.pack)

    def _new_file(self, start: int) -> OwnFile:
        # A lease's name comes first, so that a collection sees whose file it is.
        name = f"{self._lease.name}-{self._name}{next(self._file_numbers):06}.object"
        self._made.append(OwnFile(self.root / "objects" / name, start))
        return self._made[-1]

    def beside(self, work: Callable[[], R]) -> "Future[R]":
        """Work done on one of its threads."""
        return self._workers.begin(work)

    def read(self, digest: Digest) -> memoryview:
        """An object that is there or was just put, verified.

        Raises:
            MissingObject: It is not there. DamagedStore: It is damaged.
        """
        data = self.reader.read(digest, self._workers)
        check(self.reader.entry(digest).info, data)
        return data

    def put_stored(self, form: StoredForm, at: int = 0) -> None:
        """Put an object as another store has it; its base must be there. Verified before it counts.

        ``at`` is its offset in the file that it is of.

        Raises:
            MissingObject: Its base is not there.
            LimitExceeded: It stands on too many deltas.
            DamagedStore: Its blocks are damaged. DigestMismatch: They make other bytes than its name says.
        """
        if self._done:
            raise WrongCall("the writer has ended")
        if self._is_there(form.digest):
            return
        base = None
        if form.base is not None:
            self._lease.pin([form.base])
            base = self._entry(form.base)
            if base is None:
                raise MissingObject("the base of an object is not in the store", found=form.base)
            if base.info.depth >= MOST_DEPTH:
                raise LimitExceeded("an object stands on too many deltas", expected=MOST_DEPTH)
        hasher = object_hasher(form.description)
        size = 0 if base is None else base.info.length
        for piece in stored_pieces(form, size, self._coder.reads(base), self._workers):
            hasher.update(piece)
        if hasher.digest() != form.digest:
            raise DigestMismatch("an object is not what its name says", found=form.digest)
        body = self._coder.body()
        phase = self._phase(at)
        if form.form is Form.RAW:
            body.start = payload_start(form.description, len(PACK_MAGIC), phase)
        body.add([form.payload])
        self._keep(
            form.description,
            form.length,
            form.digest,
            form=form.form,
            base=None if base is None else base.info,
            body=body,
            phase=phase,
        )

    def flush(self) -> None:
        """Acknowledge what was put so far: it is on the disk when this returns.

        Raises:
            StorageFailure, DiskFull: The disk failed, or the index did; nothing since the last time counts.
        """
        if self._done:
            raise WrongCall("the writer has ended")
        if not (self._pending or self._again):
            return
        files: list[tuple[str, int]] = [(f"objects/{file.path.name}", size) for file, size in self._own]
        if self._pack is not None:
            files.append((f"packs/{self._pack.path.name}", self._pack.seal()))
        now = int(time.time())
        entries = [entry._replace(added=now) for entry in self._pending.values()]
        # If this fails, what is on the disk may yet prove to be acknowledged: it must stay.
        self._in_doubt = True
        self._index.add(files, entries, sorted(self._again), now)
        self._in_doubt = False
        if self._pack is not None:
            self._pack.acknowledge()
        self._made.clear()
        self._own.clear()
        self._pending.clear()
        self._again.clear()

    def commit(self) -> None:
        """Acknowledge everything and end."""
        self.flush()
        self.close()

    def close(self) -> None:
        """End; what was not acknowledged is given up."""
        if self._done:
            return
        self._done = True
        self._workers.__exit__(None, None, None)
        for file in () if self._in_doubt else self._made:
            file.remove()
        if self._pack is not None:
            self._pack.close(cut=not self._in_doubt)
        if self._owns_lease:
            self._lease.release()
