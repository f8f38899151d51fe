"""What a machine does to take in a model: sketch it; then code it against a base, and send it.

Nothing here knows who runs it. Done twice, it sends nothing the second time.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from sapwood.errors import MissingInput, StorageFailure, WrongCall
from sapwood.formats.model import ModelFile, open_model
from sapwood.kinship.fingerprint import Fingerprint
from sapwood.repo.paths import path_in
from sapwood.repo.tree import Entry
from sapwood.store.disk import told
from sapwood.store.kin import fingerprint_of
from sapwood.store.kinds import Digest
from sapwood.store.leases import Lease
from sapwood.store.model_objects import get_recipe, put_model_file
from sapwood.store.remote.remote import Remote
from sapwood.store.store import Store

__all__ = ["Destination", "Job", "Sketched", "TakenFile", "TakenIn", "sketch", "take_in"]


@dataclass(frozen=True, slots=True)
class Job:
    """One model.

    Attributes:
        source: A file or folder, by the path under which every machine sees it.
        path: Its name in the repository.
    """

    source: str
    path: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to, and by what means.

    Attributes:
        url: Of the remote.
        options: For the object store.
        scratch: Folder of stores in which machines keep bases; made under the system's one for temporary
            files if None.
        scratch_bytes: How much may lie there between two models.
        threads: To code one model with.
    """

    url: str
    options: Mapping[str, str]
    scratch: str | None
    scratch_bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sketched:
    """What is known of a model after a few MB of it were read.

    Attributes:
        size: Bytes of its files.
        prints: Fingerprints by the files' paths in the repository; not of small ones.
    """

    size: int
    prints: Mapping[str, Fingerprint]


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that the remote holds.

    Attributes:
        entry: For a tree.
        content: BLAKE3 of the file.
    """

    entry: Entry
    content: bytes


@dataclass(frozen=True, slots=True)
class TakenIn:
    """A model that the remote holds.

    Attributes:
        files: All of them.
        sent: Bytes that travelled.
    """

    files: tuple[TakenFile, ...]
    sent: int


def sketch(job: Job) -> Sketched:
    """Fingerprints of a model's files.

    Raises:
        MissingInput: It is not there. StorageFailure: It cannot be read.
    """
    with open_model(job.source) as model:
        prints = {}
        for file in model.files:
            one = fingerprint_of(file)
            if one is not None:
                prints[path_in(job.path, file.path)] = one
        return Sketched(sum(len(file.data) for file in model.files), prints)


def take_in(job: Job, to: Destination, known: Mapping[str, Digest], kin: Mapping[str, Digest]) -> TakenIn:
    """Code a model and send it.

    Args:
        job: The model.
        to: Where to.
        known: Recipes that the remote holds under the files' paths: earlier versions, or the very same.
        kin: Recipes to code other files against.

    Raises:
        MissingInput: The model is not there. RemoteFailure: The remote failed.
        StorageFailure, DiskFull: This machine's disk failed. What was sent stays and need not travel again.
    """
    with _scratch_store(to) as store:
        with open_model(job.source) as model, store.lease() as lease:
            sender = _Sender(Remote(to.url, dict(to.options) or None), store, lease)
            files = []
            for file in model.files:
                path = path_in(job.path, file.path)
                base = known.get(path)
                same = None if base is None else sender.same(file, path, base)
                files.append(same or sender.send(file, path, base or kin.get(path)))
        _bound(store, to.scratch_bytes)
    return TakenIn(tuple(files), sender.sent)


class _Sender:
    """Sends files of one model by way of this machine's store, where the lease keeps what they need."""

    def __init__(self, remote: Remote, store: Store, lease: Lease) -> None:
        self._remote = remote
        self._store = store
        self._lease = lease
        self.sent = 0

    def same(self, file: ModelFile, path: str, known: Digest) -> TakenFile | None:
        """The file, if it is the one that the recipe makes."""
        self._bring([known])
        before = get_recipe(self._store, known)
        content = blake3(file.data, max_threads=blake3.AUTO).digest()
        if (before.size, before.file_digest) != (len(file.data), content):
            return None
        return TakenFile(Entry(path, known, before.size), content)

    def send(self, file: ModelFile, path: str, base: Digest | None) -> TakenFile:
        """Code the file, against another one's recipe if that is given, and send it."""
        if base is not None:
            self._bring([base])
            self._bring(item.digest for item in get_recipe(self._store, base).items)
        with self._store.writer(self._lease) as writer:
            recipe = put_model_file(writer, file, like=base, search=False)
        made = get_recipe(self._store, recipe)
        self.sent += self._remote.send(self._store, [*(item.digest for item in made.items), recipe]).bytes
        return TakenFile(Entry(path, recipe, made.size), made.file_digest)

    def _bring(self, digests: Iterable[Digest]) -> None:
        wanted = list(digests)
        # First kept, then looked for: another task's collection comes before both, or leaves them.
        self._lease.pin(wanted)
        self._remote.fetch(self._store, wanted, lease=self._lease)


def _scratch_store(to: Destination) -> Store:
    """This machine's store of bases, which all tasks on it share."""
    folder = Path(to.scratch) if to.scratch is not None else _own_temporary_folder()
    place = folder / blake3(to.url.encode()).hexdigest()[:16]
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        return Store.open(place, threads=to.threads)
    except MissingInput:
        try:
            return Store.create(place, threads=to.threads)
        except WrongCall:
            # Another task was quicker.
            return Store.open(place, threads=to.threads)


def _own_temporary_folder() -> Path:
    """A folder of this user's; what somebody else has put in its place is refused."""
    folder = Path(tempfile.gettempdir()) / f"sapwood-{os.getuid()}"
    with told(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise StorageFailure(
            "not a folder of this user's", path=str(folder), advice="Name another one with --scratch."
        )
    return folder


def _bound(store: Store, most: int) -> None:
    """Forget all bases once they take too much room; those that another task needs stay."""
    held = 0
    for folder in ("packs", "objects"):
        with told(store.root / folder):
            for path in (store.root / folder).iterdir():
                try:
                    held += path.stat().st_size
                except FileNotFoundError:
                    continue
    if held > most:
        store.gc(lambda: (), lambda _kind, _data: (), grace=0)
        store.repack(dead=0.0)
