"""Collection at a remote: packs that no ref needs go, and those that are small or half dead become new ones.

It is safe beside whoever pushes. First one conditional write takes packs out of the root and names them as
gone; it fails if any ref has moved since it was looked at. Who counted on such a pack meets that name when
its own refs are to move, and sends anew what was in it, never under the same name. Files of gone packs stay
for a grace period, for those who read; a later collection removes them.
"""

import dataclasses
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from sapwood.errors import DamagedStore, RemoteFailure, WrongCall
from sapwood.store.kinds import Digest, StoredForm
from sapwood.store.remote.pack_list import Member, list_path, pack_path
from sapwood.store.remote.remote import Remote
from sapwood.store.remote.root import ROOT_NAME, Root, write_root

__all__ = ["GRACE", "Swept", "collect_remote"]

GRACE: Final = 14 * 24 * 3600
"""Seconds for which files stay that nobody may count on any more, and packs that no root names yet."""
# So long after its files were removed a pack's name is remembered: no push takes longer.
_REMEMBERED: Final = 28 * 24 * 3600
_TRIES: Final = 8
# A pack is written anew where this share of it is dead, or where so many are small.
_DEAD: Final = 0.25
_SMALL: Final = 4 << 20
_MANY: Final = 8

Live = Callable[[Mapping[str, str]], set[Digest]]
"""All objects that refs with these values lead to."""


@dataclasses.dataclass(frozen=True, slots=True)
class Swept:
    """What a collection did, or would do.

    Attributes:
        objects: Objects that nothing leads to, and that are gone.
        stored: Their bytes.
        packs: Packs that are gone: dead ones, and such as are written anew.
        written: New packs, of what lives of these.
        removed: Gone packs whose files were removed.
    """

    objects: int
    stored: int
    packs: int
    written: int = 0
    removed: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    dead: list[Member]
    gone: list[str]
    moved: list[Member]


def collect_remote(
    remote: Remote, live: Live, room: Path, *, grace: int | None = None, dry_run: bool = False
) -> Swept:
    """Give up what no ref leads to, and remove what was given up ``grace`` seconds ago.

    Args:
        remote: Where.
        live: Tells what must stay; asked again when others have pushed meanwhile.
        room: A folder for files of a moment.
        grace: In seconds, ``GRACE`` by default. With 0 whoever fetches at the moment may fail and have to try
            again, and what was sent ahead of a push (``Remote.send``) may be lost to it.
        dry_run: Only tell what would go.

    Raises:
        WrongCall: It is a web server. DamagedStore: A pack to be written anew is damaged; all stays.
        RemoteFailure: It failed, or others push to it all the time; called again, it goes on.
    """
    seconds = GRACE if grace is None else grace
    for _ in range(_TRIES):
        root, version, packs = remote.look()
        written = _written(remote)
        now = int(time.time())
        old = {name for name, when in written.items() if not seconds or now - when >= seconds}
        old -= root.gone.keys()
        plan = _plan(root, packs, old, live(root.refs))
        told = Swept(len(plan.dead), _bytes(plan.dead), len(plan.gone))
        if dry_run:
            return told
        if plan.gone:
            moved = (_checked(member, form, remote) for member, form in remote.forms(plan.moved, room))
            new = [name for name, _ in remote.add(moved)]
            # A pack may come out as it went in, and with the same name.
            gone = [name for name in plan.gone if name not in set(new)]
            root = _after(root, gone, new, now, seconds)
            if not remote.place.swap(ROOT_NAME, write_root(root), version):
                continue
            told = dataclasses.replace(told, packs=len(gone), written=len(new))
        return dataclasses.replace(told, removed=_remove(remote, root, written, now - seconds))
    raise RemoteFailure("others push to the remote all the time", path=remote.place.name, advice="Try again.")


def _written(remote: Remote) -> dict[str, float]:
    """When each pack and list was written, the later of both."""
    lists, packs = remote.place.names("lists"), remote.place.names("packs")
    if lists is None or packs is None:
        raise WrongCall(
            "a web server is only read from", path=remote.place.name, advice="Collect the store behind it."
        )
    return {name: max(lists.get(name, 0), packs.get(name, 0)) for name in {**lists, **packs}}


def _plan(root: Root, packs: Mapping[str, list[Member]], old: set[str], live: set[Digest]) -> _Plan:
    """What goes and what is written anew; ``old``: packs that have been there for long."""
    named = [name for name in root.lists if name in packs]
    orphans = [name for name in packs if name not in set(root.lists)]
    home: dict[Digest, Member] = {}
    for name in (*named, *orphans):
        for member in packs[name]:
            home.setdefault(member.record.digest, member)
    needed = _with_bases(live, home)
    living = {name: [m for m in packs[name] if _lives(m, home, needed)] for name in (*named, *orphans)}
    size = {name: _bytes(packs[name]) for name in named}
    poor = [name for name in named if _bytes(living[name]) <= (1 - _DEAD) * size[name]]
    small = [name for name in named if name not in set(poor) and size[name] < _SMALL]
    again = [*poor, *(small if len(small) >= _MANY else ())]
    # What no root names may be on its way; nobody waits for what came long ago, list or none.
    left = sorted(name for name in old - set(root.lists) if not living.get(name))
    gone = [*again, *left]
    dead = [m for name in gone for m in packs.get(name, ()) if not _lives(m, home, needed)]
    return _Plan(dead, gone, [member for name in again for member in living[name]])


def _lives(member: Member, home: Mapping[Digest, Member], needed: set[Digest]) -> bool:
    """Whether this copy of an object is the one that stays."""
    digest = member.record.digest
    return digest in needed and home[digest] == member


def _with_bases(live: Iterable[Digest], home: Mapping[Digest, Member]) -> set[Digest]:
    found: set[Digest] = set()
    for digest in live:
        at: Digest | None = digest
        while at is not None and at not in found and at in home:
            found.add(at)
            at = home[at].record.base
    return found


def _bytes(members: Iterable[Member]) -> int:
    return sum(member.record.payload_size for member in members)


def _checked(member: Member, form: StoredForm, remote: Remote) -> StoredForm:
    if zlib.crc32(form.payload) != form.crc:
        raise DamagedStore(
            "a pack of the remote is damaged",
            path=f"{remote.place.name}/{pack_path(member.pack)}",
            offset=member.offset,
            found=form.digest,
            advice="Push the object again from a store that has it.",
        )
    return form


def _after(root: Root, gone: list[str], new: list[str], now: int, grace: int) -> Root:
    left = set(gone)
    lists = tuple(name for name in root.lists if name not in left)
    kept = {name: when for name, when in root.gone.items() if now - when < grace + _REMEMBERED}
    more = tuple(name for name in new if name not in set(lists))
    return dataclasses.replace(root, lists=lists + more, gone=kept | dict.fromkeys(gone, now))


def _remove(remote: Remote, root: Root, written: Mapping[str, float], before: int) -> int:
    """Remove the files of packs that have been gone since before ``before``."""
    due = [name for name, when in root.gone.items() if when <= before and name in written]
    for name in due:
        # A pack whose list is there is whole.
        remote.place.remove(list_path(name))
        remote.place.remove(pack_path(name))
    return len(due)
