"""Patches between arrays in memory: what comes back, what is refused, and what is not copied."""

import dataclasses
import io
import subprocess
import sys
import tracemalloc
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import pytest

import sapwood
from sapwood import errors
from sapwood.formats.dtype import BYTES
from sapwood.patch import tensors as module
from sapwood.patch.array_types import ARRAY_TYPES, layout_dtype
from sapwood.patch.tensors import METADATA_KEY

Arrays = dict[str, npt.NDArray[Any]]


def normal(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def assert_same(found: Arrays, wanted: Arrays) -> None:
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def round_trip(base: Arrays, target: Arrays) -> sapwood.Patch:
    patch = sapwood.diff_tensors(base, target, threads=1)
    assert_same(sapwood.apply_tensors(base, patch, threads=1), target)
    return patch


@pytest.mark.parametrize("kind", ARRAY_TYPES.values(), ids=ARRAY_TYPES)
def test_every_type_comes_back(kind: np.dtype[Any]) -> None:
    old = np.random.default_rng(1).integers(0, 2, size=(5, 7)).astype(kind)
    new = old.copy()
    new[2] = np.ones(7).astype(kind)
    round_trip({"w": old}, {"w": new})


def test_a_small_change_makes_a_small_patch() -> None:
    old = normal(256, 256).astype(ml_dtypes.bfloat16)
    new = (old.astype(np.float32) * np.float32(1.002)).astype(ml_dtypes.bfloat16)
    patch = round_trip({"w": old}, {"w": new})
    assert patch.size < old.nbytes / 4
    assert patch.report is not None
    assert set(patch.report.kinds) >= {"bf16"}


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1), (2, 3, 4, 5)])
def test_every_shape_comes_back(shape: tuple[int, ...]) -> None:
    round_trip({"w": np.zeros(shape, np.float32)}, {"w": np.ones(shape, np.float32)})


def test_no_tensors_at_all_come_back() -> None:
    round_trip({}, {})
    round_trip({"a": normal(3)}, {})
    round_trip({}, {"a": normal(3)})


@pytest.mark.parametrize("name", ["a/b", "..", ".", "%2E", "a%2Fb", "x:y\\z", "é中\n\0", " ", "a" * 300])
def test_every_name_comes_back(name: str) -> None:
    round_trip({name: normal(4)}, {name: normal(4) * 2, "other": normal(4)})


def test_arrays_that_are_not_contiguous_come_back() -> None:
    old = normal(8, 6)
    target = {
        "t": old.T,
        "step": old[::2, ::-1],
        "big": old.astype(">f4"),
        "wide": np.broadcast_to(old[0], (3, 6)),
    }
    patch = sapwood.diff_tensors({"t": old}, target)
    found = sapwood.apply_tensors({"t": old}, patch)
    for name, array in target.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype.isnative


def test_what_comes_back_is_the_callers_own() -> None:
    found = sapwood.apply_tensors({}, sapwood.diff_tensors({}, {"w": normal(4)}))["w"]
    found[0] = 7
    assert found[0] == 7


def test_a_contiguous_array_is_not_copied() -> None:
    array = normal(1 << 20)
    tracemalloc.start()
    model, _ = module._as_model({"w": array}, "base")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert np.shares_memory(np.frombuffer(model.files[0].data, np.uint8), array)


