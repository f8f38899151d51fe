import json
import re

import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import safetensors
from sapwood.formats.detect import read_layout
from tests.formats.samples import arrays, named_bytes, safetensors_file


def file(header: str | bytes | dict[str, object], body: bytes = b"") -> bytes:
    text = json.dumps(header) if isinstance(header, dict) else header
    encoded = text.encode() if isinstance(text, str) else text
    return len(encoded).to_bytes(8, "little") + encoded + body


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_spans_are_the_arrays() -> None:
    data = safetensors_file()
    layout = read_layout(memoryview(data))
    assert layout.format == "safetensors"
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in arrays().items()}
    assert {tensor.name: tensor.shape for _, tensor in layout.tensors()} == {
        n: a.shape for n, a in arrays().items()
    }


@pytest.mark.parametrize(
    ("dtype", "shape", "size", "name"),
    [
        ("F64", [2], 16, "f64"), ("BF16", [2], 4, "bf16"), ("C64", [1], 8, "c64"),
        ("U16", [1], 2, "u16"), ("I8", [], 1, "i8"),
        ("F8_E4M3", [3], 3, "f8_e4m3"), ("F8_E5M2FNUZ", [1], 1, "f8_e5m2fnuz"),
        ("F8_E8M0", [1], 1, "f8_e8m0"), ("F4", [6], 3, "f4_e2m1"), ("F6_E3M2", [4], 3, "f6_e3m2"),
        ("BOOL", [2, 1], 2, "bool"),
    ],
)  # fmt: skip
def test_every_kind_of_element_is_named(dtype: str, shape: list[int], size: int, name: str) -> None:
    layout = safetensors.read(memoryview(file({"t": entry(dtype, shape, 0, size)}, bytes(size))))
    assert [(tensor.dtype.name, list(tensor.shape)) for _, tensor in layout.tensors()] == [(name, shape)]


def test_fields_may_stand_in_any_order_between_blanks() -> None:
    header = (
        ' \n{ "t" :\t{ "data_offsets" : [ 0 , 2 ] , "shape":[ 1 , 2 ],"dtype":"U8" } ,"__metadata__":{} } '
    )
    ((span, tensor),) = safetensors.read(memoryview(file(header, b"ab"))).tensors()
    assert (tensor.name, tensor.shape, span.length) == ("t", (1, 2), 2)


def test_names_may_have_escapes_and_any_script() -> None:
    data = file('{"\\u00e9\\"\\\\層":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"a")
    assert [tensor.name for _, tensor in safetensors.read(memoryview(data)).tensors()] == ['é"\\層']


def test_tensors_without_elements_are_allowed() -> None:
    data = file({"empty": entry("F32", [0, 3], 0, 0), "t": entry("U8", [1], 0, 1)}, b"a")
    assert [tensor.name for _, tensor in safetensors.read(memoryview(data)).tensors()] == ["t"]


def test_a_file_may_have_no_tensors() -> None:
    assert not list(safetensors.read(memoryview(file("{}"))).tensors())


U8 = '"dtype":"U8","shape":[1],"data_offsets":[0,1]'
MALFORMED = {
    "a_header_longer_than_the_file": (999).to_bytes(8, "little") + b"{}",
    "a_header_over_the_cap": (100_000_001).to_bytes(8, "little") + b"{}",
    "no_header": b"\0\0\0",
    "a_header_that_is_no_object": file("[1]"),
    "a_header_that_is_not_utf8": file(b'{"\xff":{}}'),
    "text_after_the_header": file("{} x"),
    "an_open_object": file("{"),
    "a_comma_at_the_end": file('{"t":{' + U8 + "},}", b"a"),
    "a_comma_at_the_start": file('{,"t":{' + U8 + "}}", b"a"),
    "a_doubled_name": file('{"t":{' + U8 + '},"t":{' + U8 + "}}", b"a"),
    "a_doubled_field": file('{"t":{"dtype":"U8",' + U8 + "}}", b"a"),
    "an_unknown_field": file('{"t":{"x":1,' + U8 + "}}", b"a"),
    "an_unknown_dtype": file({"t": entry("F128", [1], 0, 16)}, bytes(16)),
    "a_missing_field": file('{"t":{"dtype":"U8","shape":[1]}}'),
    "an_empty_entry": file('{"t":{}}'),
    "a_negative_size": file({"t": entry("U8", [-1], 0, 1)}, b"a"),
    "a_fractional_size": file('{"t":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}', b"a"),
    "sizes_without_a_comma": file('{"t":{"dtype":"U8","shape":[1 1],"data_offsets":[0,1]}}', b"a"),
    "a_shape_with_a_comma_at_the_end": file('{"t":{"dtype":"U8","shape":[1,],"data_offsets":[0,1]}}', b"a"),
    "a_shape_that_overflows": file({"t": entry("U8", [1 << 40, 1 << 40], 0, 1)}, b"a"),
    "a_size_of_many_digits": file('{"t":{"dtype":"U8","shape":[' + "1" * 9999 + '],"data_offsets":[0,1]}}'),
    "too_many_dimensions": file({"t": entry("U8", [1] * 65, 0, 1)}, b"a"),
    "offsets_that_go_back": file({"t": entry("U8", [1], 1, 0)}, b"a"),
    "a_shape_that_does_not_fit": file({"t": entry("F32", [2], 0, 4)}, bytes(4)),
    "half_a_byte": file({"t": entry("F4", [1], 0, 1)}, b"a"),
    "a_hole": file({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 2, 3)}, b"abc"),
    "an_overlap": file({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"abc"),
    "two_tensors_in_one_place": file({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 0, 1)}, b"a"),
    "bytes_behind_the_tensors": file({"t": entry("U8", [1], 0, 1)}, b"ab"),
    "a_body_cut_short": file({"t": entry("U8", [4], 0, 4)}, b"abc"),
    "metadata_that_is_no_text": file('{"__metadata__":{"a":1}}'),
    "doubled_metadata": file('{"__metadata__":{"a":"1","a":"2"}}'),
    "open_metadata": file('{"__metadata__":{"a":"1"'),
    "an_escape_that_is_none": file('{"\\x":{' + U8 + "}}", b"a"),
    "half_a_surrogate": file('{"\\ud800":{' + U8 + "}}", b"a"),
    "brackets_without_end": file('{"t":' + "[" * 100_000),
    "a_quote_without_end": file('{"' + '\\"' * 100_000),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        safetensors.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None


def test_a_broken_file_is_opaque_with_a_warning() -> None:
    layout = read_layout(memoryview(MALFORMED["a_hole"]), "m.safetensors")
    (warning,) = layout.warnings
    assert (layout.format, warning.format, warning.path) == ("opaque", "safetensors", "m.safetensors")
    assert re.search("hole", warning.reason)
