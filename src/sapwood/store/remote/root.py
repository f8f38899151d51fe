"""The one file of a remote that changes: its refs and the names of its packs, as canonical JSON.

    {"gone": {"64 hex digits": seconds, …}, "lists": ["64 hex digits", …], "refs": {"name": "value", …},
     "version": 1, "writes": ["32 hex digits", …]}

It is replaced by conditional write. ``writes`` holds the ids of the last writes, the newest last: who lost
the answer to a write finds its id there, even if others have written since. ``gone``, left out where it is
empty, names packs that a collection gave up, and when.
"""

import dataclasses
import json
from typing import Any, Final

from sapwood.errors import BadData

__all__ = ["ROOT_NAME", "Root", "read_root", "write_root"]

ROOT_NAME: Final = "root.json"
_VERSION: Final = 1
_WRITES: Final = 64
_MOST_BYTES: Final = 64 << 20
_LONGEST: Final = 1 << 10
_HEX: Final = frozenset("0123456789abcdef")


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """What a remote holds.

    Attributes:
        refs: Values by name; what they mean is the repository's business.
        lists: Names of the packs, each with a list of what is in it; in the order they came.
        writes: Ids of the last writes.
        gone: Packs that nobody may count on any more, and when that was said (seconds since 1970).
    """

    refs: dict[str, str] = dataclasses.field(default_factory=dict)
    lists: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    gone: dict[str, int] = dataclasses.field(default_factory=dict)

    def after(self, write: str, refs: dict[str, str | None], lists: list[str]) -> "Root":
        """The root after a write: refs moved (None: removed) and packs added."""
        moved = {name: value for name, value in (self.refs | refs).items() if value is not None}
        known = set(self.lists)
        more = tuple(name for name in lists if name not in known)
        return Root(moved, self.lists + more, (*self.writes, write)[-_WRITES:], self.gone)


def write_root(root: Root) -> bytes:
    """The root as bytes; equal roots give equal bytes."""
    fields = {"lists": root.lists, "refs": root.refs, "version": _VERSION, "writes": root.writes}
    if root.gone:
        fields["gone"] = root.gone
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def read_root(data: bytes, place: str) -> Root:
    """The root that these bytes say.

    Raises:
        BadData: They say none, or one of a newer version.
    """
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError("too long")
        fields: Any = json.loads(data)
        if fields["version"] != _VERSION:
            raise BadData(
                "the remote is of another version",
                path=place,
                expected=_VERSION,
                found=fields["version"],
                advice="Update sapwood.",
            )
        refs, lists, writes = fields["refs"], fields["lists"], fields["writes"]
        gone = fields.get("gone", {})
        if not (
            isinstance(refs, dict)
            and all(_is_text(name) and _is_text(value) for name, value in refs.items())
            and _are_hex(lists, 64)
            and _are_hex(writes, 32)
            and isinstance(gone, dict)
            and _are_hex([*gone], 64)
            and all(type(when) is int and when >= 0 for when in gone.values())
        ):
            raise ValueError("not the fields of a root")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadData("the root of the remote is damaged, or it is no remote", path=place) from error
    return Root(refs, tuple(lists), tuple(writes), gone)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def _are_hex(values: object, length: int) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, str) and len(value) == length and _HEX.issuperset(value) for value in values
    )
