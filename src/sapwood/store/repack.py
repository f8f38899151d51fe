"""Repack: packs with forgotten objects in them are written anew without these.

The new pack is flushed, then the index leads there in one transaction, then the old pack is removed. A
process that is killed in between leaves a pack that nobody knows of, or one that nobody needs; both go with
the next repack. Readers that had looked up the old place look it up again.
"""

import dataclasses
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Final

from sapwood.errors import DamagedStore
from sapwood.store.disk import sync_folder, told
from sapwood.store.index import Entry, Index
from sapwood.store.kinds import Digest
from sapwood.store.pack import OpenPack
from sapwood.store.packs import new_pack, pack_names, take
from sapwood.store.reading import Reader
from sapwood.store.record import ALIGNMENT
from sapwood.store.scan import record_of

__all__ = ["Repacked", "repack"]

# Heads take some of a pack: what is not payload counts as dead only beyond this.
_HEAD: Final = 256


@dataclasses.dataclass(frozen=True, slots=True)
class Repacked:
    """How many packs went, and bytes that came free."""

    packs: int
    freed: int


def repack(root: Path, index: Index, reader: Reader, *, dead: float, most: int) -> Repacked:
    """Rewrite every pack of which at least the share ``dead`` is forgotten, and those that are left over.

    Packs that a writer has locked are left alone. ``most``: bytes of a pack, at which a new one is begun.

    Raises:
        DamagedStore: An object is damaged; its pack is left as it is.
        StorageFailure, DiskFull: The file system failed; nothing is lost.
    """
    packs = freed = 0
    new: OpenPack | None = None
    try:
        for name in pack_names(root):
            place = f"packs/{name}"
            old = OpenPack.open(root / place)
            if old is None:
                continue
            try:
                # Under its lock: no writer adds to it any more.
                size = take(root, index, place, old)
                here = _objects_in(index, place)
                live = sum(entry.info.stored + _HEAD for entry in here)
                if here and (not old.end or size - live < max(dead * size, 1)):
                    continue
                before = 0
                if here:
                    if new is None or new.end >= most:
                        new = _next(root, new)
                    else:
                        before = new.end
                    _move(index, reader, here, place, new)
                if not index.drop_file(place):
                    continue
                with told(old.path):
                    old.path.unlink()
                packs += 1
                freed += size - (new.end - before if new is not None and here else 0)
            finally:
                old.close(cut=False)
        if packs:
            with told(root / "packs"):
                sync_folder(root / "packs")
    finally:
        if new is not None:
            new.close()
    return Repacked(packs, freed)


def _next(root: Path, before: OpenPack | None) -> OpenPack:
    if before is not None:
        before.close()
    return new_pack(root)


def _objects_in(index: Index, place: str) -> list[Entry]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in index.entries():
        found[entry.info.place].append(entry)
    return sorted(found[place], key=lambda entry: entry.info.offset)


def _move(index: Index, reader: Reader, entries: list[Entry], place: str, new: OpenPack) -> None:
    """Copy objects to a pack and have the index lead there."""
    moved: list[tuple[Digest, int]] = []
    for entry in entries:
        info = entry.info
        _, payload = reader.payload(info.digest)
        record = record_of(entry)
        if zlib.crc32(payload) != entry.crc:
            raise DamagedStore(
                "its stored bytes are damaged",
                path=f"object {info.digest.hex()[:16]}",
                advice="Run fsck: it names what is damaged.",
            )
        moved.append((info.digest, new.append(record, [payload], info.offset % ALIGNMENT)))
    size = new.seal()
    index.move(place, f"packs/{new.path.name}", size, moved)
    new.acknowledge()
