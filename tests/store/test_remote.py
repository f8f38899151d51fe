"""Remotes: only missing objects travel, refs move by condition, nothing is lost between pushers."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import (
    BadData,
    DamagedStore,
    MissingObject,
    RefMoved,
    RemoteFailure,
    SapwoodError,
    WrongCall,
)
from sapwood.store.kinds import Digest, Kind
from sapwood.store.model_objects import get_recipe
from sapwood.store.remote.cloud import CloudPlace
from sapwood.store.remote.folder import FolderPlace
from sapwood.store.remote.place import Place
from sapwood.store.remote.remote import Remote
from sapwood.store.remote.root import ROOT_NAME, Root, read_root, write_root
from sapwood.store.store import Store
from tests.store.stores import get_bytes, model_bytes, new_store, put_bytes


@pytest.fixture(params=["folder", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return (
        FolderPlace(str(tmp_path / "remote")) if request.param == "folder" else CloudPlace("memory:///", {})
    )


def versions(path: Path, count: int) -> tuple[Store, list[Digest]]:
    store = new_store(path)
    recipes: list[Digest] = []
    for number in range(count):
        with store.writer() as writer:
            recipes.append(put_bytes(writer, model_bytes(number), recipes[-1] if recipes else None))
    return store, recipes


def all_of(store: Store, recipe: Digest) -> list[Digest]:
    return [recipe, *(item.digest for item in get_recipe(store, recipe).items)]


def fetch_all(remote: Remote, store: Store, recipe: Digest) -> None:
    remote.fetch(store, [recipe])
    remote.fetch(store, all_of(store, recipe))


def test_objects_go_up_and_come_down_as_they_are_stored(tmp_path: Path, place: Place) -> None:
    here, recipes = versions(tmp_path / "a", 3)
    told = Remote(place).push(here, all_of(here, recipes[2]), {"main": (None, recipes[2].hex())})
    assert told.objects > 0
    assert Remote(place).refs() == {"main": recipes[2].hex()}
    with new_store(tmp_path / "b") as there:
        fetch_all(Remote(place), there, recipes[2])
        assert get_bytes(there, recipes[2]) == model_bytes(2)
        for info in there.objects():
            assert (info.stored, info.base) == (here.info(info.digest).stored, here.info(info.digest).base)
        assert list(there.fsck()) == []


def test_only_what_is_missing_travels(tmp_path: Path, place: Place) -> None:
    here, recipes = versions(tmp_path / "a", 2)
    first = Remote(place).push(here, all_of(here, recipes[0]), {"main": (None, "1")})
    second = Remote(place).push(here, all_of(here, recipes[1]), {"main": ("1", "2")})
    assert 0 < second.bytes < first.bytes
    assert Remote(place).push(here, all_of(here, recipes[1]), {"main": ("2", "2")}).objects == 0
    with new_store(tmp_path / "b") as there:
        fetch_all(Remote(place), there, recipes[0])
        before = len(list(there.objects()))
        remote = Remote(place)
        fetch_all(remote, there, recipes[1])
        assert remote.fetch(there, all_of(there, recipes[1])).objects == 0
        assert len(list(there.objects())) == before + second.objects
        assert get_bytes(there, recipes[1]) == model_bytes(1)


def test_a_ref_moves_only_from_where_it_was(tmp_path: Path, place: Place) -> None:
    here, recipes = versions(tmp_path / "a", 1)
    objects = all_of(here, recipes[0])
    remote = Remote(place)
    remote.push(here, objects, {"main": (None, "1"), "other": (None, "x")})
    for old in (None, "0"):
        with pytest.raises(RefMoved, match="Fetch first"):
            Remote(place).push(here, objects, {"main": (old, "2")})
    remote.push(here, objects, {"main": ("1", "2"), "other": ("x", None)})
    assert remote.refs() == {"main": "2"}
    remote.push(here, objects, {"main": ("wrong", "3")}, force=True)
    assert remote.refs() == {"main": "3"}
    with pytest.raises(RefMoved):
        remote.push(here, objects, {"main": ("3", "4"), "more": ("1", "2")})
    assert remote.refs() == {"main": "3"}


def test_racing_pushers_lose_nothing(tmp_path: Path, place: Place) -> None:
    """Each adds 12 steps to a ref of all; who is too late looks again."""
    count, steps = 4, 12
    with new_store(tmp_path / "s") as store:
        lost: list[SapwoodError] = []

        def push(number: int) -> None:
            remote = Remote(place)
            for step in range(steps):
                with store.writer() as writer:
                    digest = writer.put(Kind.GLUE, f"{number} {step}".encode())
                while True:
                    old = remote.refs().get("log")
                    try:
                        remote.push(store, [digest], {"log": (old, f"{old or ''} {number}.{step}")})
                    except RefMoved:
                        continue
                    except SapwoodError as error:
                        lost.append(error)
                        return
                    break

        threads = [threading.Thread(target=push, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert lost == []
        log = Remote(place).refs()["log"].split()
        assert sorted(log) == sorted(f"{number}.{step}" for number in range(count) for step in range(steps))
        assert Remote(place).missing(info.digest for info in store.objects()) == set()


class Failing:
    """A place that fails in the ways asked for, once each."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.lose_answers = 0
        self.adds_left = 1 << 30
        self.damage: Callable[[bytes], bytes] = bytes
        self.after_swap: Callable[[], None] = lambda: None

    name = "failing"

    def read(self, path: str) -> bytes | None:
        return self.place.read(path)

    def read_span(self, path: str, offset: int, length: int) -> bytes:
        return self.damage(self.place.read_span(path, offset, length))

    def add(self, path: str, pieces: Sequence[bytes | memoryview]) -> None:
        if self.adds_left == 0:
            raise RemoteFailure("cut", path=path)
        self.adds_left -= 1
        self.place.add(path, pieces)

    def names(self, folder: str) -> dict[str, float] | None:
        return self.place.names(folder)

    def remove(self, path: str) -> None:
        self.place.remove(path)

    def read_versioned(self, path: str) -> tuple[bytes | None, object]:
        return self.place.read_versioned(path)

    def swap(self, path: str, data: bytes, version: object) -> bool:
        done = self.place.swap(path, data, version)
        if self.lose_answers:
            self.lose_answers -= 1
            self.after_swap()
            raise RemoteFailure("the answer was lost", path=path)
        return done


