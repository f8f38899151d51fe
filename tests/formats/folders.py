"""Folders of real files, and what the formats say about them without a file system."""

from pathlib import Path

from sapwood.formats.detect import read_layout
from sapwood.formats.layout import Layout
from sapwood.formats.link import link

REAL = Path(__file__).parent / "real"


def contents(name: str) -> dict[str, bytes]:
    """The files of a folder beside this script, by path."""
    root = REAL / name
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def layouts(files: dict[str, bytes]) -> dict[str, Layout]:
    """What ``open_model`` would say of a folder of these files."""
    found = {path: (memoryview(data), read_layout(memoryview(data), path)) for path, data in files.items()}
    return dict(zip(files, link(found, "folder"), strict=True))
