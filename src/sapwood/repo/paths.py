"""Which paths a tree may have: relative, portable, and never out of the work tree.

The rules hold for what is added and for what is read, so that a tree from a stranger can name nothing that
``add`` would not.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sapwood.errors import BadData
from sapwood.repo import limits

__all__ = ["FOLDER", "check_paths", "name_of", "path_fault", "path_in"]

FOLDER: Final = ".sapwood"
"""The folder of a repository, in its work tree."""

# Windows and macOS would take these for the repository's own folder, or for a place outside.
_RESERVED_ENDS: Final = (".", " ")


def path_fault(path: str) -> str | None:
    """What forbids a tree to name ``path``, as a short clause; None if nothing does."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "is not text"
    if not path:
        return "is empty"
    if len(encoded) > limits.MAX_PATH_BYTES:
        return "is too long"
    if "\0" in path or "\\" in path:
        return "has a zero byte or a backslash"
    parts = path.split("/")
    if len(parts) > limits.MAX_PATH_DEPTH:
        return "has too many levels"
    if path[1:2] == ":":
        return "begins with a drive"
    for part in parts:
        if part in {"", ".", ".."}:
            return "leads out of the work tree or is not in its shortest form"
        if len(part.encode()) > limits.MAX_PART_BYTES:
            return "has a part that is too long"
        if part.rstrip("".join(_RESERVED_ENDS)).casefold() == FOLDER:
            return f"leads into {FOLDER}"
    return None


def name_of(source: str | os.PathLike[str]) -> str:
    """What a model from elsewhere is called: the last part of its path; a link has its own name."""
    return Path(os.path.abspath(source)).name  # noqa: PTH100  resolving would follow the link


def path_in(name: str, path: str) -> str:
    """The path in the repository of the file ``path`` of a model; "" is a model of one file."""
    return f"{name}/{path}" if path else name


def check_paths(paths: Iterable[str]) -> None:
    """Check the paths of one tree, which come in the order of their bytes.

    Raises:
        BadData: One may not be, two are equal or out of order, or one is a file and a folder.
    """
    before = b""
    files: set[str] = set()
    for path in paths:
        fault = path_fault(path)
        if fault is not None:
            raise BadData(f"a path in a tree {fault}", found=path)
        encoded = path.encode()
        if encoded <= before:
            raise BadData("the paths of a tree are not in order", found=path)
        before = encoded
        files.add(path)
        at = path.find("/")
        while at >= 0:
            # A folder sorts behind a file of its name, so the file was seen before.
            if path[:at] in files:
                raise BadData("a path in a tree is a file and a folder", found=path[:at])
            at = path.find("/", at + 1)
