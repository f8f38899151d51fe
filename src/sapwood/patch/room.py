"""Whether there is room on a disk, asked before anything is written to it."""

import os
from pathlib import Path

from sapwood.errors import DiskFull

__all__ = ["check_room"]


def check_room(path: str, size: int) -> None:
    """Refuse ``size`` bytes beside ``path`` if there is no room: a patch of a few bytes may claim petabytes.

    Raises:
        DiskFull: At once, and not when the disk is full.
    """
    try:
        found = os.statvfs(Path(path).absolute().parent)
    except (OSError, ValueError):
        return  # what is wrong with the path is told where it is opened
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    # Some file systems do not know their size and say 0.
    if found.f_blocks and blocks * found.f_frsize < size:
        raise DiskFull(
            "no room for the target",
            path=path,
            expected=f"{size} bytes",
            found=f"{blocks * found.f_frsize} bytes free",
            advice="Free some space, or use another disk.",
        )
