"""Kills, torn tails, flipped bytes, full disks, lost files: nothing acknowledged is lost, damage is named."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sapwood.errors import DamagedStore, DiskFull, MissingObject, SapwoodError, StorageFailure, WrongCall
from sapwood.store.check import Damage
from sapwood.store.kinds import Digest, Kind
from sapwood.store.store import Store
from tests.store.stores import get_bytes, model_bytes, new_store, put_bytes

ROOT = Path(__file__).parents[2]


def crash(folder: Path, kills: int, seed: int) -> dict[str, int]:
    command = [
        sys.executable,
        "-m",
        "tests.store.crash",
        str(folder),
        "--kills",
        str(kills),
        "--seed",
        str(seed),
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, int] = json.loads(ran.stdout)
    return found


def test_nothing_acknowledged_is_lost_when_writers_are_killed(tmp_path: Path) -> None:
    found = crash(tmp_path, 24, 1)
    assert found["kills"] >= 24
    assert found["acknowledged"] > 0
    assert (found["lost"], found["damaged"]) == (0, 0)


@pytest.mark.slow
def test_nor_by_hundreds_of_kills(tmp_path: Path) -> None:
    found = crash(tmp_path, 400, 2)
    assert (found["lost"], found["damaged"]) == (0, 0)
    assert found["acknowledged"] > 100


@pytest.fixture
def versions(tmp_path: Path) -> Iterator[tuple[Store, list[Digest]]]:
    """A store with four versions of a model, each a delta against the one before."""
    with new_store(tmp_path / "s", own_file=str(1 << 20)) as store:
        recipes: list[Digest] = []
        for number in range(4):
            with store.writer() as writer:
                recipes.append(put_bytes(writer, model_bytes(number), recipes[-1] if recipes else None))
        yield store, recipes


def the_pack(store: Store) -> Path:
    (found,) = (store.root / "packs").iterdir()
    return found


def big(store: Store) -> Digest:
    with store.writer() as writer:
        return writer.put(Kind.GLUE, os.urandom(1_500_000))


def damages(store: Store) -> list[Damage]:
    return list(store.fsck())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.write_bytes(data)


def test_a_sound_store_has_no_damage(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    big(store)
    assert damages(store) == []


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"SwOb", os.urandom(300), b"SwOb" + bytes(200)])
def test_a_torn_tail_is_cut_off(versions: tuple[Store, list[Digest]], tail: bytes) -> None:
    store, recipes = versions
    pack = the_pack(store)
    size = pack.stat().st_size
    with pack.open("ab") as file:
        file.write(tail)
    assert damages(store) == []
    with store.writer() as writer:
        added = writer.put(Kind.TREE, b"tree")
    assert store.info(added).offset < size + 200
    assert damages(store) == []
    assert [get_bytes(store, recipe) for recipe in recipes] == [model_bytes(n) for n in range(4)]


def test_what_was_sealed_comes_back_to_an_older_index(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        writer.put(Kind.GLUE, b"first")
    shutil.copy(tmp_path / "s" / "index.sqlite", tmp_path / "old")
    with Store.open(tmp_path / "s") as store, store.writer() as writer:
        second = writer.put(Kind.GLUE, b"second")
    shutil.copy(tmp_path / "old", tmp_path / "s" / "index.sqlite")
    with Store.open(tmp_path / "s") as store:
        assert second not in store
        with store.writer() as writer:
            third = writer.put(Kind.GLUE, b"third")
        assert bytes(store.read(second)) == b"second"
        assert bytes(store.read(third)) == b"third"
        assert damages(store) == []


def test_every_flipped_byte_of_a_pack_is_named_or_does_no_harm(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    pack = the_pack(store)
    whole = pack.read_bytes()
    for at in range(8, len(whole), len(whole) // 30):
        flip(pack, at)
        found = damages(store)
        lost = {damage.digest for damage in found} | {d for damage in found for d in damage.dependents}
        with Store.open(store.root) as fresh:
            for info in store.objects():
                try:
                    fresh.read(info.digest)
                except SapwoodError:
                    assert info.digest in lost
                else:
                    assert info.digest not in lost
        pack.write_bytes(whole)
    assert damages(store) == []
    assert len(recipes) == 4


def test_damage_names_what_stands_on_it(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    deltas = [info for info in store.objects(Kind.TENSOR) if info.depth == 3]
    chain = [deltas[0]]
    while chain[-1].base is not None:
        chain.append(store.info(chain[-1].base))
    root = chain[-1]
    flip(store.root / root.place, root.offset + root.stored // 2)
    (damage,) = damages(store)
    assert damage.digest == root.digest
    assert set(damage.dependents) == {info.digest for info in chain[:-1]}
    assert (damage.place, damage.offset) == (root.place, root.offset)
    with Store.open(store.root) as fresh, pytest.raises(DamagedStore):
        fresh.read(chain[0].digest)


def test_a_missing_file_is_named(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    digest = big(store)
    (store.root / store.info(digest).place).unlink()
    assert [(d.digest, "missing" in d.message) for d in damages(store)] == [(digest, True)]
    with pytest.raises(DamagedStore, match="missing"):
        store.read(digest)


def test_a_pack_cut_short_is_named_and_not_written_to(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    pack = the_pack(store)
    store.close()
    os.truncate(pack, pack.stat().st_size // 2)
    with Store.open(store.root) as fresh:
        assert damages(fresh)
        with fresh.writer() as writer:
            added = writer.put(Kind.TREE, b"tree")
        assert fresh.info(added).place != f"packs/{pack.name}"


def test_an_index_is_made_anew_from_the_packs(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    digest = big(store)
    store.configure("depth", "5")
    before = sorted(store.objects(), key=lambda info: info.digest)
    store.close()
    (store.root / "index.sqlite").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(DamagedStore, match="fsck"):
        Store.open(store.root)
    assert Store.rebuild(store.root) == len(before)
    with Store.open(store.root) as fresh:
        assert sorted(fresh.objects(), key=lambda info: info.digest) == before
        assert damages(fresh) == []
        assert [get_bytes(fresh, recipe) for recipe in recipes] == [model_bytes(n) for n in range(4)]
        assert len(fresh.read(digest)) == 1_500_000


def test_a_rebuild_keeps_the_settings_and_leaves_out_what_is_damaged(
    versions: tuple[Store, list[Digest]],
) -> None:
    store, _ = versions
    store.configure("depth", "5")
    victim = next(iter(store.objects(Kind.GLUE)))
    count = sum(1 for _ in store.objects())
    store.close()
    flip(store.root / victim.place, victim.offset)
    assert Store.rebuild(store.root) == count - 1
    with Store.open(store.root) as fresh:
        assert fresh.settings.depth == 5
        assert victim.digest not in fresh


def test_no_index_is_made_anew_under_a_writer(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    with store.writer() as writer:
        writer.put(Kind.TREE, b"tree")
        with pytest.raises(StorageFailure, match="another process"):
            Store.rebuild(store.root)


def test_flipped_bytes_of_the_index_are_named_or_do_no_harm(versions: tuple[Store, list[Digest]]) -> None:
    store, _ = versions
    expected = {info.digest: bytes(store.read(info.digest)) for info in store.objects()}
    store.close()
    path = store.root / "index.sqlite"
    whole = path.read_bytes()
    for at in range(40, len(whole), len(whole) // 40):
        flip(path, at)
        wrong = 0
        try:
            with Store.open(store.root) as fresh:
                for digest, data in expected.items():
                    try:
                        assert bytes(fresh.read(digest)) == data
                    except SapwoodError:
                        wrong += 1
                if wrong:
                    assert damages(fresh)
        except DamagedStore:
            wrong += 1
        for suffix in ("-wal", "-shm"):
            (store.root / f"index.sqlite{suffix}").unlink(missing_ok=True)
        if wrong:
            assert Store.rebuild(store.root) == len(expected)
            with Store.open(store.root) as fresh:
                assert damages(fresh) == []
        path.write_bytes(whole)


def test_a_full_disk_loses_nothing(full_disk: Path) -> None:
    with Store.create(full_disk / "s") as store:
        with store.writer() as writer:
            first = writer.put(Kind.GLUE, os.urandom(100_000))
        with pytest.raises(DiskFull), store.writer() as writer:
            writer.put(Kind.GLUE, os.urandom(3_000_000))
        assert len(store.read(first)) == 100_000
        with store.writer() as writer:
            second = writer.put(Kind.GLUE, os.urandom(1000))
        assert second in store
        assert damages(store) == []


def test_a_limit_on_files_is_a_failure_of_the_disk(tmp_path: Path) -> None:
    code = f"""
