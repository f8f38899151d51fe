import struct

import ml_dtypes
import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import limits
from sapwood.formats import onnx as onnx_format
from sapwood.formats.detect import read_layout
from tests.formats.samples import arrays, named_bytes, onnx_file

helper, from_array = onnx.helper, onnx.numpy_helper.from_array


def file(
    nodes: list[onnx.NodeProto] | None = None, tensors: list[onnx.TensorProto] | None = None, **graph: object
) -> bytes:
    made = helper.make_graph(nodes or [], "g", [], [], tensors or [], **graph)
    return bytes(helper.make_model(made).SerializeToString())


def found(data: bytes) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    layout = onnx_format.read(memoryview(data))
    return {
        t.name: (t.dtype.name, t.shape, data[s.offset : s.offset + s.length]) for s, t in layout.tensors()
    }


def test_spans_are_the_arrays() -> None:
    data = onnx_file()
    layout = read_layout(memoryview(data))
    expected = {name: array.tobytes() for name, array in arrays().items()}
    assert layout.format == "onnx"
    assert named_bytes(layout, data) == expected | {"offset": np.arange(9, dtype=np.int32).tobytes()}
    shapes = {tensor.name: tensor.shape for _, tensor in layout.tensors()}
    assert shapes == {name: array.shape for name, array in arrays().items()} | {"offset": (9,)}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (np.float64, "f64"), (np.uint16, "u16"), (np.bool_, "bool"), (np.complex128, "c128"),
        (ml_dtypes.bfloat16, "bf16"), (ml_dtypes.float8_e4m3fn, "f8_e4m3"),
        (ml_dtypes.float8_e5m2fnuz, "f8_e5m2fnuz"),
    ],
)  # fmt: skip
def test_raw_data_of_every_kind_is_named(kind: type, name: str) -> None:
    array: np.ndarray = np.ones((2, 3), dtype=kind)
    assert found(file(tensors=[from_array(array, "t")])) == {"t": (name, (2, 3), array.tobytes())}


def test_packed_four_bit_elements_keep_their_shape() -> None:
    tensor = helper.make_tensor("t", onnx.TensorProto.INT4, [5], b"abc", raw=True)
    assert found(file(tensors=[tensor])) == {"t": ("i4", (5,), b"abc")}


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        (onnx.TensorProto.FLOAT, "f32", np.arange(6, dtype=np.float32)),
        (onnx.TensorProto.DOUBLE, "f64", np.arange(6, dtype=np.float64)),
        (onnx.TensorProto.COMPLEX64, "c64", np.arange(6, dtype=np.complex64)),
    ],
)
def test_packed_floats_are_tensors(kind: int, name: str, values: np.ndarray) -> None:
    tensor = helper.make_tensor("t", kind, [2, 3], values)
    assert found(file(tensors=[tensor])) == {"t": (name, (2, 3), values.tobytes())}


def test_numbers_stored_as_varints_are_glue() -> None:
    tensor = helper.make_tensor("t", onnx.TensorProto.INT32, [3], [1, 2, 300])
    assert not found(file(tensors=[tensor]))


def test_texts_are_glue() -> None:
    assert not found(file(tensors=[helper.make_tensor("t", onnx.TensorProto.STRING, [1], [b"text"])]))


def test_tensors_of_nested_graphs_carry_the_path_of_their_node() -> None:
    inner = helper.make_graph([], "inner", [], [], [from_array(np.ones(2, np.float32), "w")])
    node = helper.make_node("If", ["c"], ["result"], then_branch=inner, else_branch=inner)
    assert set(found(file([node]))) == {"result.then_branch.w", "result.else_branch.w"}


def test_tensors_of_functions_and_lists_are_found() -> None:
    constant = helper.make_node("Constant", [], ["c"], value=from_array(np.ones(3, np.float32)))
    listed = helper.make_node("Custom", [], ["l"], domain="d", parts=[from_array(np.ones(4, np.float32))])
    function = helper.make_function("d", "F", [], ["c"], [constant], [helper.make_opsetid("", 17)])
    graph = helper.make_graph([listed], "g", [], [])
    data = helper.make_model(graph, functions=[function]).SerializeToString()
    assert {name: len(content) for name, (_, _, content) in found(data).items()} == {"F.c": 12, "l.parts": 16}


