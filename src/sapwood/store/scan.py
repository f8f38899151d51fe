"""What a pack says of itself: its records in order, and where it goes on behind a damaged place."""

import dataclasses
import mmap
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sapwood.errors import BadData
from sapwood.store.disk import told
from sapwood.store.index import Entry
from sapwood.store.kinds import ObjectInfo
from sapwood.store.record import MOST_HEAD, PACK_MAGIC, Record, Seal, read_head

__all__ = ["Found", "Gap", "record_of", "scan", "sealed_entries"]

_MAGICS: Final = (b"SwOb", b"SwSe")


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A record at ``at``, whose payload begins at ``payload``; ``end`` is behind it."""

    at: int
    payload: int
    end: int
    record: Record | Seal


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """Bytes from ``at`` to ``end`` that are no records."""

    at: int
    end: int


def scan(path: Path, start: int | None = None, *, beyond: bool) -> Iterator[Found | Gap]:
    """The records of a pack from ``start`` on (None: its first) as far as they are whole.

    With ``beyond`` the search goes on behind what is no record; it then ends with the file.

    Raises:
        MissingInput: There is no such file. StorageFailure: It cannot be read.
    """
    with told(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size == 0:
                return
            data = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    view = memoryview(data)
    at = start or 0
    if start is None:
        if bytes(view[: len(PACK_MAGIC)]) == PACK_MAGIC:
            at = len(PACK_MAGIC)
        elif not beyond:
            return
    while at < size:
        found = _found(view, at)
        if found is None:
            if not beyond:
                return
            end = _next(data, view, at + 1)
            yield Gap(at, end)
            at = end
        else:
            yield found
            at = found.end


def _found(view: memoryview, at: int) -> Found | None:
    try:
        read = read_head(view[at : at + MOST_HEAD])
    except BadData:
        return None
    if read is None:
        return None
    record, whole, _ = read
    size = record.payload_size if isinstance(record, Record) else 0
    payload = at + whole
    return Found(at, payload, payload + size, record) if payload + size <= len(view) else None


def _next(data: mmap.mmap, view: memoryview, at: int) -> int:
    """Where the next whole record begins; the end if there is none."""
    candidates = {magic: data.find(magic, at) for magic in _MAGICS}
    while True:
        places = [place for place in candidates.values() if place >= 0]
        if not places:
            return len(view)
        place = min(places)
        if _found(view, place) is not None:
            return place
        magic = next(magic for magic, where in candidates.items() if where == place)
        candidates[magic] = data.find(magic, place + 1)


def sealed_entries(path: Path, place: str, start: int | None, *, beyond: bool) -> tuple[list[Entry], int]:
    """The objects of a pack that are sealed and whole by their CRC, and the offset behind the last seal.

    Without ``beyond`` the first damaged one ends the list, and nothing behind the seal before it counts.
    """
    sealed: list[Entry] = []
    end = start or len(PACK_MAGIC)
    waiting: list[Entry] = []
    with told(path), path.open("rb") as file:
        for found in scan(path, start, beyond=beyond):
            if isinstance(found, Gap):
                continue
            if isinstance(found.record, Seal):
                sealed += waiting
                waiting = []
                end = found.end
                continue
            record = found.record
            if _crc(file.fileno(), found.payload, record.payload_size) != record.crc:
                if beyond:
                    continue
                break
            info = ObjectInfo(
                record.digest,
                record.description,
                record.length,
                record.form,
                record.payload_size,
                record.base,
                record.depth,
                place,
                found.payload,
            )
            waiting.append(Entry(info, record.crc, 0))
    return sealed, end


def record_of(entry: Entry) -> Record:
    """What a pack should tell of an object."""
    one = entry.info
    return Record(
        one.description, one.length, one.form, one.depth, one.stored, entry.crc, one.digest, one.base
    )


def _crc(descriptor: int, at: int, size: int) -> int:
    crc = 0
    end = at + size
    while at < end:
        data = os.pread(descriptor, min(8 << 20, end - at), at)
        if not data:
            return -1
        crc = zlib.crc32(data, crc)
        at += len(data)
    return crc
