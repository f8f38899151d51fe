import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits, mxnet
from sapwood.formats.detect import read_layout
from tests.formats.folders import contents
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
FLOAT, INT8 = 0, 5
DEVICE = struct.pack("<2i", 1, 0)


def shape(*sizes: int) -> bytes:
    return struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)


def dense(
    data: bytes = b"abcdefgh", sizes: bytes | None = None, kind: int = FLOAT, storage: int = 0
) -> bytes:
    told = shape(2) if sizes is None else sizes
    return struct.pack("<II", V2, storage) + told + DEVICE + struct.pack("<I", kind) + data


def file(*found: bytes, names: tuple[str, ...] | None = None, count: int | None = None) -> bytes:
    chosen = tuple(f"a{i}" for i in range(len(found))) if names is None else names
    data = struct.pack("<QQQ", 0x112, 0, len(found) if count is None else count) + b"".join(found)
    texts = [name.encode() for name in chosen]
    return data + struct.pack("<Q", len(texts)) + b"".join(struct.pack("<Q", len(t)) + t for t in texts)


def kinds(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.dtype.name, t.shape) for _, t in mxnet.read(memoryview(data)).tensors()}


def test_real_dense_arrays() -> None:
    data = contents("mxnet-1")["dense.params"]
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("mxnet", ())
    found = arrays(1)
    expected = {name: array.tobytes() for name, array in found.items()}
    expected["half"] = found["fc2.weight"].astype(np.float16).tobytes()
    expected["codes"] = np.rint(found["fc2.weight"] * 100).astype(np.int8).tobytes()
    assert named_bytes(layout, data) == expected
    assert kinds(data)["fc1.weight"] == ("f32", (24, 16))


def test_a_real_sparse_array_has_its_indices() -> None:
    data = contents("mxnet-1")["sparse.params"]
    weight = arrays(1)["fc1.weight"]
    kept = weight[np.abs(weight) > 0.4]
    assert named_bytes(read_layout(memoryview(data)), data)["csr"] == kept.tobytes()
    assert kinds(data) == {
        "csr": ("f32", kept.shape),
        "csr.aux.0": ("i64", (25,)),
        "csr.aux.1": ("i64", kept.shape),
    }


def test_real_arrays_of_mxnets_numpy() -> None:
    assert kinds(contents("mxnet-1")["numpy.params"]) == {"bias": ("f32", (24,)), "step": ("f32", ())}


def test_older_arrays_and_none() -> None:
    zero = struct.pack("<II", 1, 3) + DEVICE + struct.pack("<I", INT8) + b"xyz"
    one = struct.pack("<I", V1) + shape(3) + DEVICE + struct.pack("<I", INT8) + b"uvw"
    none = [struct.pack("<I", 0), struct.pack("<II", V2, 0) + shape(), struct.pack("<IIi", V3, 0, -1)]
    assert kinds(file(zero, one, *none, dense())) == {
        "a0": ("i8", (3,)),
        "a1": ("i8", (3,)),
        "a5": ("f32", (2,)),
    }


def test_arrays_without_names_are_numbered() -> None:
    assert set(kinds(file(dense(), dense(), names=()))) == {"0", "1"}


MALFORMED = {
    "cut_short": file(dense())[:-1],
    "bytes_behind_the_names": file(dense()) + b"x",
    "an_absurd_count": file(dense(), count=(1 << 64) - 1),
    "more_arrays_than_there_are": file(dense(), count=3),
    "fewer_names_than_arrays": file(dense(), dense(), names=("a",)),
    "absurdly_many_names": file(dense())[:-18] + b"\xff" * 18,
    "a_name_longer_than_the_file": file(dense(), names=("a",))[:-9] + struct.pack("<Q", 1 << 60) + b"a",
    "a_name_too_long": file(dense(), names=("n" * 9000,)),
    "a_name_that_is_no_text": file(dense(), names=("a",))[:-1] + b"\xff",
    "an_unknown_version": file(b"\xff" * 4 + dense()),
    "an_unknown_storage_type": file(dense(storage=7)),
    "an_unknown_type": file(dense(kind=99)),
    "a_negative_dimension": file(dense(sizes=shape((1 << 64) - 1))),
    "a_shape_that_overflows": file(dense(sizes=shape(1 << 62, 1 << 62))),
    "too_many_dimensions": file(dense(sizes=shape(*[1] * 65))),
    "absurdly_many_dimensions": file(dense(sizes=b"\xfe" * 4)),
    "an_array_longer_than_the_file": file(dense(sizes=shape(1 << 40))),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        mxnet.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["mxnet"])


def test_names_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 5)
    with pytest.raises(MalformedModel, match="too long"):
        mxnet.read(memoryview(file(*[dense()] * 4)))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from(["dense.params", "sparse.params", "numpy.params"]),
)
def test_a_damaged_file_still_has_a_layout(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    data = bytearray(contents("mxnet-1")[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
