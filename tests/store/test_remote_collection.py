"""Collection at a remote: what no ref needs goes, and no pusher loses anything, whenever it happens."""

import contextlib
import itertools
import random
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from sapwood.errors import DamagedStore, WrongCall
from sapwood.store.kinds import Digest, Kind, object_digest
from sapwood.store.remote.cloud import CloudPlace
from sapwood.store.remote.collect import GRACE, Swept, collect_remote
from sapwood.store.remote.folder import FolderPlace
from sapwood.store.remote.place import Place
from sapwood.store.remote.remote import Remote
from sapwood.store.store import Store
from tests.store.stores import new_store

_LONG = 10_000


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return (
        FolderPlace(str(tmp_path / "remote")) if request.param == "folder" else CloudPlace("memory:///", {})
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path / "store") as made:
        yield made


def put(store: Store, *seeds: int) -> list[Digest]:
    """An object for each seed."""
    with store.writer() as writer:
        return [writer.put(Kind.GLUE, random.Random(seed).randbytes(_LONG)) for seed in seeds]


def live(refs: Mapping[str, str]) -> set[Digest]:
    """In these tests a ref's value names objects, all of them."""
    return {bytes.fromhex(name) for value in refs.values() for name in value.split()}


def named(digests: Sequence[Digest]) -> str:
    return " ".join(digest.hex() for digest in digests)


def push(remote: Remote, store: Store, ref: str, digests: Sequence[Digest]) -> None:
    remote.push(store, digests, {ref: (None, named(digests))}, force=True)


def collect(place: Place, room: Path, grace: int | None = 0, *, dry_run: bool = False) -> Swept:
    return collect_remote(Remote(place), live, room, grace=grace, dry_run=dry_run)


def files(place: Place) -> int:
    return len(place.names("packs") or ())


def is_whole(place: Place, room: Path) -> None:
    """All that refs lead to is in packs that the root names, and is what it should be."""
    remote = Remote(place)
    root, _, packs = remote.look()
    members = [member for name in root.lists for member in packs[name]]
    found = {
        form.digest: object_digest(form.description, form.payload) for _, form in remote.forms(members, room)
    }
    assert live(root.refs) <= found.keys()
    assert all(name == digest for name, digest in found.items())
    assert root.gone.keys().isdisjoint(root.lists)


def test_what_no_ref_leads_to_goes_and_the_rest_stays(tmp_path: Path, place: Place, store: Store) -> None:
    remote = Remote(place)
    push(remote, store, "a", put(store, 1, 2))
    push(remote, store, "b", put(store, 3))
    push(remote, store, "c", put(store, 4, 5, 6))
    assert collect(place, tmp_path) == Swept(0, 0, 0)
    remote.push(store, [], {"b": (None, None)}, force=True)
    push(remote, store, "c", put(store, 4))
    before = files(place)
    assert collect(place, tmp_path, dry_run=True) == Swept(3, 3 * _LONG, 2)
    assert files(place) == before == 3
    # The pack of 3 goes, that of 4, 5, 6 becomes one of 4.
    assert collect(place, tmp_path) == Swept(3, 3 * _LONG, 2, 1, 2)
    assert files(place) == 2
    assert collect(place, tmp_path) == Swept(0, 0, 0)
    is_whole(place, tmp_path)
    (three,) = put(store, 3)
    assert Remote(place).missing([three]) == {three}


def test_files_stay_for_those_who_read(tmp_path: Path, place: Place, store: Store) -> None:
    push(Remote(place), store, "a", put(store, 1))
    late = Remote(place)
    assert late.missing(put(store, 1)) == set()
    Remote(place).push(store, [], {"a": (None, None)}, force=True)
    assert collect(place, tmp_path, None) == Swept(1, _LONG, 1)
    with new_store(tmp_path / "there") as there:
        assert late.fetch(there, put(store, 1)).objects == 1
    assert collect(place, tmp_path, None) == Swept(0, 0, 0)
    assert collect(place, tmp_path, 0) == Swept(0, 0, 0, 0, 1)
    assert files(place) == 0


def test_many_small_packs_become_one(tmp_path: Path, place: Place, store: Store) -> None:
    remote = Remote(place)
    for seed in range(9):
        push(remote, store, str(seed), put(store, seed))
    assert collect(place, tmp_path) == Swept(0, 0, 9, 1, 9)
    assert files(place) == 1
    assert collect(place, tmp_path) == Swept(0, 0, 0)
    is_whole(place, tmp_path)


