"""Refs: names for commits, HEAD among them, and the log of where each has pointed.

A ref moves only from where its mover believes it to be (compare and swap), so that of two writers at once one
is told, and no commit is lost.
"""

from contextlib import AbstractContextManager
from typing import Final, NamedTuple

from sapwood.errors import RefMoved, WrongCall
from sapwood.repo import limits
from sapwood.repo.commit import Signature
from sapwood.repo.database import Database
from sapwood.repo.encoding import DIGEST_SIZE

__all__ = [
    "BRANCHES",
    "HEAD",
    "REMOTES",
    "TAGS",
    "Head",
    "Logged",
    "Move",
    "Refs",
    "name_fault",
    "short_name",
]

HEAD: Final = "HEAD"
BRANCHES: Final = "refs/heads/"
TAGS: Final = "refs/tags/"
REMOTES: Final = "refs/remotes/"

_FORBIDDEN: Final = frozenset(" ~^:?*[\\\x7f") | {chr(code) for code in range(32)}


class Head(NamedTuple):
    """Where HEAD is.

    Attributes:
        branch: The full name of the branch it is on; None where it is on none ("detached").
        target: The commit; None on a branch without commits.
    """

    branch: str | None
    target: bytes | None


class Move(NamedTuple):
    """A ref that shall go from ``old`` to ``new``; None is for a ref that is not there."""

    name: str
    old: bytes | None
    new: bytes | None


class Logged(NamedTuple):
    """One entry of a reflog."""

    old: bytes | None
    new: bytes | None
    by: Signature
    why: str