import os, resource
from sapwood.store.store import Store
from sapwood.store.kinds import Kind
from sapwood.errors import Unavailable
with Store.create({str(tmp_path / "s")!r}) as store:
    with store.writer() as writer:
        first = writer.put(Kind.GLUE, os.urandom(10_000))
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    try:
        with store.writer() as writer:
            writer.put(Kind.GLUE, os.urandom(3_000_000))
    except Unavailable as error:
        print(type(error).__name__)
    assert len(store.read(first)) == 10_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    with store.writer() as writer:
        writer.put(Kind.GLUE, os.urandom(3_000_000))
    assert not list(store.fsck())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == ("StorageFailure\n", 0), ran.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 400_000


def test_writers_of_several_threads_and_processes_lose_nothing(tmp_path: Path) -> None:
    new_store(tmp_path / "s").close()
    code = f"""
import sys
from sapwood.store.store import Store
from sapwood.store.kinds import Kind
with Store.open({str(tmp_path / "s")!r}) as store:
    for i in range(20):
        with store.writer() as writer:
            writer.put(Kind.GLUE, f"{{sys.argv[1]}} {{i}}".encode())
            writer.put(Kind.GLUE, f"shared {{i}}".encode())
"""
    others = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in range(2)]
    with Store.open(tmp_path / "s") as store:

        def write(name: str) -> None:
            for i in range(20):
                with store.writer() as writer:
                    writer.put(Kind.GLUE, f"{name} {i}".encode())
                    writer.put(Kind.GLUE, f"shared {i}".encode())

        threads = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [other.wait() for other in others] == [0, 0]
        found = {bytes(store.read(info.digest)).decode() for info in store.objects()}
        assert found == {f"{name} {i}" for name in ("a", "b", "0", "1", "shared") for i in range(20)}
        assert damages(store) == []