def test_a_lost_answer_is_recognised(tmp_path: Path, place: Place) -> None:
    here, recipes = versions(tmp_path / "a", 1)
    objects = all_of(here, recipes[0])
    failing = Failing(place)
    failing.lose_answers = 1
    Remote(failing).push(here, objects, {"main": (None, "1")})
    assert Remote(place).refs() == {"main": "1"}
    # Even when another has moved the same ref on before the next look.
    failing.lose_answers = 1

    def move_on() -> None:
        Remote(place).push(here, objects, {"main": ("2", "3")})

    failing.after_swap = move_on
    Remote(failing).push(here, objects, {"main": ("1", "2")})
    assert Remote(place).refs() == {"main": "3"}
    failing.after_swap = lambda: None
    failing.lose_answers = 9
    failing.place = Failing(place)
    failing.place.swap = lambda path, data, version: False  # type: ignore[method-assign]  # a server that is down
    with pytest.raises(RemoteFailure, match="lost"):
        Remote(failing).push(here, objects, {"main": ("3", "4")})
    assert Remote(place).refs() == {"main": "3"}


def test_a_push_that_was_cut_goes_on(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapwood.store.remote.pack_list.PACK", 20_000)
    monkeypatch.setattr("sapwood.store.remote.remote._AT_ONCE", 1)
    here, recipes = versions(tmp_path / "a", 3)
    objects = [digest for recipe in recipes for digest in all_of(here, recipe)]
    failing = Failing(place)
    failing.adds_left = 4
    with pytest.raises(RemoteFailure, match="cut"):
        Remote(failing).push(here, objects, {"main": (None, "1")})
    assert Remote(place).refs() == {}
    whole = len(set(objects))
    assert 0 < Remote(place).push(here, objects, {"main": (None, "1")}).objects < whole
    with new_store(tmp_path / "b") as there:
        fetch_all(Remote(place), there, recipes[2])
        assert get_bytes(there, recipes[2]) == model_bytes(2)


def test_a_fetch_that_was_cut_goes_on(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapwood.store.remote.remote._SPAN", 10_000)
    here, recipes = versions(tmp_path / "a", 3)
    objects = [digest for recipe in recipes for digest in all_of(here, recipe)]
    Remote(place).push(here, objects, {"main": (None, "1")})
    failing = Failing(place)
    left = 5

    def cut(data: bytes) -> bytes:
        nonlocal left
        left -= 1
        if left < 0:
            raise RemoteFailure("cut")
        return data

    failing.damage = cut
    with new_store(tmp_path / "b") as there:
        with pytest.raises(RemoteFailure, match="cut"):
            Remote(failing).fetch(there, objects)
        arrived = len(list(there.objects()))
        assert arrived > 0
        rest = Remote(place).fetch(there, objects)
        assert rest.objects == len(set(objects)) - arrived
        assert list(there.fsck()) == []


@pytest.mark.parametrize(
    "how", [lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda data: bytes(len(data))]
)
def test_what_arrives_damaged_is_named_and_not_kept(
    tmp_path: Path, place: Place, how: Callable[[bytes], bytes]
) -> None:
    here, recipes = versions(tmp_path / "a", 2)
    objects = all_of(here, recipes[1])
    Remote(place).push(here, objects, {"main": (None, "1")})
    failing = Failing(place)
    failing.damage = how
    with new_store(tmp_path / "b") as there:
        with pytest.raises(DamagedStore, match="damaged object"):
            Remote(failing).fetch(there, objects)
        assert list(there.fsck()) == []
        Remote(place).fetch(there, objects)
        assert get_bytes(there, recipes[1]) == model_bytes(1)


def test_what_the_remote_lacks_is_named(tmp_path: Path, place: Place) -> None:
    here, recipes = versions(tmp_path / "a", 1)
    Remote(place).push(here, all_of(here, recipes[0]), {"main": (None, "1")})
    with new_store(tmp_path / "b") as there, pytest.raises(MissingObject, match="does not hold"):
        Remote(place).fetch(there, [bytes(32)])


def test_large_objects_travel_in_steps(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sapwood.store.remote.remote._SPAN", 100_000)
    monkeypatch.setattr("sapwood.store.remote.pack_list.PACK", 100_000)
    with new_store(tmp_path / "a") as here, new_store(tmp_path / "b") as there:
        with here.writer() as writer:
            names = [writer.put(Kind.GLUE, os.urandom(900_000)) for _ in range(2)]
        Remote(place).push(here, names, {"main": (None, "1")})
        Remote(place).fetch(there, names)
        assert all(there.read(name) == here.read(name) for name in names)


@pytest.mark.parametrize("mode", ["create", "update"])
def test_a_remote_that_ignores_conditions_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """As many imitations of S3 do: they answer 200 whatever the condition."""
    place = CloudPlace("memory:///", {})
    honest = place._put_if

    def ignores(path: str, data: bytes, version: object) -> bool:
        if (version is None) is (mode == "create"):
            obstore.put(place._store, path, data)
            return True
        return honest(path, data, version)

    monkeypatch.setattr(place, "_put_if", ignores)
    here, recipes = versions(tmp_path / "a", 1)
    with pytest.raises(RemoteFailure, match="ignores conditional writes"):
        Remote(place).push(here, all_of(here, recipes[0]), {"main": (None, "1")})
    assert Remote(place).refs() == {}
    assert place.names("probe") == {}


def test_a_check_of_conditions_survives_its_own_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request may be repeated below us when its answer was lost, and then meets what it did itself."""
    place = CloudPlace("memory:///", {})
    honest = place._put_if

    def repeated(path: str, data: bytes, version: object) -> bool:
        return honest(path, data, version) and honest(path, data, version)

    monkeypatch.setattr(place, "_put_if", repeated)
    place._check_heeds()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The remote's folder on a web server."""
    handler = functools.partial(_Quiet, directory=str(tmp_path / "remote"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that answers ranges (RFC 9110, section 14)."""

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data)), len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(data)}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        self.wfile.write(data[start : end + 1])


def test_a_static_web_server_is_read_from(tmp_path: Path, served: str) -> None:
    here, recipes = versions(tmp_path / "a", 2)
    Remote(str(tmp_path / "remote")).push(here, all_of(here, recipes[1]), {"main": (None, "1")})
    remote = Remote(served)
    assert remote.refs() == {"main": "1"}
    with new_store(tmp_path / "b") as there:
        fetch_all(remote, there, recipes[1])
        assert get_bytes(there, recipes[1]) == model_bytes(1)
    with pytest.raises(WrongCall, match="only read from"):
        remote.push(here, all_of(here, recipes[0]), {"main": ("1", "2")})


def test_a_place_that_is_none_is_refused() -> None:
    for where in ("what://ever", "s3://", "http://"):
        with pytest.raises(WrongCall):
            Remote(where)


def test_no_message_shows_a_password() -> None:
    assert CloudPlace("http://user:secret@example.org/x", {}).name == "http://example.org/x"


TEXT = st.text(min_size=1, max_size=20)


@given(
    st.dictionaries(TEXT, TEXT, max_size=5),
    st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=5, unique=True),
)
def test_a_root_is_read_as_written(refs: dict[str, str], lists: list[str]) -> None:
    root = Root(refs, tuple(lists), ("0" * 32,))
    assert read_root(write_root(root), "x") == root


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"version":1,"refs":{},"lists":["../../x"],"writes":[]}',
        b'{"version":1,"refs":{"a":1},"lists":[],"writes":[]}',
        b'{"version":2,"refs":{},"lists":[],"writes":[]}',
        b'{"version":1,"refs":[],"lists":{},"writes":[]}',
    ],
)
def test_a_damaged_root_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / ROOT_NAME).write_bytes(data)
    with pytest.raises(BadData):
        Remote(str(tmp_path)).refs()


def test_a_damaged_list_is_named(tmp_path: Path) -> None:
    here, recipes = versions(tmp_path / "a", 1)
    Remote(str(tmp_path / "remote")).push(here, all_of(here, recipes[0]), {"main": (None, "1")})
    (found,) = (tmp_path / "remote" / "lists").iterdir()
    data = found.read_bytes()
    found.write_bytes(data[:-1] + b"x")
    with pytest.raises(BadData, match=found.name[:12]):
        Remote(str(tmp_path / "remote")).missing([recipes[0]])


def test_without_obstore_a_server_is_refused_by_name() -> None:
    code = """
import sys
sys.modules["obstore"] = None
from sapwood.errors import MissingDependency
from sapwood.store.remote.remote import Remote
try:
    Remote("s3://bucket/x")
except MissingDependency as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sapwood[remote]" in ran.stdout