def test_the_options_are_those_of_diff_and_apply(tmp_path: Any) -> None:
    key = tmp_path / "key"
    sapwood.generate_key(key)
    seen: list[tuple[int, int]] = []
    patch = sapwood.diff_tensors(
        {"w": normal(64)},
        {"w": normal(64) * 2},
        tmp_path / "p",
        level="max",
        metadata={"step": "3"},
        version_counter=4,
        key=key,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (256, 256)
    assert patch.signed
    assert patch.manifest.metadata["step"] == "3"
    public = tmp_path / "key.pub"
    assert sapwood.apply_tensors({"w": normal(64)}, tmp_path / "p", verify_key=public, min_version=4)
    with pytest.raises(errors.RollbackRefused):
        sapwood.apply_tensors({"w": normal(64)}, patch.to_bytes(), min_version=5)
    assert sapwood.apply_tensors({"w": normal(64)}, io.BytesIO(patch.to_bytes()))


def test_the_wrong_base_is_refused() -> None:
    patch = sapwood.diff_tensors({"w": normal(4)}, {"w": normal(4) * 2})
    with pytest.raises(errors.WrongBase):
        sapwood.apply_tensors({"w": normal(4) * 3}, patch)
    with pytest.raises(errors.WrongBase):
        sapwood.apply_tensors({"v": normal(4)}, patch)


@pytest.mark.parametrize(
    "value", [[1.0], 1.0, None, np.array(["a"]), np.array([object()]), np.array([1], "M8[s]")]
)
def test_what_is_no_array_of_numbers_is_refused(value: object) -> None:
    with pytest.raises(errors.WrongCall):
        sapwood.diff_tensors({}, {"w": value})


@pytest.mark.parametrize("name", ["", "\ud800", 3])
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(errors.WrongCall):
        sapwood.diff_tensors({}, {name: normal(2)})


def test_our_own_metadata_cannot_be_given() -> None:
    with pytest.raises(errors.WrongCall):
        sapwood.diff_tensors({}, {}, metadata={METADATA_KEY: "[]"})


def test_a_patch_between_files_is_refused() -> None:
    with pytest.raises(errors.WrongCall):
        sapwood.apply_tensors({}, sapwood.compress(b"abc" * 100))


@pytest.mark.parametrize(
    ("listing", "error"),
    [
        ("[", errors.CorruptPatch),
        ("[" * 100_000, errors.CorruptPatch),
        ("{}", errors.CorruptPatch),
        ("[]", errors.CorruptPatch),
        ("[[]]", errors.CorruptPatch),
        ("[3]", errors.CorruptPatch),
        ('[["float32",-4]]', errors.CorruptPatch),
        ('[["float32",true,4]]', errors.CorruptPatch),
        ('[["float32",4.0]]', errors.CorruptPatch),
        ('[["float32",5]]', errors.CorruptPatch),
        ('[["float32",4' + ",1" * 70 + "]]", errors.LimitExceeded),
        ('[["object",4]]', errors.UnsupportedPatch),
        ("[[[],4]]", errors.UnsupportedPatch),
    ],
)
def test_a_hostile_list_of_tensors_is_refused(listing: str, error: type[Exception]) -> None:
    patch = sapwood.diff_tensors({}, {"w": normal(4)})
    patch.manifest = dataclasses.replace(patch.manifest, metadata={METADATA_KEY: listing})
    with pytest.raises(error):
        sapwood.apply_tensors({}, patch)


@pytest.mark.parametrize("path", ["%77", "%FF", "a b"])
def test_a_name_encoded_in_another_way_is_refused(path: str) -> None:
    patch = sapwood.diff_tensors({}, {"w": normal(4)})
    target = patch.manifest.target
    files = (dataclasses.replace(target.files[0], path=path),)
    patch.manifest = dataclasses.replace(patch.manifest, target=dataclasses.replace(target, files=files))
    with pytest.raises(errors.CorruptPatch):
        sapwood.apply_tensors({}, patch)


def test_numpy_users_do_not_import_torch() -> None:
    code = (
        "import sys, numpy, sapwood\n"
        "a = {'w': numpy.zeros(4)}\n"
        "sapwood.apply_tensors(a, sapwood.diff_tensors(a, a))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# NumPy's names of all types that PyTorch has too.
TORCH_TYPES = [name for name in ARRAY_TYPES if layout_dtype(ARRAY_TYPES[name]) is not BYTES]


def need_torch() -> Any:
    return pytest.importorskip("torch", reason="the extra 'torch' is not installed")


@pytest.mark.parametrize("kind", TORCH_TYPES)
def test_torch_tensors_of_every_type_come_back(kind: str) -> None:
    torch = need_torch()
    base = {"w": torch.zeros(3, 5).to(getattr(torch, kind)), "s": torch.tensor(1.0)}
    target = {"w": torch.ones(3, 5).to(getattr(torch, kind)), "s": torch.tensor(2.0)}
    found = sapwood.apply_tensors(base, sapwood.diff_tensors(base, target))
    assert found["w"].dtype.name == kind
    assert found["w"].tobytes() == target["w"].view(torch.uint8).numpy().tobytes()
    assert found["s"].shape == ()


def test_torch_and_numpy_make_the_same_patch() -> None:
    torch = need_torch()
    old, new = normal(16, 8), normal(16, 8) * 2
    from_numpy = sapwood.diff_tensors({"w": old}, {"w": new})
    from_torch = sapwood.diff_tensors({"w": torch.from_numpy(old)}, {"w": torch.from_numpy(new)})
    assert from_torch.to_bytes() == from_numpy.to_bytes()


def test_a_torch_tensor_is_not_copied() -> None:
    torch = need_torch()
    weights = torch.nn.Parameter(torch.zeros(1000, dtype=torch.bfloat16))
    model, _ = module._as_model({"w": weights}, "base")
    weights.data.fill_(1)
    assert bytes(model.files[0].data[:2]) == b"\x80\x3f"


def test_torch_views_come_back_row_by_row() -> None:
    torch = need_torch()
    weights = torch.arange(12.0).reshape(3, 4)
    target = {"t": weights.T, "conj": torch.tensor([1 + 2j]).conj(), "part": weights[1:, ::2]}
    found = sapwood.apply_tensors({}, sapwood.diff_tensors({}, target))
    for name, tensor in target.items():
        np.testing.assert_array_equal(found[name], tensor.resolve_conj().numpy())


def test_torch_tensors_without_plain_bytes_are_refused() -> None:
    torch = need_torch()
    for value in (torch.zeros(2, 2).to_sparse(), torch.zeros(2, device="meta")):
        with pytest.raises(errors.WrongCall):
            sapwood.diff_tensors({}, {"w": value})
