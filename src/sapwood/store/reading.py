"""Objects read back: whole ones from the map, others decoded through the deltas they stand on."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from sapwood.errors import DamagedStore, MissingObject, SapwoodError
from sapwood.patch.workers import Workers
from sapwood.store.index import Entry
from sapwood.store.kinds import MOST_DEPTH, Digest, Form, ObjectInfo, StoredForm, object_digest
from sapwood.store.places import Places
from sapwood.store.recent import Recent

if TYPE_CHECKING:
    from sapwood.codec.block import Block
    from sapwood.codec.decode import BaseReader
    from sapwood.store.block_row import BlockRow

    Source = memoryview | BlockRow

__all__ = ["Reader", "about", "check", "check_reach", "stored_pieces"]

# Rows of blocks that are kept parsed; one takes some 300 bytes a MiB of its object.
_ROWS: Final = 512
# Decoded blocks of bases that are kept, of at most 1 MiB each: neighbours may want other parts of them.
_BLOCKS: Final = 16
# A whole object as it is comes in steps of this many bytes.
_STEP: Final = 8 << 20


class Reader:
    """Reads objects by their digests; safe for many threads."""

    def __init__(self, entry: Callable[[Digest], Entry | None], places: Places) -> None:
        """``entry`` finds an object, ``places`` holds the files."""
        self._entry = entry
        self._places = places
        self._sources: Recent[Digest, tuple[Entry, Source]] = Recent(_ROWS)
        self._blocks: Recent[tuple[Digest, int], memoryview] = Recent(_BLOCKS)
        # Bytes of each file that were mapped when it was last read.
        self._mapped: dict[str, int] = {}

    def entry(self, digest: Digest) -> Entry:
        """What is known of an object.

        Raises:
            MissingObject: It is not there.
        """
        found = self._entry(digest)
        if found is None:
            raise MissingObject(
                "an object is not in the store", found=digest, advice="Fetch it from a remote that has it."
            )
        return found

    def payload(self, digest: Digest) -> tuple[Entry, memoryview]:
        """An object as it is stored."""
        entry = self.entry(digest)
        for _ in range(2):
            info = entry.info
            try:
                return entry, self._places.view(info.place, info.offset, info.stored)
            except FileNotFoundError:
                # A repack may have moved it since it was looked up.
                again = self.entry(digest)
                if again.info.place == info.place:
                    break
                entry = again
        raise DamagedStore(
            "a file of the store is missing", path=entry.info.place, advice="Run fsck: it names what is lost."
        )

    def _source(self, digest: Digest) -> "tuple[Entry, Source]":
        held = self._sources.get(digest)
        if held is not None:
            return held
        entry, payload = self.payload(digest)
        info = entry.info
        self._drop_smaller_maps(info.place, payload)
        with about(digest):
            if info.form is Form.RAW:
                if info.stored != info.length:
                    raise DamagedStore("bytes are missing", expected=info.length, found=info.stored)
                source: Source = payload
            else:
                # Commits and trees are stored as they are: who reads only these needs no codec.
                from sapwood.store.block_row import BlockRow  # noqa: PLC0415

                base_size = None if info.base is None else self.entry(info.base).info.length
                source = BlockRow(payload, info.length, base_size)
        self._sources.put(digest, (entry, source))
        return entry, source

    def _drop_smaller_maps(self, place: str, payload: memoryview) -> None:
        """Let go of what was read of a pack before it grew: every map of it holds a file descriptor."""
        mapped = memoryview(payload.obj).nbytes
        if self._mapped.get(place, mapped) < mapped:
            self._sources.drop(lambda source: source[0].info.place == place)
        self._mapped[place] = mapped

    def span(self, digest: Digest, offset: int, length: int, depth: int = 0) -> memoryview:
        """Some bytes of an object, not verified; ``depth`` deltas were decoded to come here.

        Raises:
            MissingObject: The object, or what it stands on, is not there.
            DamagedStore: What is stored of it is damaged.
        """
        entry, source = self._source(digest)
        if depth > MOST_DEPTH:
            raise DamagedStore("deltas stand on each other without end", found=digest)
        check_reach(offset, length, entry.info.length)
        if isinstance(source, memoryview):
            return source[offset : offset + length]
        found: list[memoryview] = []
        for number in source.covering(offset, length):
            start = source.starts[number]
            block = self._blocks.get((digest, number))
            if block is None:
                block = self._decoded(entry, source, number, None, depth)
                self._blocks.put((digest, number), block)
            found.append(block[max(offset - start, 0) : offset + length - start])
        return found[0] if len(found) == 1 else memoryview(b"".join(found))

    def _decoded(
        self, entry: Entry, row: "BlockRow", number: int, out: memoryview | None, depth: int
    ) -> memoryview:
        from sapwood.store.block_row import decode  # noqa: PLC0415

        block: Block = row.blocks[number]
        room = memoryview(bytearray(block.length)) if out is None else out
        base = entry.info.base

        def read_base(offset: int, length: int) -> memoryview:
            if base is None:
                raise DamagedStore("an object without a base has blocks that need one")
            return self.span(base, offset, length, depth + 1)

        with about(entry.info.digest):
            decode(block, row.base_size, read_base, room)
        return room

    def read(self, digest: Digest, workers: Workers) -> memoryview:
        """All of an object, not verified: of its map if it is stored as it is, else decoded."""
        entry, source = self._source(digest)
        if isinstance(source, memoryview):
            return source
        if len(source.blocks) == 1:
            return self._decoded(entry, source, 0, None, 0).toreadonly()
        out = memoryview(bytearray(entry.info.length))

        def decoded(number: int) -> None:
            room = out[source.starts[number] : source.starts[number + 1]]
            self._decoded(entry, source, number, room, 0)

        for _ in workers.map(decoded, range(len(source.blocks))):
            pass
        return out.toreadonly()

    def pieces(self, digests: Iterable[Digest], workers: Workers) -> Iterator[tuple[int, memoryview]]:
        """All of several objects, one after the other, in pieces with the number of their object."""

        def steps() -> "Iterator[tuple[int, Entry, Source, int]]":
            for number, digest in enumerate(digests):
                entry, source = self._source(digest)
                count = -(-len(source) // _STEP) if isinstance(source, memoryview) else len(source.blocks)
                for step in range(count):
                    yield number, entry, source, step

        def piece(job: "tuple[int, Entry, Source, int]") -> tuple[int, memoryview]:
            number, entry, source, step = job
            if isinstance(source, memoryview):
                return number, source[step * _STEP : (step + 1) * _STEP]
            return number, self._decoded(entry, source, step, None, 0)

        return workers.map(piece, steps())

    def forget(self) -> None:
        """Look everything up anew: objects may have moved."""
        self._sources.clear()
        self._blocks.clear()
        self._mapped.clear()


@contextlib.contextmanager
def about(digest: Digest) -> Iterator[None]:
    """Errors inside the block tell which object they are about."""
    try:
        yield
    except SapwoodError as error:
        if error.path is None:
            error.path = f"object {digest.hex()[:16]}"
        raise


def check(info: ObjectInfo, data: memoryview) -> None:
    """Refuse bytes that are not what the object's name says.

    Raises:
        DamagedStore: They are not.
    """
    if object_digest(info.description, data) != info.digest:
        raise DamagedStore(
            "its bytes are not what its name says",
            path=f"object {info.digest.hex()[:16]}",
            advice="Run fsck: it names what is damaged. Fetch the object from a remote that has it.",
        )


def check_reach(offset: int, length: int, size: int) -> None:
    """Refuse a span that is not within a base of ``size`` bytes.

    Raises:
        DamagedStore: It is not.
    """
    if not 0 <= offset <= offset + length <= size:
        raise DamagedStore("a delta reaches outside its base", expected=size, found=offset)


def stored_pieces(
    form: StoredForm, base_size: int, read_base: "BaseReader", workers: Workers
) -> Iterator[memoryview]:
    """The bytes of an object that came from elsewhere, in order and not verified.

    Raises:
        DamagedStore: Its blocks are damaged.
    """
    if form.form is Form.RAW:
        yield form.payload
        return
    from sapwood.store.block_row import BlockRow, decode  # noqa: PLC0415

    row = BlockRow(form.payload, form.length, None if form.base is None else base_size)

    def decoded(block: "Block") -> memoryview:
        room = memoryview(bytearray(block.length))
        decode(block, row.base_size, read_base, room)
        return room

    yield from workers.map(decoded, row.blocks)
