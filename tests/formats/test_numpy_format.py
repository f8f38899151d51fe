import io

import numpy as np
import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import numpy_format
from sapwood.formats.detect import read_layout
from tests.formats.samples import arrays, named_bytes, npy_file, npz_file


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def found(data: bytes) -> list[tuple[str, str, tuple[int, ...]]]:
    layout = numpy_format.read(memoryview(data))
    return [(tensor.name, tensor.dtype.name, tensor.shape) for _, tensor in layout.tensors()]


def file(header: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode("latin-1") + body


def test_the_span_of_a_lone_array_is_the_array() -> None:
    data = npy_file()
    layout = read_layout(memoryview(data))
    assert layout.format == "numpy"
    assert named_bytes(layout, data) == {"array": arrays()["encoder.weight"].tobytes()}


def test_spans_of_an_archive_are_the_arrays() -> None:
    data = npz_file()
    layout = read_layout(memoryview(data))
    assert layout.format == "numpy"
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in arrays().items()}
    assert {tensor.name: tensor.shape for _, tensor in layout.tensors()} == {
        n: a.shape for n, a in arrays().items()
    }


def test_compressed_arrays_are_glue() -> None:
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays())
    layout = read_layout(memoryview(out.getvalue()))
    assert (layout.format, list(layout.tensors()), layout.warnings) == ("numpy", [], ())


@pytest.mark.parametrize(
    ("array", "name", "shape"),
    [
        (np.zeros((2, 3), "<f8"), "f64", (2, 3)), (np.zeros(3, "<c8"), "c64", (3,)),
        (np.zeros((), "<u2"), "u16", ()),
        (np.zeros(3, "?"), "bool", (3,)), (np.zeros((2, 3), "<i4", order="F"), "i32", (3, 2)),
        (np.zeros(2, "<M8[ns]"), "i64", (2,)), (np.zeros(2, ">i1"), "i8", (2,)),
        (np.zeros(2, ">f4"), "bytes", (2, 4)),
        (np.zeros(2, "<U3"), "bytes", (2, 12)), (np.zeros(2, "V2"), "bytes", (2, 2)),
        (np.zeros(2, "S5"), "bytes", (2, 5)),
    ],
)  # fmt: skip
def test_every_kind_of_element_is_named(array: np.ndarray, name: str, shape: tuple[int, ...]) -> None:
    assert found(npy(array)) == [("array", name, shape)]


def test_every_version_is_read() -> None:
    for version in ((1, 0), (2, 0), (3, 0)):
        assert found(npy(np.zeros(2, np.float32), version)) == [("array", "f32", (2,))]


def test_shapes_written_by_python_2_are_read() -> None:
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L), }\n"
    assert found(file(header, bytes(6))) == [("array", "u8", (2, 3))]


def test_arrays_of_objects_and_structures_are_glue() -> None:
    assert not found(npy(np.zeros(2, [("a", "<f4"), ("b", "<i2")])))
    assert not found(npy(np.array([{}, None], dtype=object)))


def test_what_follows_an_array_is_glue() -> None:
    assert found(npy(np.zeros(2, np.int8)) * 2) == [("array", "i8", (2,))]


GOOD = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n"
MALFORMED = {
    "a_file_of_eight_bytes": b"\x93NUMPY\1\0",
    "an_unknown_version": b"\x93NUMPY\4\0" + bytes(20),
    "a_header_longer_than_the_file": b"\x93NUMPY\1\0\xff\xff{}",
    "a_header_over_the_limit": b"\x93NUMPY\2\0\xff\xff\xff\x7f{}",
    "a_header_that_is_no_dictionary": file("[]\n"),
    "a_header_without_a_shape": file("{'descr': '|u1', 'fortran_order': False, }\n"),
    "a_header_with_a_call": file("{'descr': '|u1', 'fortran_order': False, 'shape': exit(), }\n"),
    "a_header_of_brackets": file("{" * 60_000),
    "a_negative_size": file(GOOD.replace("(2,)", "(-2,)"), b"ab"),
    "a_shape_that_overflows": file(GOOD.replace("(2,)", f"({1 << 62}, 9)"), b"ab"),
    "too_many_dimensions": file(GOOD.replace("(2,)", "(" + "1, " * 65 + ")"), b"ab"),
    "an_array_longer_than_the_file": file(GOOD, b"a"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        numpy_format.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    assert [warning.format for warning in read_layout(memoryview(MALFORMED[name])).warnings] == ["numpy"]


def test_an_archive_without_its_end_is_opaque_with_a_warning() -> None:
    layout = read_layout(memoryview(npz_file()[:-30]))
    assert (layout.format, [warning.format for warning in layout.warnings]) == ("opaque", ["numpy"])
