"""Objects go in and come out; each is stored once, small, and whole where that was asked for."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import DamagedStore, MissingInput, MissingObject, WrongCall
from sapwood.store.kinds import Description, Form, Kind, describe, object_digest, read_description
from sapwood.store.store import Store
from tests.store.stores import new_store


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    array = noise(300, 50)
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            tensor = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape)
            glue = writer.put(Kind.GLUE, b"header")
            empty = writer.put(Kind.GLUE, b"")
            none = writer.put(Kind.TENSOR, b"", dtype="f32", shape=(0, 3))
        assert bytes(store.read(tensor)) == array.tobytes()
        assert [bytes(store.read(name)) for name in (glue, empty, none)] == [b"header", b"", b""]
        assert store.info(tensor).shape == (300, 50)
        assert store.missing([tensor, bytes(32)]) == {bytes(32)}
        assert tensor in store
        assert {info.digest for info in store.objects()} == {tensor, glue, empty, none}
        assert [info.digest for info in store.objects(Kind.TENSOR)] == sorted([tensor, none])
        assert store.matching(tensor.hex()[:8], Kind.TENSOR) == [tensor]
        assert store.matching(tensor.hex()[:8], Kind.TREE) == []
    with Store.open(tmp_path / "s") as store:
        assert bytes(store.read(tensor)) == array.tobytes()
        out = io.BytesIO()
        store.stream(tensor, out)
        assert out.getvalue() == array.tobytes()


def test_nothing_counts_before_the_writer_ends(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        writer = store.writer()
        digest = writer.put(Kind.GLUE, b"some bytes")
        assert digest in writer
        assert bytes(writer.read(digest)) == b"some bytes"
        assert digest not in store
        writer.close()
        assert digest not in store
        with pytest.raises(ZeroDivisionError), store.writer() as failing:
            failing.put(Kind.GLUE, b"some bytes")
            raise ZeroDivisionError
        assert digest not in store
        with pytest.raises(MissingObject, match="not in the store"):
            store.read(digest)
        with store.writer() as good:
            good.put(Kind.GLUE, b"some bytes")
        assert bytes(store.read(digest)) == b"some bytes"
        with pytest.raises(WrongCall, match="has ended"):
            good.put(Kind.GLUE, b"more")


def test_an_object_is_stored_once(tmp_path: Path) -> None:
    array = noise(200, 50)
    with new_store(tmp_path / "s") as store:
        for _ in range(2):
            with store.writer() as writer:
                names = {writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape) for _ in range(3)}
                assert len(names) == 1
        size = sum(path.stat().st_size for path in (tmp_path / "s" / "packs").iterdir())
        assert size < array.nbytes


def test_type_and_shape_are_part_of_the_name(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        names = {
            writer.put(Kind.TENSOR, bytes(64), dtype="f32", shape=(16,)),
            writer.put(Kind.TENSOR, bytes(64), dtype="f32", shape=(4, 4)),
            writer.put(Kind.TENSOR, bytes(64), dtype="i32", shape=(16,)),
            writer.put(Kind.GLUE, bytes(64)),
            writer.put(Kind.TREE, bytes(64)),
        }
        assert len(names) == 5


@pytest.mark.parametrize(
    ("kind", "dtype", "shape"),
    [
        (Kind.TENSOR, "float32", (4,)),
        (Kind.TENSOR, "f32", (-1,)),
        (Kind.GLUE, "f32", ()),
        (Kind.TREE, "", (4,)),
    ],
)
def test_what_is_described_wrongly_is_refused(
    tmp_path: Path, kind: Kind, dtype: str, shape: tuple[int, ...]
) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer, pytest.raises(WrongCall):
        writer.put(kind, bytes(16), dtype=dtype, shape=shape)


@given(
    dtype=st.sampled_from(["f32", "bf16", "q4_k", "bytes"]),
    shape=st.lists(st.integers(0, 2**63), max_size=8),
)
def test_descriptions_are_read_as_written(dtype: str, shape: list[int]) -> None:
    one = Description(Kind.TENSOR, dtype, tuple(shape))
    assert read_description(describe(one)) == one


def test_the_names_of_objects_are_for_ever() -> None:
    """A change here makes every store unreadable."""
    tensor = object_digest(Description(Kind.TENSOR, "bf16", (2, 3)), bytes(range(12)))
    assert tensor.hex() == "077a23c845d6edbc44a963364c68575d532d38701b2bd7e8d4afbedeb0b58f8e"
    assert (
        object_digest(Description(Kind.COMMIT), b"commit").hex()
        == "1807270a32504e9da361faec4ae7348cd7fd93afc525b9db96fb53f726018eb3"
    )


def test_a_delta_is_small_and_exact(tmp_path: Path) -> None:
    old = noise(500, 200)
    new = old + noise(500, 200, seed=2) * np.float32(1e-5)
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = writer.put(Kind.TENSOR, old, dtype="f32", shape=old.shape)
            second = writer.put(Kind.TENSOR, new, dtype="f32", shape=new.shape, base=first)
        info = store.info(second)
        assert (info.form, info.base, info.depth) == (Form.DELTA, first, 1)
        assert info.stored < 0.6 * store.info(first).stored
        assert bytes(store.read(second)) == new.tobytes()


def test_a_base_that_is_no_help_is_left_out(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = writer.put(Kind.TENSOR, noise(300, 30), dtype="f32", shape=(300, 30))
            other = writer.put(Kind.TENSOR, noise(300, 30, seed=9), dtype="f32", shape=(300, 30), base=first)
            missing = writer.put(Kind.TENSOR, noise(9, 30), dtype="f32", shape=(9, 30), base=bytes(32))
        assert store.info(other).base is None
        assert store.info(missing).base is None


def test_a_grown_table_a_cast_and_a_multiple_follow_from_their_base(tmp_path: Path) -> None:
    old = noise(400, 64)
    grown = np.vstack([old + np.float32(1e-6), noise(10, 64, seed=4)])
    cast = old.astype(np.float16)
    scaled = (old * np.float32(0.999)).astype(np.float32)
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            base = writer.put(Kind.TENSOR, old, dtype="f32", shape=old.shape)
            made = {
                writer.put(Kind.TENSOR, array, dtype=dtype, shape=array.shape, base=base): array
                for array, dtype in ((grown, "f32"), (cast, "f16"), (scaled, "f32"))
            }
        for digest, array in made.items():
            assert store.info(digest).base == base
            assert store.info(digest).stored < 0.3 * array.nbytes
            assert bytes(store.read(digest)) == array.tobytes()


def test_chains_of_deltas_have_a_bound(tmp_path: Path) -> None:
    with new_store(tmp_path / "s", depth="3") as store:
        before = None
        made: dict[bytes, np.ndarray] = {}
        array = noise(100, 64)
        for step in range(12):
            array = array + noise(100, 64, seed=10 + step) * np.float32(1e-5)
            with store.writer() as writer:
                before = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape, base=before)
            made[before] = array
        depths = [store.info(digest).depth for digest in made]
        assert max(depths) == 3
        assert sum(depth == 0 for depth in depths) == 1
        for digest, content in made.items():
            assert bytes(store.read(digest)) == content.tobytes()


def test_whole_objects_stay_as_they_are_and_are_read_without_a_copy(tmp_path: Path) -> None:
    array = noise(500, 100)
    with new_store(tmp_path / "s", compress="off") as store:
        with store.writer() as writer:
            digest = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape)
            small = writer.put(Kind.TENSOR, array[:2], dtype="f32", shape=(2, 100))
        info = store.info(digest)
        assert (info.form, info.offset % 4096) == (Form.RAW, 0)
        assert store.info(small).offset % 16 == 0
        first, second = (
            np.frombuffer(store.read(digest), np.float32),
            np.frombuffer(store.read(digest), np.float32),
        )
        assert np.shares_memory(first, second)
        assert not first.flags.writeable
    assert (first.reshape(array.shape) == array).all()


def test_small_objects_take_no_page_each(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            for seed in range(400):
                writer.put(Kind.TENSOR, noise(16, seed=seed), dtype="f32", shape=(16,))
        size = sum(path.stat().st_size for path in (tmp_path / "s" / "packs").iterdir())
        assert size < 400 * (64 + 100)


def test_large_objects_get_files_of_their_own(tmp_path: Path) -> None:
    array = noise(1200, 1000)
    near = array + noise(1200, 1000, seed=3) * np.float32(1e-6)
    for compress in ("on", "off"):
        with new_store(tmp_path / compress, own_file="3000000", compress=compress) as store:
            with store.writer() as writer:
                digest = writer.put(Kind.TENSOR, array, dtype="f32", shape=array.shape)
                delta = writer.put(Kind.TENSOR, near, dtype="f32", shape=array.shape, base=digest)
            info = store.info(digest)
            assert info.place.startswith("objects/")
            assert info.offset == 4096
            assert store.info(delta).place.startswith("packs/")
            assert bytes(store.read(digest)) == array.tobytes()
            assert bytes(store.read(delta)) == near.tobytes()
            gone = store.writer()
            gone.put(Kind.TENSOR, array * 2, dtype="f32", shape=array.shape)
            assert len(list((tmp_path / compress / "objects").iterdir())) == 2
            gone.close()
            assert len(list((tmp_path / compress / "objects").iterdir())) == 1


def test_full_packs_are_followed_by_new_ones(tmp_path: Path) -> None:
    with new_store(tmp_path / "s", pack=str(1 << 20)) as store:
        with store.writer() as writer:
            names = [writer.put(Kind.GLUE, os.urandom(300_000)) for _ in range(12)]
        assert len(list((tmp_path / "s" / "packs").iterdir())) >= 3
        assert all(len(store.read(name)) == 300_000 for name in names)


def test_the_bytes_do_not_depend_on_threads(tmp_path: Path) -> None:
    packs = []
    for threads in (1, 3):
        with Store.create(tmp_path / f"s{threads}", threads=threads) as store, store.writer() as writer:
            base = writer.put(Kind.TENSOR, noise(900, 500), dtype="f32", shape=(900, 500))
            near = noise(900, 500) * np.float32(1.00001)
            writer.put(Kind.TENSOR, near, dtype="f32", shape=(900, 500), base=base)
        (pack,) = (tmp_path / f"s{threads}" / "packs").iterdir()
        packs.append(pack.read_bytes())
    assert packs[0] == packs[1]


def test_stored_objects_travel_between_stores(tmp_path: Path) -> None:
    old = noise(200, 64)
    new = old + np.float32(1e-6)
    with new_store(tmp_path / "a") as here, new_store(tmp_path / "b") as there:
        with here.writer() as writer:
            first = writer.put(Kind.TENSOR, old, dtype="f32", shape=old.shape)
            second = writer.put(Kind.TENSOR, new, dtype="f32", shape=new.shape, base=first)
        with pytest.raises(MissingObject, match="base"), there.writer() as writer:
            writer.put_stored(here.stored(second))
        with there.writer() as writer:
            writer.put_stored(here.stored(first))
            writer.put_stored(here.stored(second))
        assert bytes(there.read(second)) == new.tobytes()
        assert there.info(second).stored == here.info(second).stored


def test_settings_are_kept_and_checked(tmp_path: Path) -> None:
    with new_store(tmp_path / "s", compress="off", depth="4") as store:
        assert (store.settings.compress, store.settings.depth) == (False, 4)
        for name, value in (("compress", "maybe"), ("depth", "-1"), ("depth", "1000"), ("colour", "red")):
            with pytest.raises(WrongCall, match="not a setting"):
                store.configure(name, value)
    with Store.open(tmp_path / "s") as store:
        assert store.settings.text("compress") == "off"


def test_a_store_is_made_once_and_only_found_where_it_is(tmp_path: Path) -> None:
    new_store(tmp_path / "s").close()
    with pytest.raises(WrongCall, match="there already"):
        Store.create(tmp_path / "s")
    with pytest.raises(MissingInput, match="no store"):
        Store.open(tmp_path / "other")


def test_a_store_that_was_never_finished_is_made(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "index.sqlite").touch()
    with Store.create(tmp_path / "s") as store, store.writer() as writer:
        digest = writer.put(Kind.GLUE, b"some bytes")
    with Store.open(tmp_path / "s") as store:
        assert digest in store
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "index.sqlite").write_bytes(b"something else" * 1000)
    with pytest.raises(DamagedStore):
        Store.create(tmp_path / "t")


def test_a_store_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store, store.writer() as writer:
        digest = writer.put(Kind.GLUE, b"some bytes")
    with Store.open(tmp_path / "s", read_only=True) as store:
        assert bytes(store.read(digest)) == b"some bytes"
        with pytest.raises(WrongCall, match="read only"):
            store.writer()


def test_opening_a_store_needs_no_numpy(tmp_path: Path) -> None:
    new_store(tmp_path / "s").close()
    code = f"import sys; from sapwood.store.store import Store; Store.open({str(tmp_path / 's')!r}); "
    code += "sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