def test_packs_that_come_out_as_they_went_in_stay(
    tmp_path: Path, place: Place, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their name is that of their content: the new one is the old one."""
    monkeypatch.setattr("sapwood.store.remote.pack_list.PACK", _LONG + 500)
    push(Remote(place), store, "a", put(store, *range(9)))
    assert files(place) == 9
    assert collect(place, tmp_path) == Swept(0, 0, 0, 9)
    assert files(place) == 9
    is_whole(place, tmp_path)


def test_what_is_ahead_of_its_push_stays_for_the_grace(tmp_path: Path, place: Place, store: Store) -> None:
    push(Remote(place), store, "a", put(store, 1))
    sent = Remote(place)
    sent.send(store, put(store, 2))
    assert collect(place, tmp_path, None) == Swept(0, 0, 0)
    push(sent, store, "b", put(store, 2))
    Remote(place).send(store, put(store, 3))
    # A pack without a list: a push was cut.
    place.add(f"packs/{'5' * 64}", [b"cut"])
    assert collect(place, tmp_path) == Swept(1, _LONG, 2, 0, 2)
    assert files(place) == 2
    is_whole(place, tmp_path)


def test_a_pusher_sends_anew_what_was_given_up(tmp_path: Path, place: Place, store: Store) -> None:
    """It had counted on it, and the new pack has another name: the old one's files may go at any time."""
    for grace in (0, GRACE):
        push(Remote(place), store, "a", put(store, 1))
        pusher = Remote(place)
        assert pusher.missing(put(store, 1)) == set()
        Remote(place).push(store, [], {"a": (None, None)}, force=True)
        assert collect(place, tmp_path, grace).packs == 1
        push(pusher, store, "b", put(store, 1))
        collect(place, tmp_path, 0)
        is_whole(place, tmp_path)
        Remote(place).push(store, [], {"b": (None, None)}, force=True)
        collect(place, tmp_path, 0)


class Interrupted:
    """Before each of its calls something else may happen."""

    name = "interrupted"

    def __init__(self, path: str, event: Callable[[], None]) -> None:
        self._place = FolderPlace(path)
        self._event = event

    def read(self, path: str) -> bytes | None:
        self._event()
        return self._place.read(path)

    def read_span(self, path: str, offset: int, length: int) -> bytes:
        self._event()
        return self._place.read_span(path, offset, length)

    def add(self, path: str, pieces: Sequence[bytes | memoryview]) -> None:
        self._event()
        self._place.add(path, pieces)

    def names(self, folder: str) -> dict[str, float] | None:
        self._event()
        return self._place.names(folder)

    def remove(self, path: str) -> None:
        self._event()
        self._place.remove(path)

    def read_versioned(self, path: str) -> tuple[bytes | None, object]:
        self._event()
        return self._place.read_versioned(path)

    def swap(self, path: str, data: bytes, version: object) -> bool:
        self._event()
        return self._place.swap(path, data, version)


@pytest.mark.parametrize("seed", range(8))
def test_pushes_and_collections_at_every_moment_of_each_other(
    tmp_path: Path, store: Store, seed: int
) -> None:
    """One goes on while others do anything whole: what refs lead to is always there."""
    source = random.Random(seed)
    where = str(tmp_path / "remote")
    pieces = put(store, *range(8))
    busy = threading.Lock()

    def something(place: Place) -> None:
        if source.random() < 0.5:
            collect(place, tmp_path, source.choice([0, GRACE]))
        else:
            push(Remote(place), store, source.choice("abc"), source.sample(pieces, source.randint(1, 4)))

    def beside() -> None:
        if source.random() < 0.4 and busy.acquire(blocking=False):
            try:
                something(FolderPlace(where))
                is_whole(FolderPlace(where), tmp_path)
            finally:
                busy.release()

    done = 0
    for _ in range(12):
        # Without a grace period whoever reads a list or a pack may find it gone, and tries again.
        with contextlib.suppress(DamagedStore):
            something(Interrupted(where, beside))
            done += 1
        is_whole(FolderPlace(where), tmp_path)
    assert done > 3


def test_a_collection_that_was_cut_harms_nothing_and_goes_on(tmp_path: Path, store: Store) -> None:
    first = tmp_path / "remote"
    remote = Remote(FolderPlace(str(first)))
    for seed in range(9):
        push(remote, store, str(seed), put(store, seed, seed + 100))
    push(remote, store, "0", put(store, 0))
    for cut_at in itertools.count(0, 3):
        where = str(shutil.copytree(first, tmp_path / f"remote-{cut_at}"))
        left = [cut_at]

        def cut(left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            collect(Interrupted(where, cut), tmp_path)
        is_whole(FolderPlace(where), tmp_path)
        collect(FolderPlace(where), tmp_path)
        assert files(FolderPlace(where)) == 1
        is_whole(FolderPlace(where), tmp_path)
        if left[0] >= 0:
            return


def test_a_damaged_pack_is_named_and_all_stays(tmp_path: Path, store: Store) -> None:
    place = FolderPlace(str(tmp_path / "remote"))
    push(Remote(place), store, "a", put(store, 1, 2))
    push(Remote(place), store, "a", put(store, 1))
    (pack,) = (tmp_path / "remote" / "packs").iterdir()
    data = bytearray(pack.read_bytes())
    data[_LONG // 2] ^= 1
    pack.write_bytes(data)
    with pytest.raises(DamagedStore, match="a pack of the remote is damaged"):
        collect(place, tmp_path)
    assert pack.exists()


def test_a_web_server_is_not_collected(tmp_path: Path) -> None:
    """It does not tell which files it has."""

    class Untold(FolderPlace):
        def names(self, folder: str) -> None:
            return None

    with pytest.raises(WrongCall, match="only read"):
        collect(Untold(str(tmp_path / "remote")), tmp_path)
