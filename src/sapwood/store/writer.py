"""One transaction: objects go in, and count together once all of them are on the disk.

Order of events: the objects' names are pinned against collection; their bytes go to a pack that this writer
has locked, or to files of their own; those are sealed and flushed; then one transaction of the index says
where they are. A process that is killed before that leaves bytes that nobody knows of: the next writer of the
pack cuts them off, and a collection removes the files.
"""

import dataclasses
import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sapwood.codec.block import Block
from sapwood.errors import DigestMismatch, MissingObject, WrongCall
from sapwood.patch.workers import Workers
from sapwood.store.block_row import BlockRow, decode, needs_base, record_head
from sapwood.store.body import Body
from sapwood.store.encoding import Part, encode, parts
from sapwood.store.index import Entry, Index
from sapwood.store.kinds import Description, Digest, Form, Kind, ObjectInfo, StoredForm, object_digest
from sapwood.store.leases import Lease
from sapwood.store.own_file import OwnFile
from sapwood.store.pack import OpenPack
from sapwood.store.packs import open_pack
from sapwood.store.places import Places
from sapwood.store.reading import Reader, check
from sapwood.store.record import Record
from sapwood.store.settings import Settings

__all__ = ["Put", "Writer"]

R = TypeVar("R")

# A whole object is kept as it is unless coding saves one byte in so many.
_WORTH: Final = 20
# Where whole objects are not coded, a delta must save a fifth to be worth the decoding.
_DELTA_WORTH: Final = 5


@dataclasses.dataclass(frozen=True, slots=True)
class Put:
    """An object to be put.

    Attributes:
        description: What it is.
        data: Its bytes, which must not change until it is put.
        base: An object that it may be like.
    """

    description: Description
    data: memoryview
    base: Digest | None = None


