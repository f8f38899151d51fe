"""Fsck: every byte of a store looked at, and what is damaged named, with what stands on it."""

import dataclasses
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from sapwood.errors import DamagedStore, MissingInput, SapwoodError, StorageFailure
from sapwood.patch.workers import Workers
from sapwood.store.index import FILE_NAME, Entry, Index
from sapwood.store.kinds import Digest, StoredForm, object_hasher
from sapwood.store.reading import Reader, check_reach, stored_pieces
from sapwood.store.record import Record
from sapwood.store.scan import Found, record_of, scan, sealed_entries

__all__ = ["Damage", "check_store"]

# Bases up to this size are kept, one for each delta of the chain being looked at.
_KEPT: Final = 16 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it should be.

    Attributes:
        message: What is wrong, as a clause.
        digest: The object that is lost; None if it is a file or the index as a whole, or a head that only
            matters when the index is made anew.
        place: The file, relative to the store's folder.
        offset: Where in it; None if that does not tell.
        dependents: Objects that are lost with it, because they are deltas against it.
    """

    message: str
    digest: Digest | None
    place: str
    offset: int | None = None
    dependents: tuple[Digest, ...] = ()


def check_store(root: Path, index: Index, reader: Reader, workers: Workers) -> Iterator[Damage]:
    """Look at everything; what is in order is not told. Each lost object is told once, if only as dependent.

    Objects that are forgotten or moved meanwhile are no damage.
    """
    try:
        faults = index.faults()
        entries = {entry.info.digest: entry for entry in index.entries()}
    except DamagedStore as error:
        faults, entries = [error.message], {}
    for message in faults:
        yield Damage(f"the index is damaged: {message}", None, FILE_NAME)
    on_base: dict[Digest, list[Digest]] = defaultdict(list)
    for digest, entry in entries.items():
        if entry.info.base is not None:
            on_base[entry.info.base].append(digest)
    lost: set[Digest] = set()
    for base in sorted(base for base in on_base if base not in entries):
        dependents = _dependents(base, on_base)
        lost.update(dependents)
        yield Damage("the base of deltas is missing", base, FILE_NAME, None, dependents)
    packs = _Packs(root)
    contents = _Contents(reader, workers)
    for level, entry in _in_chains(entries, on_base):
        info = entry.info
        if info.digest in lost:
            continue
        fault = contents.damage(level, entry, keep=info.digest in on_base)
        if fault is None and packs.agree(entry):
            continue
        now = index.entry(info.digest)
        if now is None or now.info != info:
            continue
        if fault is None:
            message = "the head of its record is damaged: only the index knows of it"
            yield Damage(message, None, info.place, info.offset)
            continue
        if packs.know(info.digest, info.place):
            fault = f"the index tells wrongly of it ({fault}): make the index anew"
        dependents = tuple(d for d in _dependents(info.digest, on_base) if d not in lost)
        lost.update((info.digest, *dependents))
        yield Damage(fault, info.digest, info.place, info.offset, dependents)


class _Packs:
    """What packs say of themselves, read once each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._records: dict[str, dict[int, Record]] = {}
        self._sound: dict[str, set[Digest]] = {}

    def _of(self, place: str) -> dict[int, Record]:
        if place not in self._records:
            try:
                self._records[place] = {
                    found.payload: found.record
                    for found in scan(self._root / place, beyond=True)
                    if isinstance(found, Found) and isinstance(found.record, Record)
                }
            except MissingInput:
                return {}
        return self._records[place]

    def agree(self, entry: Entry) -> bool:
        """Whether the pack tells of an object what the index does, so that an index can be made anew."""
        return self._of(entry.info.place).get(entry.info.offset) == record_of(entry)

    def know(self, digest: Digest, place: str) -> bool:
        """Whether the pack has a sound record of an object, wherever."""
        if place not in self._sound:
            try:
                entries, _ = sealed_entries(self._root / place, place, None, beyond=True)
            except (MissingInput, StorageFailure):
                entries = []
            self._sound[place] = {entry.info.digest for entry in entries}
        return digest in self._sound[place]


def _dependents(digest: Digest, on_base: dict[Digest, list[Digest]]) -> tuple[Digest, ...]:
    found: dict[Digest, None] = {}
    waiting = [digest]
    while waiting:
        for other in on_base.get(waiting.pop(), ()):
            if other not in found:
                found[other] = None
                waiting.append(other)
    return tuple(sorted(found))


def _in_chains(
    entries: Mapping[Digest, Entry], on_base: Mapping[Digest, list[Digest]]
) -> Iterator[tuple[int, Entry]]:
    """Every object, each base right before what stands on it, and how many bases came before it in a row."""

    def ordered(found: Iterable[Entry]) -> list[Entry]:
        return sorted(found, key=lambda one: (one.info.place, one.info.offset), reverse=True)

    left = dict(entries)
    waiting = [(0, one) for one in ordered(one for one in left.values() if one.info.base not in entries)]
    while waiting:
        level, entry = waiting.pop()
        del left[entry.info.digest]
        yield level, entry
        above = (entries[digest] for digest in on_base.get(entry.info.digest, ()))
        waiting += [(level + 1, one) for one in ordered(above)]
    # What a damaged index has stand on itself.
    for entry in left.values():
        yield 0, entry


class _Contents:
    """Looks at objects in the order of their chains; the bases on the way are kept, and decoded once."""

    def __init__(self, reader: Reader, workers: Workers) -> None:
        self._reader = reader
        self._workers = workers
        self._path: list[tuple[Digest, memoryview | None]] = []

    def damage(self, level: int, entry: Entry, *, keep: bool) -> str | None:
        """What is wrong with an object whose base is in order."""
        info = entry.info
        del self._path[level:]
        keep = keep and info.length <= _KEPT and level == len(self._path)
        try:
            _, payload = self._reader.payload(info.digest)
            if zlib.crc32(payload) != entry.crc:
                return "its stored bytes are damaged"
            hasher = object_hasher(info.description)
            pieces = []
            for piece in self._pieces(entry, payload):
                hasher.update(piece)
                if keep:
                    pieces.append(piece)
        except SapwoodError as error:
            return error.message
        if level == len(self._path):
            self._path.append((info.digest, memoryview(b"".join(pieces)) if keep else None))
        return None if hasher.digest() == info.digest else "its bytes are not what its name says"

    def _pieces(self, entry: Entry, payload: memoryview) -> Iterator[memoryview]:
        info = entry.info
        digest, base = self._path[-1] if self._path else (None, None)
        if info.base is None or digest != info.base or base is None:
            return (piece for _, piece in self._reader.pieces([info.digest], self._workers))
        form = StoredForm(info.digest, info.description, info.length, info.form, info.base, payload)
        return stored_pieces(form, len(base), partial(_part, base), self._workers)


def _part(base: memoryview, offset: int, length: int) -> memoryview:
    check_reach(offset, length, len(base))
    return base[offset : offset + length]
