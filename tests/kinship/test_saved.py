"""A saved fingerprint comes back as it was, and nothing that is none is taken for one."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3

import sapwood
from sapwood.errors import BadData, LimitExceeded, MissingInput
from sapwood.kinship import limits
from sapwood.kinship.fingerprint import KEY, read_fingerprint
from sapwood.kinship.sketch import TENSORS
from sapwood.kinship.sketch_bytes import read_sketch, write_sketch
from tests.kinship import families

FILE = families.safetensors_file(families.parent(0))


def saved(exact: bool = True) -> dict[str, Any]:
    return sapwood.fingerprint(FILE, exact=exact).to_json()


@pytest.mark.parametrize("exact", [True, False])
def test_it_comes_back(tmp_path: Path, exact: bool) -> None:
    one = sapwood.fingerprint(FILE, exact=exact)
    place = tmp_path / "saved.json"
    place.write_text(json.dumps(one.to_json(), indent=2))
    back = sapwood.fingerprint(place)
    assert back.to_json() == one.to_json()
    assert back.exact is exact


def test_it_is_the_same_on_every_machine() -> None:
    """Of values that integers make, so that nothing but the sketch is tested."""
    count = 64 * 96
    whole = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) >> np.uint64(8)) % np.uint64(65536)
    signed = whole.astype(np.int64) - 32768
    arrays = {
        "a": (signed.astype(np.float32) / np.float32(4096)).reshape(64, 96),
        "b": (signed.astype(np.float32) / np.float32(4096)).astype(np.float16)[::-1].copy(),
        "c": signed.astype(np.int8),
        "d": whole.astype(np.int64)[:100],
        "e": np.array(0.5, np.float64),
    }
    one = sapwood.fingerprint(families.safetensors_file(arrays), exact=False)
    assert blake3(write_sketch(one.sketch)).hexdigest(16) == "a53becfe77009d20477deea078150ae4"
    numbers = one.signature.numbers.astype("<u2").tobytes() + one.signature.marks.tobytes()
    assert blake3(numbers).hexdigest(16) == "39b36d8b0ccc926968f86ab0fe103c9e"


def test_its_digest_is_the_one_that_patches_name() -> None:
    patch = sapwood.diff(FILE, families.safetensors_file(families.parent(1)))
    base = patch.manifest.base
    assert base is not None
    assert sapwood.fingerprint(FILE).digest == base.digest


def test_the_digest_of_a_folder_is_the_one_that_patches_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "m.safetensors").write_bytes(FILE)
        (tmp_path / name / "note.txt").write_text(name)
    patch = sapwood.diff(tmp_path / "one", tmp_path / "two")
    assert patch.manifest.target.digest == sapwood.fingerprint(tmp_path / "two").digest
    assert sapwood.fingerprint(tmp_path / "two").contents == sapwood.fingerprint(FILE).contents


def test_an_empty_folder_has_a_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one = sapwood.fingerprint(tmp_path / "empty")
    assert (one.size, one.formats, len(one.sketch.tensors)) == (0, (), 0)


def test_tied_tensors_count_once() -> None:
    arrays = families.parent(0)
    twice = arrays | {"tied.weight": arrays["embed.weight"]}
    assert (
        sapwood.fingerprint(families.safetensors_file(twice)).contents == sapwood.fingerprint(FILE).contents
    )


BROKEN: dict[str, dict[str, Any]] = {
    "another version": {KEY: 2},
    "a version of another type": {KEY: True},
    "a negative size": {"size": -1},
    "no size": {"size": None},
    "a size beyond all files": {"size": 1 << 63},
    "formats that are none": {"formats": "gguf"},
    "a format that is no name": {"formats": [1]},
    "a long format": {"formats": ["x" * 1000]},
    "a short digest": {"digest": "00"},
    "a digest that is no hex": {"digest": "zz" * 32},
    "a digest of another type": {"digest": 7},
    "one digest of two": {"contents": None},
    "no sketch": {"sketch": None},
    "a sketch that is no base64": {"sketch": "*"},
    "an empty sketch": {"sketch": ""},
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(BadData) as refused:
        read_fingerprint(json.dumps(saved() | BROKEN[name]).encode(), "a.json")
    assert refused.value.path == "a.json"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"a": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_fingerprint_is_refused(data: bytes) -> None:
    with pytest.raises(BadData):
        read_fingerprint(data)


def test_a_large_file_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        read_fingerprint(b" " * (limits.MAX_SAVED + 1))


def test_the_largest_sketch_can_be_saved() -> None:
    names = [f"t{i}" for i in range(limits.MAX_TENSORS + 10)]
    values = np.random.default_rng(1).standard_normal((len(names), 600)).astype(np.float16)
    one = sapwood.fingerprint(families.safetensors_file(dict(zip(names, values, strict=True))))
    assert len(one.sketch.tensors) == limits.MAX_TENSORS
    data = json.dumps(one.to_json(), indent=2).encode()
    assert len(data) < limits.MAX_SAVED
    assert read_fingerprint(data).to_json() == one.to_json()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("values", 0),
        ("values", 1 << 62),
        ("bytes", 0),
        ("bytes", 1 << 63),
        ("runs", 0),
        ("runs", 300),
        ("element", 0),
        ("element", 200),
        ("flags", 4),
    ],
)
def test_a_sketch_of_a_tensor_that_cannot_be_is_refused(column: str, value: int) -> None:
    data = bytearray(base64.b64decode(saved()["sketch"]))
    offset = TENSORS.fields[column][1]  # type: ignore[index]
    size = TENSORS[column].itemsize
    data[8 + offset : 8 + offset + size] = value.to_bytes(size, "little")
    with pytest.raises(BadData):
        read_sketch(bytes(data))


def test_a_sketch_cut_short_anywhere_is_refused() -> None:
    data = base64.b64decode(saved()["sketch"])
    for length in (*range(0, 400, 7), len(data) - 1):
        with pytest.raises(BadData):
            read_sketch(data[:length])
    with pytest.raises(BadData):
        read_sketch(data + b"x")


def test_a_winner_outside_its_group_is_refused() -> None:
    data = bytearray(base64.b64decode(saved()["sketch"]))
    count = int.from_bytes(data[4:8], "little")
    data[8 + count * TENSORS.itemsize] = 128
    with pytest.raises(BadData):
        read_sketch(bytes(data))


def test_counts_beyond_the_limits_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        read_sketch(b"\1\0\0\0\xff\xff\xff\xff")
    rows = np.zeros(limits.MAX_TENSORS, TENSORS)
    rows["values"] = rows["bytes"] = 1 << 40
    rows["runs"] = limits.MAX_TENSOR_RUNS
    with pytest.raises(LimitExceeded):
        read_sketch(b"\1\0\0\0" + len(rows).to_bytes(4, "little") + rows.tobytes())


def test_a_file_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingInput):
        sapwood.fingerprint("nowhere.json")


def test_json_that_is_no_fingerprint_is_a_model_without_a_format(tmp_path: Path) -> None:
    place = tmp_path / "config.json"
    place.write_text('{"hidden_size": 8}')
    assert sapwood.fingerprint(place).formats == ("opaque",)