def nothing(_kind: Kind, _data: memoryview) -> list[Digest]:
    return []


def test_what_nothing_leads_to_is_collected(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    big(store)
    count = sum(1 for _ in store.objects())
    roots = recipes[:2]
    trial = store.gc(lambda: roots, nothing, grace=0, dry_run=True)
    assert trial.objects > 0
    assert sum(1 for _ in store.objects()) == count
    told = store.gc(lambda: roots, nothing, grace=0)
    assert told == trial
    assert told.kept == count - told.objects == sum(1 for _ in store.objects())
    assert list((store.root / "objects").iterdir()) == []
    # What deltas stand on stays.
    assert [get_bytes(store, recipe) for recipe in roots] == [model_bytes(0), model_bytes(1)]
    with pytest.raises(MissingObject):
        store.read(recipes[2])
    size = the_pack(store).stat().st_size
    freed = store.repack(dead=0.0)
    assert freed.packs == 1
    assert 0 < freed.freed < size
    assert sum(path.stat().st_size for path in (store.root / "packs").iterdir()) == size - freed.freed
    assert damages(store) == []
    assert get_bytes(store, recipes[1]) == model_bytes(1)
    store.gc(list, nothing, grace=0)
    store.repack()
    assert list(store.objects()) == []
    assert list((store.root / "packs").iterdir()) == []


def test_what_deltas_stand_on_stays(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    store.gc(lambda: recipes[3:], nothing, grace=0)
    store.repack(dead=0.0)
    assert get_bytes(store, recipes[3]) == model_bytes(3)
    assert damages(store) == []


def test_references_are_followed(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            leaf = writer.put(Kind.GLUE, b"leaf")
            lone = writer.put(Kind.GLUE, b"lone")
            tree = writer.put(Kind.TREE, leaf + bytes(32))
            commit = writer.put(Kind.COMMIT, tree)

        def names(_kind: Kind, data: memoryview) -> list[Digest]:
            return [bytes(data[i : i + 32]) for i in range(0, len(data), 32)]

        store.gc(lambda: [commit], names, grace=0)
        assert store.missing([leaf, lone, tree, commit]) == {lone}


def test_young_objects_stay_even_when_the_clock_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            old = writer.put(Kind.GLUE, b"old")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 1000)
        with store.writer() as writer:
            young = writer.put(Kind.GLUE, b"young")
        store.gc(list, nothing, grace=500)
        assert store.missing([old, young]) == {old}
        monkeypatch.setattr(time, "time", lambda: now - 100_000)
        store.gc(list, nothing, grace=500)
        assert young in store
        # Seen again is young again.
        monkeypatch.setattr(time, "time", lambda: now + 5000)
        with store.writer() as writer:
            writer.put(Kind.GLUE, b"young")
        monkeypatch.setattr(time, "time", lambda: now + 5400)
        store.gc(list, nothing, grace=500)
        assert young in store


def test_writers_in_flight_keep_what_they_rely_on(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    with store.lease() as lease:
        writer = store.writer(lease)
        again = put_bytes(writer, model_bytes(2))
        new = put_bytes(writer, model_bytes(5), like=recipes[3])
        large = writer.put(Kind.GLUE, os.urandom(1_200_000))
        store.gc(list, nothing, grace=0)
        assert again == recipes[2]
        writer.commit()
        store.gc(list, nothing, grace=0)
        assert get_bytes(store, again) == model_bytes(2)
        assert get_bytes(store, new) == model_bytes(5)
        assert len(store.read(large)) == 1_200_000
    store.gc(list, nothing, grace=0)
    assert list(store.objects()) == []


def test_a_collection_takes_away_what_killed_writers_left(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        (store.root / "objects" / "0123456789abcdef-00000000000000.object").write_bytes(b"left over")
        (store.root / "leases" / "0123456789abcdef.lease").write_bytes(bytes(32))
        assert store.gc(list, nothing, grace=0).files == 1
        assert list((store.root / "objects").iterdir()) == []
        assert not (store.root / "leases" / "0123456789abcdef.lease").exists()


def test_readers_follow_objects_that_a_repack_moves(versions: tuple[Store, list[Digest]]) -> None:
    store, recipes = versions
    with Store.open(store.root) as other:
        held = other.read(recipes[0])
        other.repack(dead=0.0)
        assert [get_bytes(store, recipe) for recipe in recipes] == [model_bytes(n) for n in range(4)]
        assert get_bytes(other, recipes[1]) == model_bytes(1)
        assert len(held) > 0


def test_no_pack_gets_the_name_of_one_that_is_gone(tmp_path: Path) -> None:
    """A reader that still maps the old one would read its bytes for the new one's."""
    with new_store(tmp_path / "s") as store, Store.open(tmp_path / "s") as reader:
        names = set()
        for number in range(3):
            with store.writer() as writer:
                digest = writer.put(Kind.GLUE, os.urandom(1000 + number))
            assert len(reader.read(digest)) == 1000 + number
            names.add(the_pack(store).name)
            store.gc(list, nothing, grace=0)
            store.repack()
        assert len(names) == 3


def test_a_crafted_index_does_not_lead_out_of_the_store(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        digest = writer.put(Kind.GLUE, b"some bytes")
    (tmp_path / "secret").write_bytes(b"x" * 100_000)
    for path in ("../secret", "/etc/passwd", "packs/../../secret", "other/file", "packs/.."):
        connection = sqlite3.connect(tmp_path / "s" / "index.sqlite")
        connection.execute("UPDATE file SET path = ?", (path,))
        connection.commit()
        connection.close()
        with Store.open(tmp_path / "s") as store, pytest.raises(DamagedStore, match="no object"):
            store.read(digest)


def test_a_read_only_file_system_is_read_and_says_so(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        digest = writer.put(Kind.GLUE, b"some bytes")
    frozen = tmp_path / "frozen"
    frozen.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a folder read only needs root")
    bind = ["mount", "--bind", "-o", "ro", str(tmp_path / "s"), str(frozen)]
    if subprocess.run(bind, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let tests mount a folder")
    try:
        with Store.open(frozen, read_only=True) as store:
            assert bytes(store.read(digest)) == b"some bytes"
            assert damages(store) == []
            with pytest.raises(WrongCall, match="read only"):
                store.writer()
        with pytest.raises(StorageFailure), Store.open(frozen) as store, store.writer() as writer:
            writer.put(Kind.GLUE, b"more bytes")
    finally:
        subprocess.run(["umount", "-l", str(frozen)], check=True)


def test_arrays_outlive_the_store(tmp_path: Path) -> None:
    array = np.random.default_rng(1).standard_normal((200, 200)).astype(np.float32)
    store = new_store(tmp_path / "s", compress="off")
    with store.writer() as writer:
        digest = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape)
    found = np.frombuffer(store.read(digest), np.float32)
    store.close()
    assert np.array_equal(found, array.ravel())
