"""Checked out files share pages with the store, where the file system lets them, and never harm it."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from sapwood.formats.model import open_model
from sapwood.repo.repository import Repository
from sapwood.store.kinds import Form
from sapwood.store.model_objects import Written, get_recipe, put_model_file, write_model_file
from sapwood.store.shared_pages import shares_pages
from sapwood.store.store import Store
from tests.images import mounted, new_image
from tests.store.stores import model_bytes, new_store, put_bytes

SHAPE = (500, 300)
LARGE = 64 << 10


@pytest.fixture(params=["btrfs", "xfs"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    new_image(tmp_path / "image", request.param)
    with mounted(tmp_path / "image", tmp_path / "disk") as folder:
        assert shares_pages(folder)
        yield folder


def test_what_is_whole_is_shared_and_the_rest_is_copied(disk: Path) -> None:
    file = model_bytes(0, SHAPE)
    (disk / "model").write_bytes(file)
    for settings in ({"compress": "off"}, {"compress": "off", "own_file": str(1 << 20)}, {}):
        name = "-".join(["store", *settings])
        with new_store(disk / name, **settings) as store:
            with store.writer() as writer, open_model(disk / "model") as model:
                recipe = put_model_file(writer, model.files[0])
            with (disk / f"{name}.out").open("w+b") as out:
                written = write_model_file(store, recipe, out)
            assert (disk / f"{name}.out").read_bytes() == file
            items = get_recipe(store, recipe).items
            whole = [
                item
                for item in items
                if store.info(item.digest).form is Form.RAW and item.span.length >= LARGE
            ]
            assert bool(whole) == bool(settings)
            # Of each, what is not a whole page is copied.
            least = sum(item.span.length - 2 * 4096 for item in whole)
            assert least <= written.shared <= sum(item.span.length for item in whole)
            assert written.size == len(file)
            assert list(store.fsck()) == []
            for item in whole:
                assert store.info(item.digest).offset % 4096 == item.span.offset % 4096


def test_a_tensor_that_lies_otherwise_in_a_page_is_copied_and_what_follows_is_shared(disk: Path) -> None:
    random = np.random.default_rng(2)
    first, second = (random.standard_normal(100_000).astype(np.float32) for _ in range(2))
    with new_store(disk / "s", compress="off") as store:
        recipes = []
        for arrays in ({"a": first}, {"a": first, "b": second}):
            with store.writer() as writer:
                recipes.append(put_bytes(writer, safetensors.numpy.save(arrays)))
        at = [item.span.offset for recipe in recipes for item in get_recipe(store, recipe).items[1:2]]
        assert at[0] % 4096 != at[1] % 4096
        with (disk / "out").open("w+b") as out:
            written = write_model_file(store, recipes[1], out)
        assert second.nbytes - 2 * 4096 <= written.shared <= second.nbytes


def test_it_takes_no_room_and_what_is_written_to_the_file_stays_there(disk: Path) -> None:
    array = np.random.default_rng(1).standard_normal(5_000_000).astype(np.float32)
    with Repository.init(disk / "r") as repo:
        repo.settings.set("store.compress", "off")
        repo.commit({"w": array}, "One")
        free = shutil.disk_usage(disk).free
        repo.restore([repo.path / "model.safetensors"])
        assert repo.work.copied < 10_000
        assert repo.work.shared + repo.work.copied == (repo.path / "model.safetensors").stat().st_size
        subprocess.run(["sync", "-f", str(disk)], check=True)
        assert free - shutil.disk_usage(disk).free < array.nbytes // 10
        with (repo.path / "model.safetensors").open("r+b") as file:
            file.seek(1 << 20)
            file.write(b"\xff" * (2 << 20))
        assert list(repo.fsck()) == []
        assert (repo.checkout("HEAD")["w"] == array).all()
        assert [change.path for change in repo.status().unstaged] == ["model.safetensors"]
    told = subprocess.run(
        [sys.executable, "-m", "sapwood", "restore", "--json", "model.safetensors"],
        cwd=disk / "r",
        capture_output=True,
        check=True,
    )
    assert json.loads(told.stdout)["shared"] > 0.99 * array.nbytes


def test_a_repack_keeps_it_so(disk: Path) -> None:
    (disk / "model").write_bytes(model_bytes(0, SHAPE))
    with new_store(disk / "s", compress="off") as store:
        with store.writer() as writer, open_model(disk / "model") as model:
            recipe = put_model_file(writer, model.files[0])
        with (disk / "before").open("w+b") as out:
            before = write_model_file(store, recipe, out)
        assert store.repack(dead=0).packs == 1
        with (disk / "after").open("w+b") as out:
            assert write_model_file(store, recipe, out) == before
        assert before.shared
        assert (disk / "after").read_bytes() == (disk / "before").read_bytes()


def test_what_was_cloned_is_shared_too(disk: Path) -> None:
    array = np.random.default_rng(1).standard_normal(500_000).astype(np.float32)
    with Repository.init(disk / "r") as repo:
        repo.settings.set("store.compress", "off")
        repo.commit({"w": array}, "One")
        repo.add_remote("origin", str(disk / "remote"))
        repo.push("origin")
    with Repository.clone(str(disk / "remote"), disk / "clone") as clone:
        assert clone.work.shared > 0.99 * array.nbytes
        assert (clone.checkout("HEAD")["w"] == array).all()


def test_elsewhere_all_is_copied(tmp_path: Path) -> None:
    """Also into what has bytes already, or only takes them at its end, on whatever file system."""
    file = model_bytes(0, SHAPE)
    with new_store(tmp_path / "s", compress="off") as store:
        with store.writer() as writer, open_model(file) as model:
            recipe = put_model_file(writer, model.files[0])
        out = tmp_path / "out"
        for append, before in itertools.product((False, True), (b"", b"before")):
            out.write_bytes(before)
            with out.open("ab") if append else out.open("r+b") as sink:
                sink.seek(0, os.SEEK_END)
                written = write_model_file(store, recipe, sink)
            assert out.read_bytes() == before + file
            if before or append:
                assert written == Written(len(file), 0)


def test_other_places_than_the_store_s_get_copies(disk: Path, tmp_path: Path) -> None:
    file = model_bytes(0, SHAPE)
    (disk / "model").write_bytes(file)
    with Store.create(disk / "s") as store:
        store.configure("compress", "off")
        with store.writer() as writer, open_model(disk / "model") as model:
            recipe = put_model_file(writer, model.files[0])
        with (tmp_path / "out").open("w+b") as out:
            assert write_model_file(store, recipe, out) == Written(len(file), 0)
        assert (tmp_path / "out").read_bytes() == file