@dataclasses.dataclass(slots=True)
class _Task:
    """An object being coded, block by block."""

    put: Put
    digest: Digest
    base: Entry | None
    parts: list[Part]
    body: Body
    used_base: bool = False


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
        self._root = root
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

    def put_all(self, puts: Iterable[Put]) -> list[Digest]:
        """Put several objects, coded beside each other; returns their names in order. Fails as ``put``."""
        if self._done:
            raise WrongCall("the writer has ended")
        names: list[Digest] = []
        coming: set[Digest] = set()

        def work() -> Iterator[tuple[_Task, int]]:
            for put in puts:
                digest = object_digest(put.description, put.data)
                names.append(digest)
                if digest in coming or self._is_there(digest):
                    continue
                coming.add(digest)
                task = self._task(put, digest)
                if not task.parts:
                    self._store(task)
                for number in range(len(task.parts)):
                    yield task, number

        for task, number, block in self._workers.map(self._code, work()):
            self._collect(task, number, block)
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

    def _task(self, put: Put, digest: Digest) -> _Task:
        base = None if put.base is None else self._usable_base(put.base)
        described = None if base is None else base.info.description
        row = [*parts(put.description, len(put.data), described, 0 if base is None else base.info.length)]
        if base is None and not self._settings.compress and put.description.kind is Kind.TENSOR:
            row = []
        return _Task(put, digest, base, row, Body(self._settings.own_file, self._new_file))

    def _usable_base(self, digest: Digest) -> Entry | None:
        """The base, or, where the chain is long enough, what it stands on in the end."""
        self._lease.pin([digest])
        entry = self._entry(digest)
        if entry is None or self._settings.depth == 0:
            return None
        if entry.info.depth >= self._settings.depth:
            while entry.info.base is not None:
                entry = self.reader.entry(entry.info.base)
            self._lease.pin([entry.info.digest])
        return entry

    def _code(self, job: tuple[_Task, int]) -> tuple[_Task, int, Block]:
        task, number = job
        part = task.parts[number]
        target = task.put.data[part.start : part.start + part.length]
        if task.base is None or part.base is None:
            return task, number, encode(part, target, None, 0, self._settings.level)
        info = task.base.info
        length = info.length if part.element is None else part.base_length
        base = self.reader.span(info.digest, part.base, length)
        return task, number, encode(part, target, base, info.length, self._settings.level)

    def _collect(self, task: _Task, number: int, block: Block) -> None:
        task.used_base |= needs_base(block)
        task.body.add([record_head(block), block.payload])
        if number == len(task.parts) - 1:
            self._store(task)

    def _store(self, task: _Task) -> None:
        """Every block is made: keep them, or the bytes as they are."""
        put, info = task.put, task.base.info if task.base is not None and task.used_base else None
        length = len(put.data)
        worth = _WORTH if info is None or self._settings.compress else _DELTA_WORTH
        pays = bool(task.parts) and task.body.size <= length - length // worth - 1
        if info is None and put.description.kind is Kind.TENSOR and not self._settings.compress:
            pays = False
        if not pays:
            task.body.drop()
            task.body.add([put.data])
            info = None
        form = Form.RAW if not pays else Form.CODED if info is None else Form.DELTA
        self._keep(
            put.description,
            length,
            task.digest,
            form=form,
            base=None if info is None else info.digest,
            depth=0 if info is None else info.depth + 1,
            body=task.body,
        )

    def _keep(
        self,
        description: Description,
        length: int,
        digest: Digest,
        *,
        form: Form,
        base: Digest | None,
        depth: int,
        body: Body,
    ) -> None:
        record = Record(description, length, form, depth, body.size, body.crc, digest, base)
        if body.file is not None:
            self._own.append((body.file, body.file.finish(record)))
            place, offset = f"objects/{body.file.path.name}", body.file.offset
        else:
            if self._pack is None or self._pack.end >= self._settings.pack:
                self._next_pack()
            assert self._pack is not None  # noqa: S101  it was just opened
            offset = self._pack.append(record, body.pieces)
            place = f"packs/{self._pack.path.name}"
        info = ObjectInfo(digest, description, length, form, body.size, base, depth, place, offset)
        self._pending[digest] = Entry(info, body.crc, 0)

    def _next_pack(self) -> None:
        if self._pack is not None:
            # Full: what it holds counts from here on, together with all before.
            self.flush()
            self._pack.close()
        self._pack = open_pack(self._root, self._index, self._settings.pack)

    def _new_file(self) -> OwnFile:
        # A lease's name comes first, so that a collection sees whose file it is.
        name = f"{self._lease.name}-{self._name}{next(self._file_numbers):06}.object"
        self._made.append(OwnFile(self._root / "objects" / name))
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

    def put_stored(self, form: StoredForm) -> None:
        """Put an object as another store has it; its base must be there. Verified before it counts.

        Raises:
            MissingObject: Its base is not there.
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
        data = self._decoded(form, base)
        if object_digest(form.description, data) != form.digest:
            raise DigestMismatch("an object is not what its name says", found=form.digest)
        body = Body(self._settings.own_file, self._new_file)
        body.add([form.payload])
        self._keep(
            form.description,
            form.length,
            form.digest,
            form=form.form,
            base=form.base,
            depth=0 if base is None else base.info.depth + 1,
            body=body,
        )

    def _decoded(self, form: StoredForm, base: Entry | None) -> memoryview:
        if form.form is Form.RAW:
            return form.payload
        row = BlockRow(form.payload, form.length, None if base is None else base.info.length)
        out = memoryview(bytearray(form.length))

        def one(number: int) -> None:
            room = out[row.starts[number] : row.starts[number + 1]]
            decode(row.blocks[number], row.base_size, self._span_of(base), room)

        for _ in self._workers.map(one, range(len(row.blocks))):
            pass
        return out

    def _span_of(self, base: Entry | None) -> Any:
        digest = b"" if base is None else base.info.digest
        return lambda offset, length: self.reader.span(digest, offset, length)

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
        entries = [dataclasses.replace(entry, added=now) for entry in self._pending.values()]
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
