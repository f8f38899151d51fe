"""How an object is stored: whole or as a delta, against what, and whether coding is worth it."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Final

from sapwood.codec.block import Block
from sapwood.codec.decode import BaseReader
from sapwood.patch.workers import Workers
from sapwood.store.block_row import needs_base, record_head
from sapwood.store.body import Body
from sapwood.store.encoding import encode, is_opaque, parts
from sapwood.store.index import Entry
from sapwood.store.kinds import Description, Digest, Form, Kind, ObjectInfo
from sapwood.store.opaque_parts import opaque_parts
from sapwood.store.own_file import OwnFile
from sapwood.store.part import Part
from sapwood.store.reading import Reader
from sapwood.store.record import PACK_MAGIC, payload_start
from sapwood.store.settings import Settings

__all__ = ["Coder", "Put", "Task"]

# A whole object is kept as it is unless coding saves one byte in so many.
_WORTH: Final = 20
# Where whole objects are not coded, a delta must save a fifth to be worth the decoding.
_DELTA_WORTH: Final = 5
# Shorter trees, commits and tags stay as they are: whoever lists a history then decodes nothing.
_LEAST_CODED: Final = 1024
_HISTORY: Final = (Kind.TREE, Kind.COMMIT, Kind.TAG)
# A chain that begins anew does so with a whole object if a delta against its root takes this share of that.
_NEW_ROOT: Final = 0.5
# A coded base is decoded as a whole to be searched up to this many bytes.
_MOST_SEARCHED: Final = 512 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Put:
    """An object to be put.

    Attributes:
        description: What it is.
        data: Its bytes, which must not change until it is put.
        base: An object that it may be like.
        at: Its offset in the file that it is of; 0 if it is of none.
    """

    description: Description
    data: memoryview
    base: Digest | None = None
    at: int = 0


@dataclasses.dataclass(slots=True)
class Task:
    """An object being coded, block by block.

    Attributes:
        put: The object.
        digest: Its name.
        base: What it is compared with; None to code it alone.
        parts: What its blocks are made from; none if it stays as it is.
        body: Stored bytes so far.
        at_root: Whether the base stands in for one at the end of its chain.
        reads_base: Whether any block so far needs the base.
    """

    put: Put
    digest: Digest
    base: Entry | None
    parts: list[Part]
    body: Body
    at_root: bool = False
    reads_base: bool = False

    def add(self, block: Block) -> None:
        """The next block is made."""
        self.reads_base |= needs_base(block)
        self.body.add([record_head(block), block.payload])


class Coder:
    """Makes tasks of objects, and blocks of tasks; the latter on any thread."""

    def __init__(
        self,
        settings: Settings,
        reader: Reader,
        entry: Callable[[Digest], Entry | None],
        pin: Callable[[Iterable[Digest]], None],
        new_file: Callable[[int], OwnFile],
    ) -> None:
        """``pin`` keeps bases from being collected; ``new_file`` makes files for large objects."""
        self._settings = settings
        self._reader = reader
        self._entry = entry
        self._pin = pin
        self._new_file = new_file

    def body(self) -> Body:
        """Where an object's stored bytes go."""
        return Body(self._settings.own_file, self._new_file)

    def task(self, put: Put, digest: Digest, *, alone: bool = False) -> Task:
        """What is to be coded of an object; ``alone``: without its base."""
        base, at_root = None, False
        if put.base is not None and not alone:
            base, at_root = self._base(put.base, put.description.kind)
        return Task(put, digest, base, self._parts(put, base), self.body(), at_root)

    def _base(self, digest: Digest, kind: Kind) -> tuple[Entry | None, bool]:
        """The base, or, where its chain is long enough, what that stands on in the end."""
        self._pin([digest])
        entry = self._entry(digest)
        if entry is None or entry.info.kind is not kind or self._settings.depth == 0:
            return None, False
        if entry.info.depth < self._settings.depth:
            return entry, False
        while entry.info.base is not None:
            entry = self._reader.entry(entry.info.base)
        self._pin([entry.info.digest])
        return entry, True

    def _parts(self, put: Put, base: Entry | None) -> list[Part]:
        length = len(put.data)
        if put.description.kind in _HISTORY and length < _LEAST_CODED:
            return []
        if base is None and self._stays_whole(put):
            return []
        if is_opaque(put.description, length, like=base is not None):
            return opaque_parts(put.data, None if base is None else self._all_of(base.info))
        if base is None:
            return list(parts(put.description, length))
        return list(parts(put.description, length, base.info.description, base.info.length))

    def _stays_whole(self, put: Put) -> bool:
        return not self._settings.compress and put.description.kind in (Kind.TENSOR, Kind.GLUE)

    def _all_of(self, info: ObjectInfo) -> memoryview | None:
        """All of a base that is searched for known bytes; None if that would take too much memory."""
        if info.form is not Form.RAW and info.length > _MOST_SEARCHED:
            return None
        return self._reader.read(info.digest, Workers(1))

    def code(self, job: tuple[Task, int]) -> tuple[Task, int, Block]:
        """A task and the number of one of its parts -> these and the block."""
        task, number = job
        part = task.parts[number]
        target = task.put.data[part.start : part.start + part.length]
        size = 0 if task.base is None else task.base.info.length
        return task, number, encode(part, target, size, self.reads(task.base), self._settings.level)

    def reads(self, base: Entry | None) -> BaseReader:
        """Bytes of a base by offset and length."""
        digest = b"" if base is None else base.info.digest
        return lambda offset, length: self._reader.span(digest, offset, length)

    def is_poor(self, task: Task) -> bool:
        """Whether a finished task should be coded again alone: its chain needs a new root."""
        return (
            task.at_root
            and task.reads_base
            and task.base is not None
            and task.body.size > _NEW_ROOT * task.base.info.stored
        )

    def settle(self, task: Task, phase: int) -> Form:
        """Every block is made: keep them, or the bytes as they are, which then are in the task's body.

        In a file of their own these begin ``phase`` bytes behind a page's beginning.
        """
        is_delta = task.reads_base
        length = len(task.put.data)
        worth = _WORTH if not is_delta or self._settings.compress else _DELTA_WORTH
        pays = bool(task.parts) and task.body.size <= length - length // worth - 1
        if pays and not (self._stays_whole(task.put) and not is_delta):
            return Form.DELTA if is_delta else Form.CODED
        task.body.drop()
        task.body.start = payload_start(task.put.description, len(PACK_MAGIC), phase)
        task.body.add([task.put.data])
        return Form.RAW
