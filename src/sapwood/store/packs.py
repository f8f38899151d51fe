"""Which pack a writer appends to: one that no other has locked, or a new one."""

import os
import time
from pathlib import Path
from typing import Final

from sapwood.store.disk import told
from sapwood.store.index import Index
from sapwood.store.pack import OpenPack
from sapwood.store.record import PACK_MAGIC
from sapwood.store.scan import sealed_entries

__all__ = ["new_pack", "open_pack", "pack_names", "take"]

_FOLDER: Final = "packs"
_SUFFIX: Final = ".pack"


def pack_names(root: Path) -> list[str]:
    """Names of the packs that are there, whether the index knows of them or not."""
    with told(root / _FOLDER):
        return sorted(name for name in os.listdir(root / _FOLDER) if name.endswith(_SUFFIX))  # noqa: PTH208


def open_pack(root: Path, index: Index, most: int) -> OpenPack:
    """A locked pack below ``most`` bytes, cut off behind what was sealed.

    What was sealed and not acknowledged, because the index is older than the pack, is acknowledged now.

    Raises:
        StorageFailure, DiskFull: The file system failed.
    """
    sizes = {file.path: file.size for file in index.files()}
    # The last ones first: earlier ones are full, or were left for being damaged.
    for name in reversed(pack_names(root)):
        place = f"{_FOLDER}/{name}"
        if sizes.get(place, 0) >= most:
            continue
        pack = OpenPack.open(root / place)
        if pack is None:
            continue
        if take(root, index, place, pack) < most and pack.end:
            return pack
        pack.close(cut=False)
    return new_pack(root)


def take(root: Path, index: Index, place: str, pack: OpenPack) -> int:
    """Cut a locked pack where it ends; returns that, and leaves the pack at 0 if it is damaged."""
    # Read under the lock: whoever held it before may have appended.
    known = next((file.size for file in index.files() if file.path == place), len(PACK_MAGIC))
    entries, end = sealed_entries(root / place, place, known, beyond=False)
    there: set[bytes] = set()
    for entry in entries:
        base = entry.info.base
        if base is not None and base not in there and index.entry(base) is None:
            # It stands on a file of the same writer that the index does not know: all of it goes.
            entries, end = [], known
            break
        there.add(entry.info.digest)
    if entries:
        index.add([(place, end)], entries, (), int(time.time()))
    pack.cut(end)
    return end


def new_pack(root: Path) -> OpenPack:
    """A new pack, locked.

    Its name was never given before: a reader may still have the map of a pack that is gone.
    """
    numbers = (name.partition("-")[0] for name in pack_names(root))
    number = 1 + max((int(one) for one in numbers if one.isdecimal()), default=0)
    while True:
        pack = OpenPack.create(root / _FOLDER / f"{number:06}-{os.urandom(4).hex()}{_SUFFIX}")
        if pack is not None:
            return pack
