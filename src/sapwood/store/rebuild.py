"""An index made anew from what packs and files say of themselves; for when the index is lost or damaged."""

import contextlib
from pathlib import Path

from sapwood.errors import SapwoodError, StorageFailure
from sapwood.store.disk import sync_folder, told
from sapwood.store.index import FILE_NAME, Index
from sapwood.store.pack import OpenPack
from sapwood.store.packs import pack_names
from sapwood.store.scan import sealed_entries

__all__ = ["rebuild_index"]


def rebuild_index(root: Path) -> int:
    """Replace a store's index; returns the number of objects found. No other process may have the store open.

    Objects that a collection forgot come back until their pack is repacked. What was never sealed, and what
    is damaged by its CRC, is left out.

    Raises:
        StorageFailure: A writer is at work, or the file system failed: the old index stays.
    """
    with contextlib.ExitStack() as held:
        for name in pack_names(root):
            pack = OpenPack.open(root / "packs" / name)
            if pack is None:
                raise StorageFailure(
                    "another process is writing to the store",
                    path=str(root),
                    advice="Wait for it, or end it.",
                )
            held.callback(pack.close, cut=False)
        settings = _settings(root)
        fresh = root / f"{FILE_NAME}.new"
        _remove(fresh)
        index = Index(fresh, create=True)
        try:
            for name, value in settings.items():
                index.set(name, value)
            places = [f"packs/{name}" for name in pack_names(root)]
            with told(root / "objects"):
                places += sorted(f"objects/{path.name}" for path in (root / "objects").iterdir())
            for place in places:
                entries, end = sealed_entries(root / place, place, None, beyond=True)
                index.add([(place, end)], entries, (), 0)
            count = sum(1 for _ in index.entries())
            index.join()
        finally:
            index.close()
        with told(root):
            # A log of the old index must not be taken for one of the new.
            for suffix in ("-wal", "-shm"):
                (root / (FILE_NAME + suffix)).unlink(missing_ok=True)
            fresh.replace(root / FILE_NAME)
            sync_folder(root)
    return count


def _settings(root: Path) -> dict[str, str]:
    """What can still be read of the old ones."""
    with contextlib.suppress(SapwoodError), contextlib.closing(Index(root / FILE_NAME)) as index:
        return index.settings()
    return {}


def _remove(path: Path) -> None:
    with told(path):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