def test_sparse_tensors_are_their_values_and_indices() -> None:
    sparse = helper.make_sparse_tensor(
        from_array(np.ones(3, np.float32), "w"), from_array(np.arange(3, dtype=np.int64), "w_at"), [9]
    )
    data = file(sparse_initializer=[sparse])
    assert {name: kind for name, (kind, _, _) in found(data).items()} == {"w": "f32", "w_at": "i64"}


def test_external_tensors_are_listed_and_not_in_the_layout() -> None:
    tensor = from_array(np.ones((2, 2), np.float32), "t")
    onnx.external_data_helper.set_external_data(tensor, "weights.bin", offset=64, length=16)
    tensor.ClearField("raw_data")
    data = file(tensors=[tensor])
    assert not found(data)
    (external,) = onnx_format.external_tensors(memoryview(data))
    assert (external.location, external.offset, external.length) == ("weights.bin", 64, 16)
    assert (external.tensor.dtype.name, external.tensor.shape) == ("f32", (2, 2))


def test_a_payload_that_does_not_fit_its_shape_is_plain_bytes() -> None:
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[7], raw_data=b"abcd")
    assert found(file(tensors=[tensor])) == {"t": ("bytes", (4,), b"abcd")}


def message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def in_graph(content: bytes) -> bytes:
    return b"\x08\x08" + message(7, content)


def nested(depth: int) -> bytes:
    graph = b""
    for _ in range(depth):
        graph = message(1, message(5, message(6, graph)))
    return in_graph(graph)


def external(**pairs: str) -> bytes:
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[1], data_location=1)
    for key, value in pairs.items():
        tensor.external_data.add(key=key, value=value)
    return in_graph(message(5, tensor.SerializeToString()))


RAW = message(9, b"abcd")
MALFORMED = {
    "a_file_cut_short": onnx_file()[:-5],
    "a_message_longer_than_its_parent": in_graph(b"\x2a\x7f"),
    "a_number_without_end": in_graph(b"\x08" + b"\xff" * 10),
    "a_number_of_70_bits": in_graph(b"\x08" + b"\xff" * 9 + b"\x7f"),
    "a_group": in_graph(b"\x0b"),
    "a_field_without_a_number": in_graph(b"\x00\x00"),
    "a_fixed_number_cut_short": in_graph(b"\x0d\0"),
    "graphs_nested_too_deeply": nested(100),
    "graphs_nested_very_deeply": nested(3000),
    "a_negative_dimension": in_graph(message(5, b"\x08" + b"\xff" * 9 + b"\x01" + b"\x10\x01" + RAW)),
    "a_shape_that_overflows": in_graph(message(5, (b"\x08" + varint(1 << 62)) * 3 + b"\x10\x01" + RAW)),
    "a_dimension_that_is_no_number": in_graph(message(5, b"\x0d\0\0\0\0" + RAW)),
    "too_many_dimensions": in_graph(message(5, message(1, b"\1" * 99) + RAW)),
    "bytes_twice": in_graph(message(5, b"\x10\x01" + RAW + RAW)),
    "a_name_that_is_not_utf8": in_graph(message(5, message(8, b"\xff") + RAW)),
    "a_name_that_is_too_long": in_graph(message(5, message(8, b"x" * 9999) + RAW)),
    "an_external_offset_that_is_no_number": external(location="w", offset="-4"),
    "an_external_length_that_overflows": external(location="w", length="9" * 30),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        onnx_format.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]), "m.onnx")
    assert (layout.format, [warning.format for warning in layout.warnings]) == ("opaque", ["onnx"])


def test_a_file_of_tiny_fields_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PROTOBUF_FIELDS", 100)
    with pytest.raises(MalformedModel, match="too many fields"):
        onnx_format.read(memoryview(in_graph(b"\x0a\0" * 200)))


@pytest.mark.parametrize(
    "data", [b"\x08\x08", b"\x08\x00\x3a\x00", b"\x08\x08\x3b\x00", b"plain text", struct.pack("<d", 1)]
)
def test_other_content_is_not_taken_for_onnx(data: bytes) -> None:
    assert read_layout(memoryview(data)).warnings == ()
    assert read_layout(memoryview(data)).format == "opaque"
