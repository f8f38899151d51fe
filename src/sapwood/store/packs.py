"""Which pack a writer appends to: one that no other has locked, or a new one."""

import os
from pathlib import Path

from sapwood.store.disk import told
from sapwood.store.index import Index
from sapwood.store.pack import OpenPack
from sapwood.store.record import PACK_MAGIC

__all__ = ["open_pack"]

_FOLDER = "packs"


def open_pack(root: Path, index: Index, most: int) -> OpenPack:
    """A locked pack below ``most`` bytes, cut off behind what was acknowledged.

    Raises:
        DamagedStore: A pack is shorter than what was acknowledged of it.
        StorageFailure, DiskFull: The file system failed.
    """
    folder = root / _FOLDER
    sizes = {file.path: file.size for file in index.files()}
    with told(folder):
        names = sorted(name for name in os.listdir(folder) if name.endswith(".pack"))  # noqa: PTH208  names alone
    # The last ones first: earlier ones are full, or were left for being damaged.
    for name in reversed(names):
        place = f"{_FOLDER}/{name}"
        if sizes.get(place, 0) >= most:
            continue
        pack = OpenPack.open(root / place)
        if pack is None:
            continue
        # Read under the lock: whoever held it before may have appended.
        size = next((file.size for file in index.files() if file.path == place), len(PACK_MAGIC))
        if size < most and pack.cut(size):
            return pack
        pack.close()
    return _new_pack(folder, names)


def _new_pack(folder: Path, names: list[str]) -> OpenPack:
    number = 1 + max((int(name[:-5]) for name in names if name[:-5].isdecimal()), default=0)
    while True:
        try:
            return OpenPack.create(folder / f"{number:06}.pack")
        except FileExistsError:
            number += 1
