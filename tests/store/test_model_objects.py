"""Model files of every format go in and come out bit for bit."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import BadData
from sapwood.formats.model import open_model
from sapwood.store.kinds import Form, Kind
from sapwood.store.model_objects import get_recipe, put_model_file, read_array
from sapwood.store.recipe import Item, Recipe, read_recipe, write_recipe
from tests.formats import samples
from tests.store.stores import digests, get_bytes, model_bytes, new_store, put_bytes, version

FORMATS = {name: made for name, made in vars(samples).items() if name.endswith("_file") and callable(made)}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    data = FORMATS[name]()
    with new_store(tmp_path / "s") as store:
        told: list[int] = []
        with store.writer() as writer, open_model(data) as model:
            recipe = put_model_file(writer, model.files[0], done=told.append)
            again = put_bytes(writer, data, like=recipe)
        assert again == recipe
        assert sum(told) == len(data)
        assert get_bytes(store, recipe) == data


@pytest.mark.parametrize("data", [b"", b"x", bytes(5_000_000), b"text " * 1000])
def test_so_do_files_of_no_known_format(tmp_path: Path, data: bytes) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            recipe = put_bytes(writer, data)
        assert get_bytes(store, recipe) == data


def test_versions_share_what_they_have_in_common(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = put_bytes(writer, model_bytes(0))
            second = put_bytes(writer, model_bytes(1), like=first)
        old, new = digests(store, first), digests(store, second)
        assert old["steps"] == new["steps"]
        assert store.info(new["embed.weight"]).base == old["embed.weight"]
        assert get_bytes(store, first) == model_bytes(0)
        assert get_bytes(store, second) == model_bytes(1)


def test_versions_of_a_file_of_no_known_format_share_what_they_have_in_common(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    arrays = [random.standard_normal(200_000).astype(np.float32) for _ in range(2)]
    old = b"head" + arrays[0].tobytes() + b"between" + arrays[1].tobytes()
    moved = (arrays[1] + random.standard_normal(200_000) * 1e-5).astype(np.float32)
    new = b"a longer head" + arrays[0].tobytes() + b"and more" + moved.tobytes()
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = put_bytes(writer, old)
            second = put_bytes(writer, new, like=first)
        assert get_bytes(store, first) == old
        assert get_bytes(store, second) == new
        whole, delta = (store.info(get_recipe(store, recipe).items[0].digest) for recipe in (first, second))
        # Floats that no format tells of are found, and so are those that stayed, though they moved.
        assert whole.stored < 0.9 * len(old)
        assert delta.base == whole.digest
        assert delta.stored < 0.3 * len(new)


def test_a_model_of_no_known_predecessor_finds_its_kin(tmp_path: Path) -> None:
    shape = (700, 300)
    renamed = {f"net.{i}": array for i, array in enumerate(version(1, shape).values())}
    other = version(0, shape, seed=77)
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = put_bytes(writer, model_bytes(0, shape))
        with store.writer() as writer:
            stranger = put_bytes(writer, safetensors.numpy.save(other))
            second = put_bytes(writer, model_bytes(1, shape))
            third = put_bytes(writer, safetensors.numpy.save(renamed))
        base = digests(store, first)
        assert store.info(digests(store, stranger)["embed.weight"]).base is None
        assert store.info(digests(store, second)["embed.weight"]).base == base["embed.weight"]
        assert digests(store, third)["net.0"] == digests(store, second)["embed.weight"]
        assert get_bytes(store, second) == model_bytes(1, shape)
        # It is an aid, no part of what is stored.
        (tmp_path / "s" / "kin.sqlite").unlink()
        with store.writer() as writer:
            fourth = put_bytes(writer, model_bytes(2, shape))
        assert get_bytes(store, fourth) == model_bytes(2, shape)


def test_tensors_are_found_by_the_names_other_frameworks_give_them(tmp_path: Path) -> None:
    renamed = safetensors.numpy.save({f"module.{name}": array for name, array in version(1).items()})
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            first = put_bytes(writer, model_bytes(0))
            second = put_bytes(writer, renamed, like=first)
        there = digests(store, second)["module.embed.weight"]
        assert store.info(there).form is Form.DELTA


def test_tensors_come_as_arrays(tmp_path: Path) -> None:
    arrays = version(0)
    with new_store(tmp_path / "s", compress="off") as store:
        with store.writer() as writer:
            recipe = put_bytes(writer, model_bytes(0))
        found = {tensor.name: (tensor, digest) for tensor, digest in get_recipe(store, recipe).tensors()}
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            read = read_array(store, *found[name])
            assert read.dtype == array.dtype
            assert np.array_equal(read, array)
        first, second = (read_array(store, *found["embed.weight"]) for _ in range(2))
        assert np.shares_memory(first, second)
        with pytest.raises(ValueError, match="read-only"):
            first[0] = 1


def test_tied_tensors_are_stored_once(tmp_path: Path) -> None:
    array = version(0)["embed.weight"]
    data = safetensors.numpy.save({"a": array, "b": array})
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            recipe = put_bytes(writer, data)
        assert len(list(store.objects(Kind.TENSOR))) == 1
        assert get_bytes(store, recipe) == data


def test_a_folder_is_many_files(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"model-{number}.safetensors").write_bytes(model_bytes(number))
    with new_store(tmp_path / "s") as store, open_model(tmp_path) as model:
        found = {}
        with store.writer() as writer:
            for file in model.files:
                if file.path.endswith(".safetensors"):
                    found[file.path] = put_model_file(writer, file)
        for path, recipe in found.items():
            assert get_bytes(store, recipe) == (tmp_path / path).read_bytes()


def test_a_recipe_is_read_as_written(tmp_path: Path) -> None:
    with new_store(tmp_path / "s") as store:
        with store.writer() as writer:
            digest = put_bytes(writer, model_bytes(0))
        recipe = get_recipe(store, digest)
        assert read_recipe(write_recipe(recipe)) == recipe
        assert recipe.layout.format == "safetensors"


@given(st.integers(0, 10_000), st.integers(0, 255), st.booleans())
def test_a_damaged_recipe_is_refused_or_is_another(at: int, byte: int, cut: bool) -> None:
    data = bytearray(RECIPE)
    if cut:
        del data[at % len(data) :]
    else:
        data[at % len(data)] = byte
    try:
        recipe = read_recipe(bytes(data))
    except BadData:
        return
    assert write_recipe(recipe) == data


def _recipe() -> bytes:
    with open_model(model_bytes(0)) as model:
        layout = model.files[0].layout
    items = tuple(Item(span, bytes([i]) * 32) for i, span in enumerate(layout.spans))
    return write_recipe(Recipe(layout.format, layout.size, bytes(32), items))


RECIPE = _recipe()
