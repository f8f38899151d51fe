"""Revisions as people write them: ``main``, ``v1.0~2``, ``HEAD^2``, ``3fa91c``, ``main@{1}``, ``a..b``.

The grammar is git's, as far as it is about commits (gitrevisions(7)).
"""

import re
from typing import Final, NamedTuple

from sapwood.errors import UnknownRevision
from sapwood.repo import limits

__all__ = ["Range", "Revision", "Step", "is_prefix", "parse_range", "parse_revision"]

# Compiled where they are needed: most commands need none, and each takes a millisecond.
_STEP: Final = r"~(\d*)|\^(\d*)(?!\{)|\^\{(commit|)\}"
_AT: Final = r"@\{(\d{1,9})\}"
_PREFIX: Final = r"[0-9a-f]{4,64}"


class Step(NamedTuple):
    """One step back: the ``parent``-th parent, ``times`` over."""

    parent: int
    times: int = 1


class Revision(NamedTuple):
    """A parsed revision.

    Attributes:
        name: A ref, HEAD, or a beginning of a digest in hex; ``@`` for the branch that HEAD is on, of which
            only the log can be asked.
        log: n of ``@{n}``: where the name pointed n moves ago. None if that was not asked.
        steps: From there, in order.
    """

    name: str
    log: int | None
    steps: tuple[Step, ...]


class Range(NamedTuple):
    """``since..until``: commits that ``until`` has and ``since`` lacks; with three dots, that one has."""

    since: str
    until: str
    symmetric: bool


def is_prefix(name: str) -> bool:
    """Whether it may be the beginning of a digest: four hex digits or more."""
    return re.fullmatch(_PREFIX, name, re.ASCII) is not None


def parse_revision(text: str) -> Revision:
    """Parse one revision.

    >>> parse_revision("main~2^2")
    Revision(name='main', log=None, steps=(Step(parent=1, times=2), Step(parent=2, times=1)))
    >>> parse_revision("@{3}").log
    3

    Raises:
        UnknownRevision: It is none.
    """
    end = min((at for at in (text.find("~"), text.find("^")) if at >= 0), default=len(text))
    name, log = text[:end], None
    at = re.search(_AT, name, re.ASCII) if "@{" in name else None
    if at is not None:
        if at.end() != len(name):
            raise _none(text)
        name, log = name[: at.start()], int(at.group(1))
    if "@{" in name:
        raise _none(text)
    steps: list[Step] = []
    while end < len(text):
        step = re.match(_STEP, text[end:], re.ASCII)
        if step is None or len(steps) >= limits.MAX_REVISION_STEPS:
            raise _none(text)
        end += step.end()
        tilde, caret, peeled = step.groups()
        number = _number(tilde if tilde is not None else caret, text)
        if tilde is not None:
            steps.append(Step(1, number))
        elif peeled is None:
            steps.append(Step(number) if number else Step(1, 0))
    if not name and log is None:
        raise _none(text)
    if log is None and name == "@":
        name = "HEAD"
    return Revision(name or "@", log, tuple(steps))


def parse_range(text: str) -> Range | None:
    """Parse ``a..b`` or ``a...b``, where a side left out is HEAD; None if there are no dots."""
    since, dots, until = text.partition("..")
    if not dots:
        return None
    symmetric = until.startswith(".")
    return Range(since or "HEAD", until.removeprefix(".") or "HEAD", symmetric)


def _number(digits: str | None, text: str) -> int:
    if not digits:
        return 1
    if len(digits) > 9:
        raise _none(text)
    return int(digits)


def _none(text: str) -> UnknownRevision:
    return UnknownRevision(
        "not a revision", found=text, advice="Write a branch, a tag, a hash, HEAD~2 or the like."
    )
