"""A remote: what it holds, what travels, and how its refs move.

Objects travel as they are stored: deltas as deltas, with what they stand on. They go up in packs of some MB,
each with a list of what is in it; a pack counts once its list is there. So a push that was cut goes on where
it was. What comes down is verified object by object and kept at once: a fetch goes on likewise.
"""

import dataclasses
import mmap
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from sapwood.errors import (
    BadData,
    DamagedStore,
    MissingObject,
    RefMoved,
    RemoteFailure,
    SapwoodError,
    storage_error,
)
from sapwood.patch.workers import Workers
from sapwood.store.kinds import Digest, Kind, StoredForm
from sapwood.store.leases import Lease
from sapwood.store.remote.pack_list import Member, PackList, list_path, pack_path, packed, read_list
from sapwood.store.remote.place import Place, open_place
from sapwood.store.remote.root import ROOT_NAME, Root, read_root, write_root
from sapwood.store.store import Store
from sapwood.store.writer import Writer

__all__ = ["Progress", "Remote", "Transfer"]

Progress = Callable[[int, int], None]
"""Called with bytes that have travelled, and bytes in all."""

# Bytes fetched at once, and bytes between two objects that are fetched rather than asked around.
_SPAN: Final = 4 << 20
_GAP: Final = 32 << 10
# Bytes fetched after which they are acknowledged.
_KEEP: Final = 64 << 20
# Packs on their way at once, and requests.
_AT_ONCE: Final = 4
_REQUESTS: Final = 8
_TRIES: Final = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Transfer:
    """What travelled: objects, and their bytes."""

    objects: int
    bytes: int