def name_fault(name: str) -> str | None:
    """What forbids a ref to be called so, as a short clause; None if nothing does.

    The rules are those of git check-ref-format: what it takes can be pushed and read anywhere.

    >>> name_fault("refs/heads/tuned/lr-3e-5") is None
    True
    >>> name_fault("refs/heads/a..b")
    'has two dots in a row'
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is not text"
    if size > limits.MAX_NAME_BYTES:
        return "is too long"
    if ".." in name:
        return "has two dots in a row"
    if "@{" in name or any(character in _FORBIDDEN for character in name):
        return "has a character that no name may have"
    for part in name.split("/"):
        if not part or part.startswith((".", "-")) or part.endswith((".lock", ".")):
            return "has a part that is empty, begins with a dot or dash, or ends with a dot or .lock"
        if part == "@":
            return "has a part that is @ alone"
    return None


def short_name(ref: str) -> str:
    """The name that people use: ``main`` for ``refs/heads/main``."""
    for prefix in (BRANCHES, TAGS, REMOTES):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


class Refs:
    """The refs in a repository's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def transaction(self) -> AbstractContextManager[None]:
        """All that is done to the database in this block, or nothing of it."""
        return self._database.transaction()

    def get(self, name: str) -> bytes | None:
        """Where a ref points by its full name; None if there is none."""
        row = self._database.row("SELECT target FROM ref WHERE name = ?", name)
        return None if row is None else self._digest(row[0])

    def all(self, prefix: str = "refs/") -> dict[str, bytes]:
        """Full names and targets of the refs that begin so, in order."""
        rows = self._database.rows(
            "SELECT name, target FROM ref WHERE name >= ? AND name < ? ORDER BY name",
            prefix,
            prefix + "\U0010ffff",
        )
        return {str(name): self._digest(target) for name, target in rows}

    @property
    def head(self) -> Head:
        """Where HEAD is."""
        row = self._database.row("SELECT branch, target FROM head WHERE id = 0")
        if row is None or (row[0] is None) is (row[1] is None):
            raise self._database.damaged("no HEAD")
        branch, target = row
        if branch is None:
            return Head(None, self._digest(target))
        return Head(str(branch), self.get(str(branch)))

    def move(self, moves: list[Move], by: Signature, why: str, *, log: bool = True) -> None:
        """Move refs, all or none, and HEAD's log with the branch it is on.

        Without ``log`` nothing remembers where they were: a collection may free it at once.

        Raises:
            RefMoved: One is not where it should be. WrongCall: A name may not be.
        """
        with self._database.transaction():
            head = self.head
            for one in moves:
                fault = name_fault(one.name)
                if fault is not None or not one.name.startswith("refs/"):
                    raise WrongCall(
                        f"the name of a ref {fault or 'does not begin with refs/'}", found=one.name
                    )
                found = self.get(one.name)
                if found != one.old:
                    raise RefMoved(
                        f"{short_name(one.name)} was moved meanwhile",
                        expected=one.old or "no such ref",
                        found=found or "no such ref",
                        advice="Look at what came in between, and try again.",
                    )
                self._check_folders(one)
                self._put(one)
                if not log:
                    continue
                self._log(one.name, one.old, one.new, by, why)
                if one.name == head.branch:
                    self._log(HEAD, one.old, one.new, by, why)

    def set_head(self, head: Head, by: Signature, why: str) -> None:
        """Put HEAD on a branch, or on a commit."""
        with self._database.transaction():
            old = self.head.target
            branch, target = (head.branch, None) if head.branch is not None else (None, head.target)
            self._database.rows("UPDATE head SET branch = ?, target = ? WHERE id = 0", branch, target)
            self._log(HEAD, old, head.target, by, why)

    def move_head(self, old: bytes | None, new: bytes, by: Signature, why: str) -> None:
        """Move the branch that HEAD is on, or HEAD itself where it is on none.

        Raises:
            RefMoved: It is not at ``old``.
        """
        with self._database.transaction():
            head = self.head
            if head.branch is not None:
                self.move([Move(head.branch, old, new)], by, why)
                return
            if head.target != old:
                raise RefMoved(
                    "HEAD was moved meanwhile", expected=old, found=head.target, advice="Try again."
                )
            self.set_head(Head(None, new), by, why)

    def log(self, name: str, limit: int = -1) -> list[Logged]:
        """The log of a ref or of HEAD, the newest first."""
        rows = self._database.rows(
            "SELECT old, new, who, seconds, zone, why FROM reflog WHERE ref = ? ORDER BY id DESC LIMIT ?",
            name,
            limit,
        )
        return [
            Logged(
                None if old is None else self._digest(old),
                None if new is None else self._digest(new),
                Signature(str(who), int(str(seconds)), int(str(zone))),
                str(why),
            )
            for old, new, who, seconds, zone, why in rows
        ]

    def logged(self) -> set[bytes]:
        """Every commit that a log of any ref still names."""
        rows = self._database.rows("SELECT old FROM reflog UNION SELECT new FROM reflog")
        return {self._digest(target) for (target,) in rows if target is not None}

    def forget(self, before: int) -> int:
        """Drop what logs say from before that time, in seconds since 1970; how many entries went."""
        with self._database.transaction():
            rows = self._database.rows("DELETE FROM reflog WHERE seconds < ? RETURNING id", before)
        return len(rows)

    def _check_folders(self, one: Move) -> None:
        """``a`` and ``a/b`` cannot both be: other tools keep refs as files."""
        if one.new is None or one.old is not None:
            return
        parts = one.name.split("/")
        above = ["/".join(parts[:count]) for count in range(3, len(parts))]
        clash = next((name for name in above if self.get(name) is not None), None)
        clash = clash or next(iter(self.all(one.name + "/")), None)
        if clash is not None:
            raise WrongCall(
                f"cannot be beside {short_name(clash)}",
                path=short_name(one.name),
                advice="Choose another name.",
            )

    def _put(self, one: Move) -> None:
        if one.new is None:
            self._database.rows("DELETE FROM ref WHERE name = ?", one.name)
        else:
            self._database.rows("INSERT OR REPLACE INTO ref VALUES (?, ?)", one.name, one.new)

    def _log(self, name: str, old: bytes | None, new: bytes | None, by: Signature, why: str) -> None:
        self._database.rows(
            "INSERT INTO reflog (ref, old, new, who, seconds, zone, why) VALUES (?, ?, ?, ?, ?, ?, ?)",
            name,
            old,
            new,
            by.who,
            by.seconds,
            by.zone,
            why,
        )

    def _digest(self, value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != DIGEST_SIZE:
            raise self._database.damaged("a ref that names no object", value)
        return value
