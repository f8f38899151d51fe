"""What makes git use the filter: a few variables of its configuration, and lines of ``.gitattributes``."""

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sapwood.errors import WrongCall, storage_error
from sapwood.git.checkout import GitCheckout
from sapwood.git.filter import open_store

__all__ = ["PATTERNS", "install", "uninstall"]

PATTERNS: Final = ("*.safetensors", "*.gguf", "*.onnx", "*.tflite", "*.pt", "*.npz")
"""Files that are models, unless the user names others."""

# Lines of two pointers must never be merged into a third: without a merge driver git declares a conflict.
_ATTRIBUTES: Final = b" filter=sapwood diff=sapwood -merge -text"


def install(checkout: GitCheckout, patterns: Iterable[str] = PATTERNS) -> list[str]:
    """Set git up; returns the patterns that ``.gitattributes`` did not have. Doing it twice is harmless.

    Raises:
        WrongCall: A pattern is none that git takes. StorageFailure: Something could not be written.
    """
    lines = {pattern: _quoted(pattern) + _ATTRIBUTES for pattern in patterns}
    open_store(checkout.store, create=True).close()
    # -P: Python must not import what lies in the work tree, which may be a stranger's.
    command = f"{shlex.quote(sys.executable)} -P -m sapwood git"
    for way in ("clean", "smudge"):
        # Git puts the path for %f, and one % for two.
        checkout.configure(f"filter.sapwood.{way}", command.replace("%", "%%") + f" {way} -- %f")
    # One process for all files of a command, for a git that knows of it (2.11).
    checkout.configure("filter.sapwood.process", f"{command} process")
    checkout.configure("filter.sapwood.required", "true")
    checkout.configure("diff.sapwood.textconv", f"{command} textconv --")
    known = _read(checkout.root)
    fresh = {pattern: line for pattern, line in lines.items() if line not in known}
    if fresh:
        _write(checkout.root, [*known, *fresh.values()])
    return list(fresh)


def uninstall(checkout: GitCheckout) -> bool:
    """Take back what ``install`` set up; whether there was anything. The store stays.

    Raises:
        StorageFailure: ``.gitattributes`` could not be written.
    """
    found = [checkout.forget(section) for section in ("filter.sapwood", "diff.sapwood")]
    known = _read(checkout.root)
    kept = [line for line in known if not line.endswith(_ATTRIBUTES)]
    if kept != known:
        _write(checkout.root, kept)
    return any(found) or kept != known


def _quoted(pattern: str) -> bytes:
    """A pattern as gitattributes(5) has it: in C's quotes where white space would end it."""
    if not pattern or pattern.startswith("!") or not pattern.isprintable():
        raise WrongCall("not a pattern of .gitattributes", found=pattern)
    if " " not in pattern and pattern[0] not in '"#[':
        return pattern.encode()
    return ('"' + pattern.replace("\\", "\\\\").replace('"', '\\"') + '"').encode()


def _read(root: Path) -> list[bytes]:
    place = root / ".gitattributes"
    try:
        return place.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, str(place)) from error


def _write(root: Path, lines: list[bytes]) -> None:
    """Write ``.gitattributes`` whole or not at all."""
    place = root / ".gitattributes"
    try:
        mode = place.stat().st_mode & 0o777 if place.exists() else 0o644
        descriptor, partial = tempfile.mkstemp(dir=root, prefix=".sapwood-", suffix=".partial")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(line + b"\n" for line in lines))
            Path(partial).chmod(mode)
            Path(partial).replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(partial).unlink()
            raise
    except OSError as error:
        raise storage_error(error, str(place)) from error
