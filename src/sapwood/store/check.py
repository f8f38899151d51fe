"""Fsck: every byte of a store looked at, and what is damaged named, with what stands on it."""

import dataclasses
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sapwood.errors import DamagedStore, MissingInput, SapwoodError, StorageFailure
from sapwood.patch.workers import Workers
from sapwood.store.index import FILE_NAME, Entry, Index
from sapwood.store.kinds import Digest, object_hasher
from sapwood.store.reading import Reader
from sapwood.store.record import Record
from sapwood.store.scan import Found, record_of, scan, sealed_entries

__all__ = ["Damage", "check_store"]


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
    for entry in sorted(entries.values(), key=lambda one: (one.info.depth, one.info.place, one.info.offset)):
        info = entry.info
        if info.digest in lost:
            continue
        fault = _object_damage(entry, reader, workers)
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


def _object_damage(entry: Entry, reader: Reader, workers: Workers) -> str | None:
    """What is wrong with an object whose base is in order."""
    info = entry.info
    try:
        _, payload = reader.payload(info.digest)
        if zlib.crc32(payload) != entry.crc:
            return "its stored bytes are damaged"
        hasher = object_hasher(info.description)
        for _, piece in reader.pieces([info.digest], workers):
            hasher.update(piece)
    except SapwoodError as error:
        return error.message
    return None if hasher.digest() == info.digest else "its bytes are not what its name says"
