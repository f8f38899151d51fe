import struct

import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import limits, tflite
from sapwood.formats.detect import read_layout
from tests.formats.samples import arrays, named_bytes, tflite_model
from tests.formats.tflite_file import inner_buffer, model, outer_buffer, tensor

FLOAT32, STRING, INT8, INT4 = 0, 5, 9, 17
EMPTY = inner_buffer(b"")


def described(data: bytes) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(t.name, t.dtype.name, t.shape) for _, t in tflite.read(memoryview(data)).tensors()]


def one(kind: int, shape: tuple[int, ...], content: bytes, *, sparse: bool = False) -> bytes:
    return model([tensor("t", kind, shape, 1, sparse=sparse)], [EMPTY, inner_buffer(content)])


def test_spans_are_the_arrays() -> None:
    data = tflite_model()
    layout = read_layout(memoryview(data))
    assert layout.format == "tflite"
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in arrays().items()}
    assert {tensor.name: tensor.shape for _, tensor in layout.tensors()} == {
        n: a.shape for n, a in arrays().items()
    }


def test_a_buffer_behind_the_flatbuffer_is_found() -> None:
    inside = model([tensor("t", INT8, (4,), 1)], [EMPTY, outer_buffer(0xFFFF, 4)])
    data = inside.replace(struct.pack("<Q", 0xFFFF), struct.pack("<Q", len(inside))) + b"abcd"
    assert named_bytes(tflite.read(memoryview(data)), data) == {"t": b"abcd"}


def test_packed_four_bit_elements_keep_their_shape() -> None:
    assert described(one(INT4, (5,), b"abc")) == [("t", "i4", (5,))]


def test_the_values_of_a_sparse_tensor_have_one_dimension() -> None:
    assert described(one(FLOAT32, (8, 8), bytes(12), sparse=True)) == [("t", "f32", (3,))]


def test_a_buffer_that_does_not_fit_its_tensor_is_plain_bytes() -> None:
    assert described(one(FLOAT32, (8, 8), bytes(12))) == [("t", "bytes", (12,))]


def test_texts_and_unknown_types_are_plain_bytes() -> None:
    assert described(one(STRING, (1,), b"abcd")) == [("t", "bytes", (4,))]
    assert described(one(99, (4,), b"abcd")) == [("t", "bytes", (4,))]


def test_a_shared_buffer_has_the_first_tensors_name() -> None:
    data = model([tensor("a", INT8, (4,), 1), tensor("b", FLOAT32, (1,), 1)], [EMPTY, inner_buffer(b"abcd")])
    assert described(data) == [("a", "i8", (4,))]


def test_tensors_are_counted_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = model([tensor("t", INT8, (4,), 0)] * 50, [EMPTY])
    assert not described(data)
    monkeypatch.setattr(limits, "MAX_TENSORS", 10)
    with pytest.raises(MalformedModel, match="too many"):
        tflite.read(memoryview(data))


def outer(offset: int, size: int) -> bytes:
    return model([tensor("t", INT8, (4,), 1)], [EMPTY, outer_buffer(offset, size)])


def changed(offset: int, code: str, value: int) -> bytes:
    data = bytearray(one(INT8, (4,), b"abcd"))
    struct.pack_into(f"<{code}", data, offset, value)
    return bytes(data)


def root_of(data: bytes) -> int:
    return int(struct.unpack_from("<I", data)[0])


ROOT = root_of(one(INT8, (4,), b"abcd"))
VTABLE = ROOT - struct.unpack_from("<i", one(INT8, (4,), b"abcd"), ROOT)[0]
MALFORMED = {
    "another_schema_version": model([], [EMPTY], version=2),
    "a_file_of_eight_bytes": b"\x08\0\0\0TFL3",
    "a_root_outside_the_file": changed(0, "I", 0xFFFFFFF0),
    "a_vtable_before_the_file": changed(ROOT, "i", 0x7FFFFFFF),
    "a_vtable_behind_the_file": changed(ROOT, "i", -0x7FFFFFFF),
    "a_vtable_of_odd_length": changed(VTABLE, "H", 7),
    "a_vtable_too_short": changed(VTABLE, "H", 2),
    "a_vtable_too_long": changed(VTABLE, "H", 0xFFFE),
    "a_table_too_long": changed(VTABLE + 2, "H", 0xFFFF),
    "a_field_outside_its_table": changed(VTABLE + 4, "H", 0xFFF0),
    "a_buffer_that_is_not_there": model([tensor("t", INT8, (4,), 7)], [EMPTY]),
    "a_negative_dimension": one(INT8, (-1, 4), b"abcd"),
    "a_shape_that_overflows": one(INT8, (2**31 - 1,) * 4, b"abcd"),
    "too_many_dimensions": one(INT8, (1,) * 65, b"abcd"),
    "a_name_too_long": model([tensor("x" * 9000, INT8, (4,), 1)], [EMPTY, inner_buffer(b"abcd")]),
    "an_outer_buffer_outside_the_file": outer(1 << 60, 4),
    "an_outer_buffer_longer_than_the_file": outer(8, 1 << 63),
    "outer_buffers_that_overlap": model(
        [tensor("a", INT8, (4,), 1), tensor("b", INT8, (4,), 2)],
        [EMPTY, outer_buffer(8, 4), outer_buffer(10, 4)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        tflite.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    assert read_layout(memoryview(MALFORMED[name])).format == "opaque"
