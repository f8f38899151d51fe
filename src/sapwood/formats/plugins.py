"""Formats of one's own: readers that other packages name in the entry point group ``sapwood.formats``.

They are looked for when the first file comes that no built-in format knows, and asked in the order of their
names. A built-in format cannot be taken over. What a plug-in does wrong is a warning with its name, and its
file is carried as bytes; but its code runs in this process, with all that this process may do. See
docs/PLUGINS.md.
"""

import dataclasses
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, NamedTuple

from sapwood.errors import MalformedModel
from sapwood.formats.dtype import DTYPES
from sapwood.formats.layout import FormatWarning, Layout, cover
from sapwood.formats.reader import Reader

__all__ = ["GROUP", "Plugin", "Plugins", "find", "read"]

GROUP: Final = "sapwood.formats"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,39}")
# Of a plug-in's own words, this many characters are shown.
_LONGEST_REASON: Final = 200


class Plugin(NamedTuple):
    """A reader that another package offers."""

    name: str
    reader: Reader


class Plugins(NamedTuple):
    """What is installed: readers that can be used, and a warning for each that cannot."""

    usable: tuple[Plugin, ...]
    faults: tuple[FormatWarning, ...]


@cache
def find(built_in: frozenset[str]) -> Plugins:
    """Load every plug-in; ``built_in`` are the names that are taken. Done once a process."""
    usable: dict[str, Plugin] = {}
    faults = []
    try:
        entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value))
    # One package's damaged metadata is enough.
    except Exception as error:  # noqa: BLE001
        return Plugins((), (FormatWarning("plug-ins", "", _said("cannot be listed", error), None),))
    for entry in entries:
        try:
            if not _NAME.fullmatch(entry.name):
                raise ValueError("its name is not of lower-case letters, digits and _ . + -")
            if entry.name in built_in or entry.name in usable:
                raise ValueError("the name is taken")
            usable[entry.name] = Plugin(entry.name, _loaded(entry))
        # A module may do anything when it is imported, and exit too; the files are carried all the same.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            faults.append(
                FormatWarning(
                    entry.name, "", f"the plug-in {entry.value} is {_said('not used', error)}", None
                )
            )
    return Plugins(tuple(usable.values()), tuple(faults))


def _loaded(entry: EntryPoint) -> Reader:
    reader: Any = entry.load()
    if getattr(reader, "FORMAT", None) != entry.name:
        raise ValueError("FORMAT is not the name of the entry point")
    if not (callable(getattr(reader, "matches", None)) and callable(getattr(reader, "read", None))):
        raise TypeError("there are no functions matches and read")
    found: Reader = reader
    return found


def read(
    plugins: Plugins, head: memoryview, data: memoryview, path: str
) -> tuple[Layout | None, tuple[FormatWarning, ...]]:
    """The layout by the first plug-in whose format matches, None if none does; and what went wrong."""
    warnings: list[FormatWarning] = []
    for name, reader in plugins.usable:
        try:
            if not reader.matches(head, len(data), data):
                continue
            return _checked(name, reader.read(data), len(data), path), tuple(warnings)
        except MalformedModel as error:
            warnings.append(FormatWarning(name, path, str(error), error.offset))
            break
        except (Exception, SystemExit) as error:  # noqa: BLE001  it is not our code
            warnings.append(FormatWarning(name, path, _said("the plug-in failed", error), None))
    return None, tuple(warnings)


def _checked(name: str, layout: object, size: int, path: str) -> Layout:
    """The layout made anew by our own rules, which its spans may have got around."""
    if not isinstance(layout, Layout) or layout.size != size:
        raise TypeError("read gave no Layout of the whole file")
    tensors = []
    for span, tensor in layout.tensors():
        if DTYPES.get(tensor.dtype.name) != tensor.dtype:
            raise TypeError(f"tensor {tensor.name!r} has a dtype that is not in DTYPES")
        tensors.append((span.offset, span.length, tensor))
    warnings = tuple(dataclasses.replace(warning, format=name, path=path) for warning in layout.warnings)
    return dataclasses.replace(cover(name, size, tensors), warnings=warnings)


def _said(what: str, error: BaseException) -> str:
    return f"{what}: {type(error).__name__}: {' '.join(str(error).split())}"[:_LONGEST_REASON]