class Remote:
    """An open remote; of one thread, it works on several."""

    def __init__(self, where: str | Place, options: dict[str, str] | None = None) -> None:
        """``where`` is a folder or a URL; see ``open_place``."""
        self.place = open_place(where, options) if isinstance(where, str) else where
        self._members: dict[Digest, Member] = {}
        # Packs whose lists were read, and of these the ones that the root named then.
        self._listed: dict[str, list[Member]] = {}
        self._named: set[str] = set()
        self._gone: frozenset[str] = frozenset()

    def refs(self) -> dict[str, str]:
        """Its refs now; none if nothing was ever pushed.

        Raises:
            RemoteFailure, StorageFailure: It cannot be read. BadData: It is damaged, or no remote.
        """
        return dict(self._root()[0].refs)

    def _root(self) -> tuple[Root, object]:
        data, version = self.place.read_versioned(ROOT_NAME)
        return (Root() if data is None else read_root(data, self.place.name)), version

    def look(self) -> tuple[Root, object, dict[str, list[Member]]]:
        """Its root, a token of the root's version, and all packs with what is in them, the root's first."""
        root, version = self._root()
        self._learn(root)
        return root, version, self._listed

    def _learn(self, root: Root) -> None:
        """Read the lists that are new; of all packs, also of those that a push left that was cut."""
        if self._is_outdated(root):
            self._members.clear()
            self._listed.clear()
            self._named.clear()
        self._gone = frozenset(root.gone)
        self._named.update(root.lists)
        names = dict.fromkeys(root.lists)
        names |= dict.fromkeys(name for name in self.place.names("lists") or () if name not in self._gone)
        new = [name for name in names if name not in self._listed]

        def read(name: str) -> list[Member] | None:
            data = self.place.read(list_path(name))
            if data is None and name not in root.lists:
                # A collection was quicker.
                return None
            if data is None:
                raise DamagedStore(
                    "a list of the remote is missing", path=f"{self.place.name}/{list_path(name)}"
                )
            return read_list(data, name, f"{self.place.name}/{list_path(name)}")

        with Workers(_REQUESTS) as workers:
            for name, members in zip(new, workers.map(read, new), strict=True):
                if members is not None:
                    self._hold(name, members)

    def _is_outdated(self, root: Root) -> bool:
        """Whether a collection gave up a pack that was counted on."""
        lists = set(root.lists)
        return any(name in root.gone for name in self._listed) or not self._named <= lists

    def _hold(self, name: str, members: list[Member]) -> None:
        self._listed[name] = members
        for member in members:
            self._members.setdefault(member.record.digest, member)

    def missing(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of them that it does not hold."""
        wanted = set(digests)
        if wanted - self._members.keys():
            self._learn(self._root()[0])
        return wanted - self._members.keys()

    def listed(self, kind: Kind) -> set[Digest]:
        """All objects of a kind that it holds. Commits and trees are small: one asks for all at once."""
        self._learn(self._root()[0])
        return {digest for digest, member in self._members.items() if member.record.description.kind is kind}

    def push(
        self,
        store: Store,
        digests: Iterable[Digest],
        refs: Mapping[str, tuple[str | None, str | None]],
        *,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Transfer:
        """Send objects that it lacks, with what they stand on; then move refs, all or none.

        Args:
            store: Where they come from.
            digests: All that the refs' new values lead to, as far as this store has it.
            refs: For each, the value it must have (None: none), and the one it gets (None: it is removed).
            force: Move the refs whatever they are.
            progress: Called now and then.

        Raises:
            RefMoved: A ref is not what it must be: somebody else pushed. The objects are there, and stay.
            RemoteFailure: It failed, or ignores conditional writes. MissingObject: An object is not here.
        """
        root, _ = self._root()
        for name, move in refs.items():
            self._check_ref(root, name, move, force=force)
        wanted = list(digests)
        objects = size = 0
        for _ in range(_TRIES):
            told = self.send(store, wanted, progress=progress)
            objects, size = objects + told.objects, size + told.bytes
            if self._move(refs, force=force):
                return Transfer(objects, size)
        raise RemoteFailure("the remote is collected all the time", path=self.place.name, advice="Try again.")

    def send(self, store: Store, digests: Iterable[Digest], *, progress: Progress | None = None) -> Transfer:
        """Send objects that it lacks, with what they stand on, ahead of the push that names them.

        Raises:
            RemoteFailure: It failed. MissingObject: An object is not here.
        """
        self._learn(self._root()[0])
        needed = self._needed(store, digests)
        total = sum(store.info(digest).stored for digest in needed)
        done = 0

        for _, size in self.add(store.stored(digest) for digest in needed):
            done += size
            if progress is not None:
                progress(min(done, total), total)
        return Transfer(len(needed), total)

    def add(self, forms: Iterable[StoredForm]) -> Iterator[tuple[str, int]]:
        """Put objects there, ahead of the root that names their packs: the name and bytes of each pack."""

        def put(pack: PackList) -> tuple[str, bytes, int]:
            if pack.name() in self._gone:
                # Its files may be removed at any time.
                pack.rename()
            name, heads = pack.name(), pack.list_bytes()
            self.place.add(pack_path(name), pack.pack_pieces())
            self.place.add(list_path(name), [heads])
            return name, heads, pack.size

        with Workers(_AT_ONCE) as workers:
            for name, heads, size in workers.map(put, packed(forms)):
                self._hold(name, read_list(heads, name, list_path(name)))
                yield name, size

    def _needed(self, store: Store, digests: Iterable[Digest]) -> list[Digest]:
        """What must travel, bases before what stands on them."""
        found: dict[Digest, None] = {}
        for digest in digests:
            chain: list[Digest] = []
            at: Digest | None = digest
            while at is not None and at not in found and at not in self._members:
                chain.append(at)
                at = store.info(at).base
            found |= dict.fromkeys(reversed(chain))
        return list(found)

    def _check_ref(self, root: Root, name: str, move: tuple[str | None, str | None], *, force: bool) -> None:
        old, new = move
        found = root.refs.get(name)
        if not force and found not in (old, new):
            raise RefMoved(
                f"ref {name} of the remote is not what it was",
                path=self.place.name,
                expected=old or "none",
                found=found or "none",
                advice="Fetch first, and merge.",
            )

    def _move(self, refs: Mapping[str, tuple[str | None, str | None]], *, force: bool) -> bool:
        """Move the refs; False if a collection gave up a pack that was counted on."""
        write = secrets.token_hex(16)
        unanswered: RemoteFailure | None = None
        for _ in range(_TRIES):
            root, version = self._root()
            if write in root.writes:
                # Its answer was lost.
                return True
            if self._is_outdated(root):
                return False
            for name, move in refs.items():
                self._check_ref(root, name, move, force=force)
            # Lists of a push that was cut, and of ``send``, become part of the root: their packs are whole.
            lists = sorted(self._listed.keys() - set(root.lists))
            after = root.after(write, {name: new for name, (_, new) in refs.items()}, lists)
            if (after.refs, after.lists) == (root.refs, root.lists):
                return True
            try:
                if self.place.swap(ROOT_NAME, write_root(after), version):
                    return True
            except RemoteFailure as error:
                if unanswered is not None:
                    raise
                # Whether it was done is for the next look to tell.
                unanswered = error
        raise RemoteFailure(
            "others push to the remote all the time", path=self.place.name, advice="Try again."
        ) from unanswered

    def fetch(
        self,
        store: Store,
        digests: Iterable[Digest],
        *,
        lease: Lease | None = None,
        progress: Progress | None = None,
        offsets: Mapping[Digest, int] | None = None,
    ) -> Transfer:
        """Get objects that the store lacks, with what they stand on; each verified when it arrives.

        With a ``lease`` they are safe from a collection until it is released. ``offsets`` tells where in
        their file objects are.

        Raises:
            MissingObject: The remote does not hold one of them.
            DamagedStore: What it sent is not what it should be, named. RemoteFailure: It failed.
                What has arrived before is kept.
        """
        levels = self._levels(store, set(digests))
        total = sum(m.record.payload_size for level in levels for m in level)
        done = kept = 0
        places = offsets or {}
        with store.writer(lease) as writer:
            try:
                for level in levels:
                    for member, form in self.forms(level, store.root):
                        self._keep(writer, member, form, places.get(form.digest, 0))
                        done += member.record.payload_size
                        if progress is not None:
                            progress(done, total)
                        if done - kept >= _KEEP:
                            writer.flush()
                            kept = done
            except BaseException:
                # What has arrived need not come again.
                with suppress(SapwoodError):
                    writer.flush()
                raise
        return Transfer(sum(map(len, levels)), total)

    def _levels(self, store: Store, digests: set[Digest]) -> list[list[Member]]:
        """What is to be fetched: bases before what stands on them, each level in the order of packs."""
        absent = self.missing(store.missing(digests))
        if absent:
            raise MissingObject("the remote does not hold an object", path=self.place.name, found=min(absent))
        waiting = store.missing(digests)
        level_of: dict[Digest, int] = {}
        for digest in sorted(waiting):
            chain: list[Digest] = []
            at: Digest | None = digest
            while at is not None and at not in level_of and (at in waiting or at not in store):
                if at not in self._members or at in chain:
                    raise MissingObject("the remote does not hold the base of an object", found=at)
                chain.append(at)
                at = self._members[at].record.base
            depth = level_of.get(at, -1) if at is not None else -1
            for steps, one in enumerate(reversed(chain), 1):
                level_of[one] = depth + steps
        levels: list[list[Member]] = [[] for _ in range(max(level_of.values(), default=-1) + 1)]
        for digest, level in level_of.items():
            levels[level].append(self._members[digest])
        for members in levels:
            members.sort(key=lambda member: (member.pack, member.offset))
        return levels

    def forms(self, members: list[Member], room: Path) -> Iterator[tuple[Member, StoredForm]]:
        """Objects as they are stored, not verified; a large one comes by way of a file in ``room``.

        Raises:
            DamagedStore: A pack is missing or was cut short.
            RemoteFailure, StorageFailure: It cannot be read.
        """
        with Workers(_REQUESTS) as workers:
            for span, data in workers.map(lambda one: (one, self._data(room, one)), _spans(members)):
                for member in span:
                    start, r = member.offset - span[0].offset, member.record
                    payload = data[start : start + r.payload_size]
                    yield (
                        member,
                        StoredForm(
                            r.digest, r.description, r.length, r.form, r.base, payload, r.depth, r.crc
                        ),
                    )

    def _data(self, room: Path, span: list[Member]) -> memoryview:
        """The bytes of neighbours in a pack; of a large object by way of a file."""
        path = pack_path(span[0].pack)
        start = span[0].offset
        end = span[-1].offset + span[-1].record.payload_size
        if end - start <= 2 * _SPAN:
            return memoryview(self.place.read_span(path, start, end - start) if end > start else b"")
        try:
            with tempfile.TemporaryFile(dir=room) as file:
                for at in range(start, end, _SPAN):
                    file.write(self.place.read_span(path, at, min(_SPAN, end - at)))
                file.flush()
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except OSError as error:
            raise storage_error(error, str(room)) from error

    def _keep(self, writer: Writer, member: Member, form: StoredForm, place: int) -> None:
        try:
            writer.put_stored(form, place)
        except BadData as error:
            raise DamagedStore(
                f"the remote sent a damaged object: {error.message}",
                path=f"{self.place.name}/{pack_path(member.pack)}",
                offset=member.offset,
                found=form.digest,
                advice="Push the object again from a store that has it.",
            ) from error


def _spans(members: list[Member]) -> Iterator[list[Member]]:
    """Neighbours that are fetched at once."""
    span: list[Member] = []
    for member in members:
        if span:
            end = span[-1].offset + span[-1].record.payload_size
            size = member.offset + member.record.payload_size - span[0].offset
            if member.pack != span[0].pack or member.offset - end > _GAP or size > _SPAN:
                yield span
                span = []
        span.append(member)
    if span:
        yield span
