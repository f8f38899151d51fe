"""Remotes on real S3 servers on this machine, and on one that fails again and again."""

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sapwood.errors import DamagedStore, RefMoved, RemoteFailure, SapwoodError
from sapwood.store.kinds import Digest, Kind
from sapwood.store.remote.collect import collect_remote
from sapwood.store.remote.remote import Remote
from tests.store.s3_servers import BUCKET, FailingProxy, options, server
from tests.store.stores import get_bytes, model_bytes, new_store
from tests.store.test_remote import all_of, fetch_all, versions
from tests.store.test_remote_collection import is_whole, live, named, put

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with server("ministack", tmp_path_factory.mktemp("ministack")) as port:
        yield port


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with server("moto_server", tmp_path_factory.mktemp("moto")) as port:
        yield port


@pytest.mark.parametrize("name", ["ministack", "moto"])
def test_a_bucket_is_pushed_to_and_fetched_from(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue(name)
    here, recipes = versions(tmp_path / "a", 3)
    url = f"s3://{BUCKET}/plain"
    Remote(url, options(port)).push(here, all_of(here, recipes[0]), {"main": (None, "1")})
    second = Remote(url, options(port)).push(here, all_of(here, recipes[2]), {"main": ("1", "2")})
    assert second.objects > 0
    with pytest.raises(RefMoved):
        Remote(url, options(port)).push(here, all_of(here, recipes[2]), {"main": ("1", "3")})
    with new_store(tmp_path / "b") as there:
        remote = Remote(url, options(port))
        assert remote.refs() == {"main": "2"}
        fetch_all(remote, there, recipes[2])
        assert get_bytes(there, recipes[2]) == model_bytes(2)
        assert list(there.fsck()) == []


def test_a_pack_of_many_parts_goes_up_and_down(tmp_path: Path, ministack: int) -> None:
    with new_store(tmp_path / "a") as here, new_store(tmp_path / "b") as there:
        with here.writer() as writer:
            digest = writer.put(Kind.GLUE, os.urandom(50_000_000))
        url = f"s3://{BUCKET}/large"
        Remote(url, options(ministack)).push(here, [digest], {"main": (None, "1")})
        Remote(url, options(ministack)).fetch(there, [digest])
        assert there.read(digest) == here.read(digest)


def race(path: Path, port: int, prefix: str, *, pushers: int, steps: int) -> list[str]:
    """Pushers that each add steps to one ref; what the ref says in the end."""
    failed: list[SapwoodError] = []
    url = f"s3://{BUCKET}/{prefix}"
    with new_store(path) as store:

        def push(number: int) -> None:
            for step in range(steps):
                with store.writer() as writer:
                    digest = writer.put(Kind.GLUE, f"{number} {step}".encode())
                while True:
                    try:
                        remote = Remote(url, options(port))
                        old = remote.refs().get("log")
                        if old is not None and f"{number}.{step}" in old.split():
                            break
                        remote.push(store, [digest], {"log": (old, f"{old or ''} {number}.{step}")})
                    except (RefMoved, RemoteFailure):
                        continue
                    except SapwoodError as error:
                        failed.append(error)
                        return

        threads = [threading.Thread(target=push, args=(number,)) for number in range(pushers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        remote = Remote(url, options(port))
        assert remote.missing(info.digest for info in store.objects()) == set()
        return remote.refs()["log"].split()


def test_racing_pushers_lose_no_commit(tmp_path: Path, ministack: int) -> None:
    log = race(tmp_path / "s", ministack, "race", pushers=3, steps=8)
    assert sorted(log) == sorted(f"{number}.{step}" for number in range(3) for step in range(8))


def test_nor_do_they_where_the_server_fails_all_the_time(tmp_path: Path, ministack: int) -> None:
    with FailingProxy(ministack, 0.15, 3) as proxy:
        log = race(tmp_path / "s", proxy.port, "failing", pushers=2, steps=6)
        assert set(proxy.failures) == set(FailingProxy.WAYS)
    assert sorted(log) == sorted(f"{number}.{step}" for number in range(2) for step in range(6))


def test_collections_beside_pushers_lose_nothing(tmp_path: Path, ministack: int) -> None:
    """Each pusher moves a ref of its own to other objects all the time, and what it left is collected."""
    url = f"s3://{BUCKET}/collected"
    pushing = threading.Event()
    swept = [0]

    def collected() -> None:
        while not pushing.is_set():
            # Without a grace period a list may go while it is read.
            with contextlib.suppress(DamagedStore, RemoteFailure):
                swept[0] += collect_remote(Remote(url, options(ministack)), live, tmp_path, grace=0).objects

    with new_store(tmp_path / "s") as store:
        pieces = put(store, *range(6))
        acknowledged: dict[str, set[Digest]] = {}

        def push(ref: str) -> None:
            source = random.Random(ref)
            for _ in range(12):
                chosen = source.sample(pieces, 2)
                while ref not in acknowledged or acknowledged[ref] != set(chosen):
                    with contextlib.suppress(DamagedStore, RemoteFailure):
                        value = {ref: (None, named(chosen))}
                        Remote(url, options(ministack)).push(store, chosen, value, force=True)
                        acknowledged[ref] = set(chosen)

        threads = [threading.Thread(target=push, args=(ref,)) for ref in "ab"]
        collector = threading.Thread(target=collected)
        for thread in [*threads, collector]:
            thread.start()
        for thread in threads:
            thread.join()
        pushing.set()
        collector.join()
    remote = Remote(url, options(ministack))
    assert swept[0] > 0
    assert live(remote.refs()) == set.union(*acknowledged.values())
    is_whole(remote.place, tmp_path)
