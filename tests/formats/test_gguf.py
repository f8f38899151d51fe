import struct

import pytest
from gguf.constants import GGML_QUANT_SIZES

from sapwood.errors import MalformedModel
from sapwood.formats import gguf, limits
from sapwood.formats.detect import read_layout
from tests.formats.samples import arrays, gguf_file, named_bytes

TEXT, ARRAY, UINT32 = 8, 9, 4


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def row(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def file(
    rows: list[bytes], body: bytes, pairs: list[bytes] | None = None, *, version: int = 3, align: int = 32
) -> bytes:
    pairs = pairs or []
    head = b"GGUF" + struct.pack("<IQQ", version, len(rows), len(pairs)) + b"".join([*pairs, *rows])
    return head + bytes(-len(head) % align) + body


def tensors(data: bytes) -> list[tuple[str, str, tuple[int, ...], int]]:
    return [(t.name, t.dtype.name, t.shape, s.length) for s, t in gguf.read(memoryview(data)).tensors()]


def test_spans_are_the_arrays() -> None:
    data = gguf_file()
    layout = read_layout(memoryview(data))
    expected = {name: array.tobytes() for name, array in arrays().items()}
    assert layout.format == "gguf"
    assert named_bytes(layout, data) == expected | {"q8": bytes(range(68))}
    shapes = {tensor.name: (tensor.dtype.name, tensor.shape) for _, tensor in layout.tensors()}
    assert shapes["encoder.weight"] == ("f32", (4, 6))
    assert shapes["q8"] == ("q8_0", (2, 32))


def test_every_type_of_the_library_is_known_by_its_size() -> None:
    for kind, (elements, size) in GGML_QUANT_SIZES.items():
        ((name, dtype, shape, length),) = tensors(file([row("t", (elements, 3), kind, 0)], bytes(3 * size)))
        assert (name, dtype, shape, length) == ("t", kind.name.lower(), (3, elements), 3 * size)


def test_versions_2_and_3_are_read() -> None:
    for version in (2, 3):
        assert tensors(file([row("t", (4,), 24, 0)], b"abcd", version=version)) == [("t", "i8", (4,), 4)]


def test_the_alignment_key_moves_the_tensors() -> None:
    data = file(
        [row("t", (4,), 24, 0)], b"abcd", [pair("general.alignment", UINT32, struct.pack("<I", 4))], align=4
    )
    assert data.endswith(b"abcd")
    assert named_bytes(gguf.read(memoryview(data)), data) == {"t": b"abcd"}


def test_every_kind_of_metadata_is_passed_over() -> None:
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    pairs = [pair(f"k{kind}", kind, bytes(size)) for kind, size in sizes.items()]
    pairs += [
        pair(f"a{kind}", ARRAY, struct.pack("<IQ", kind, 3) + bytes(3 * size)) for kind, size in sizes.items()
    ]
    words = struct.pack("<IQ", TEXT, 2) + text("x") + text("")
    pairs += [pair("s", TEXT, text("value")), pair("words", ARRAY, words)]
    pairs.append(
        pair("nested", ARRAY, struct.pack("<IQ", ARRAY, 2) + words + struct.pack("<IQ", 0, 3) + b"abc")
    )
    assert tensors(file([row("t", (2,), 24, 0)], b"ab", pairs)) == [("t", "i8", (2,), 2)]


def test_a_tensor_of_an_unknown_type_is_glue_with_a_warning() -> None:
    data = file([row("new", (64,), 42, 0), row("t", (2,), 24, 32)], bytes(32) + b"ab")
    layout = read_layout(memoryview(data), "m.gguf")
    assert [tensor.name for _, tensor in layout.tensors()] == ["t"]
    assert [(w.path, "type 42" in w.reason) for w in layout.warnings] == [("m.gguf", True)]


def test_big_endian_tensors_are_plain_bytes() -> None:
    head = (
        b"GGUF"
        + struct.pack(">IQQ", 3, 1, 0)
        + struct.pack(">Q", 1)
        + b"t"
        + struct.pack(">IQIQ", 1, 2, 0, 0)
    )
    assert tensors(head + bytes(-len(head) % 32) + bytes(8)) == [("t", "bytes", (8,), 8)]


def test_items_of_metadata_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_METADATA_ITEMS", 4)
    words = struct.pack("<IQ", TEXT, 5) + text("x") * 5
    with pytest.raises(MalformedModel, match="too many items"):
        gguf.read(memoryview(file([], b"", [pair("k", ARRAY, words)])))


def test_padding_behind_the_last_tensor_is_glue() -> None:
    assert tensors(file([row("t", (2,), 24, 0)], b"ab" + bytes(30))) == [("t", "i8", (2,), 2)]


DEEP = pair("k", ARRAY, struct.pack("<IQ", ARRAY, 1) * 5000 + struct.pack("<IQ", 0, 1) + b"a")
MALFORMED = {
    "version_1": file([], b"", version=1),
    "a_version_from_the_future": file([], b"", version=4),
    "a_file_cut_in_the_header": b"GGUF\3\0\0\0\0\0",
    "more_pairs_than_the_file_holds": b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
    "more_tensors_than_the_limit": b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
    "more_tensors_than_the_file_holds": b"GGUF" + struct.pack("<IQQ", 3, 1000, 0),
    "a_text_longer_than_the_file": file([], b"", [struct.pack("<Q", 1 << 63) + b"key"]),
    "a_key_that_is_not_utf8": file([], b"", [struct.pack("<Q", 1) + b"\xff" + struct.pack("<I", 0) + b"a"]),
    "a_doubled_key": file([], b"", [pair("k", 0, b"a"), pair("k", 0, b"a")]),
    "metadata_of_an_unknown_type": file([], b"", [pair("k", 13, bytes(8))]),
    "an_array_longer_than_the_file": file([], b"", [pair("k", ARRAY, struct.pack("<IQ", 0, 1 << 62))]),
    "an_array_of_texts_without_end": file([], b"", [pair("k", ARRAY, struct.pack("<IQ", TEXT, 1 << 62))]),
    "arrays_nested_too_deeply": file([], b"", [DEEP]),
    "an_alignment_of_zero": file([], b"", [pair("general.alignment", UINT32, bytes(4))]),
    "an_alignment_of_three": file([], b"", [pair("general.alignment", UINT32, struct.pack("<I", 3))]),
    "an_alignment_that_is_text": file([], b"", [pair("general.alignment", TEXT, text("32"))]),
    "a_tensor_behind_the_end": file([row("t", (64,), 24, 0)], b"abc"),
    "an_offset_behind_the_end": file([row("t", (1,), 24, 1 << 62)], b"abc"),
    "an_offset_off_the_alignment": file([row("t", (1,), 24, 1)], b"abc"),
    "two_tensors_that_overlap": file([row("a", (40,), 24, 0), row("b", (8,), 24, 32)], bytes(64)),
    "two_tensors_with_one_name": file([row("t", (1,), 24, 0), row("t", (1,), 24, 32)], bytes(64)),
    "a_shape_that_overflows": file([row("t", (1 << 63, 1 << 63), 24, 0)], bytes(64)),
    "five_dimensions": file([row("t", (1,) * 5, 24, 0)], bytes(64)),
    "a_row_that_ends_inside_a_block": file([row("t", (16, 2), 8, 0)], bytes(64)),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        gguf.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    assert read_layout(memoryview(MALFORMED[name])).format == "opaque"
