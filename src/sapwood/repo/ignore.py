"""``.sapwoodignore``: files of the work tree that are not for the repository. The rules are gitignore(5)."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sapwood.errors import BadData, storage_error
from sapwood.repo.paths import FOLDER

__all__ = ["FILE_NAME", "Ignored", "always_ignored", "read_ignored"]

FILE_NAME: Final = ".sapwoodignore"
_ALWAYS: Final = frozenset({FOLDER, ".git", ".hg", ".svn"})
_PARTIAL: Final = (".sapwood-", ".partial")

Ignored = Callable[[str], bool]
"""Whether a path is ignored; a folder's ends with ``/``."""


def read_ignored(root: Path) -> Ignored:
    """The rules of the work tree at ``root``; only the file there counts, none further down.

    Raises:
        BadData: A line is no pattern, or the file no text. StorageFailure: It cannot be read.
    """
    place = root / FILE_NAME
    try:
        lines = place.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return always_ignored
    except OSError as error:
        raise storage_error(error, str(place)) from error
    except UnicodeDecodeError as error:
        raise BadData("is not text in UTF-8", path=str(place)) from error
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  only where there are rules

    try:
        rules = GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise BadData(f"a line is no pattern: {error}", path=str(place)) from error
    return lambda path: always_ignored(path) or rules.match_file(path)


def always_ignored(path: str) -> bool:
    """What no rule is needed for: folders of version control, and what is half written."""
    name = path.rstrip("/").rpartition("/")[2]
    return name in _ALWAYS or (name.startswith(_PARTIAL[0]) and name.endswith(_PARTIAL[1]))
