import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import flax, limits
from sapwood.formats.detect import read_layout
from tests.formats.folders import contents
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes


def text(value: str) -> bytes:
    data = value.encode()
    return b"\xda" + struct.pack(">H", len(data)) + data


def mapping(**entries: bytes) -> bytes:
    head = bytes([0x80 | len(entries)]) if len(entries) < 16 else b"\xde" + struct.pack(">H", len(entries))
    return head + b"".join(text(name) + value for name, value in entries.items())


def listing(*entries: bytes) -> bytes:
    return b"\xdc" + struct.pack(">H", len(entries)) + b"".join(entries)


def extension(content: bytes, kind: int = 1) -> bytes:
    return b"\xc9" + struct.pack(">I", len(content)) + bytes([kind]) + content


def inside(shape: tuple[int, ...], dtype: str, data: bytes) -> bytes:
    sizes = b"".join(b"\xcf" + struct.pack(">Q", size) for size in shape)
    return (
        b"\x93\xdc"
        + struct.pack(">H", len(shape))
        + sizes
        + text(dtype)
        + b"\xc5"
        + struct.pack(">H", len(data))
        + data
    )


def array(shape: tuple[int, ...] = (2,), dtype: str = "float32", data: bytes = b"abcdefgh") -> bytes:
    return extension(inside(shape, dtype, data))


def kinds(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.dtype.name, t.shape) for _, t in flax.read(memoryview(data)).tensors()}


def test_a_real_checkpoint_is_laid_out() -> None:
    data = contents("flax-1")["model.msgpack"]
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("flax", ())
    network = arrays(1)
    stored = named_bytes(layout, data)
    assert stored["params.fc1.kernel"] == network["fc1.weight"].T.tobytes()
    assert stored["params.fc1.bias"] == network["fc1.bias"].tobytes()
    assert stored["params.fc2.kernel"] == network["fc2.weight"].T.astype(ml_dtypes.bfloat16).tobytes()
    assert stored["params.fc2.bias"] == network["fc2.bias"].astype(np.float16).tobytes()
    assert kinds(data)["opt_state.0.count"] == ("i32", ())


def test_objects_of_every_kind_are_passed() -> None:
    plain = [b"\xc0", b"\xc2", b"\xc3", b"\x05", b"\xff", b"\xca" + bytes(4), b"\xcb" + bytes(8)]
    plain += [bytes([0xCC + i]) + bytes(1 << i % 4) for i in range(8)]
    plain += [b"\xa2hi", b"\xd9\x02hi", text("hi"), b"\xdb\0\0\0\x02hi", b"\xc4\x01x", b"\xc5\0\x01x"]
    plain += [b"\xc6\0\0\0\x01x", b"\x90", b"\x80", b"\xdd" + bytes(4), b"\xdf" + bytes(4)]
    plain += [bytes([0xD4 + i, 7]) + bytes(1 << i) for i in range(5)]
    plain += [b"\xc7\x01\x07x", b"\xc8\0\x01\x07x", extension(b"xy", kind=2)]
    data = mapping(plain=listing(*plain), w=array())
    assert kinds(data) == {"w": ("f32", (2,))}


def test_arrays_of_several_kinds() -> None:
    data = mapping(
        a=array((), "float64"),
        b=listing(array((4, 2), "int4"), extension(inside((8,), "bool", bytes(8)), kind=3)),
        c=array((3,), "float32"),
        d=array((8,), "str"),
        e=array((0,), "float32", b""),
    )
    assert kinds(data) == {
        "a": ("f64", ()),
        "b.0": ("i8", (4, 2)),
        "b.1": ("bool", (8,)),
        "c": ("bytes", (8,)),
        "d": ("bytes", (8,)),
    }


def test_a_large_array_is_several_tensors() -> None:
    whole = mapping(
        __msgpack_chunked_array__=b"\xc3",
        shape=mapping(**{"0": b"\x02", "1": b"\x02"}),
        chunks=mapping(**{"0": array(), "1": array()}),
    )
    assert kinds(mapping(w=whole)) == {"w.chunks.0": ("f32", (2,)), "w.chunks.1": ("f32", (2,))}


def deep(levels: int) -> bytes:
    data = array()
    for _ in range(levels):
        data = mapping(d=data)
    return data


MALFORMED = {
    "cut_short": mapping(w=array(), v=array())[:-1],
    "bytes_behind_the_tree": mapping(w=array()) + b"x",
    "a_dictionary_of_too_many_entries": b"\xdf\xff\xff\xff\xff" + mapping(w=array())[1:],
    "an_extension_longer_than_the_file": mapping(w=array(), v=b"\xc9\xff\xff\xff\xff\x01"),
    "a_name_that_is_a_number": mapping(w=array(), v=b"\x81\x05\x05"),
    "a_name_that_is_no_text": mapping(w=array(), v=b"\x81\xa1\xff\x05"),
    "a_name_too_long": mapping(w=array(), v=mapping(**{"n" * 9000: b"\x05"})),
    "a_path_too_long": mapping(w=array(), v=mapping(**{"n" * 5000: mapping(**{"m" * 5000: b"\x05"})})),
    "a_byte_that_begins_nothing": mapping(w=array(), v=b"\xc1"),
    "an_array_of_two_parts": mapping(w=array(), v=extension(b"\x92" + inside((2,), "int8", b"ab")[1:])),
    "an_array_without_a_shape": mapping(w=array(), v=extension(b"\x93\x05\xa1x\xc4\0")),
    "an_array_without_bytes": mapping(w=array(), v=extension(b"\x93\x90\xa4int8\x05")),
    "an_array_longer_than_its_extension": mapping(w=array(), v=extension(b"\x93\x90\xa4int8\xc4\x09x")),
    "bytes_behind_an_array": mapping(w=array(), v=extension(inside((2,), "int8", b"ab") + b"x")),
    "a_negative_dimension": mapping(w=array(), v=extension(b"\x93\x91\xff\xa4int8\xc4\0")),
    "a_shape_that_overflows": mapping(w=array(), v=array((1 << 62, 1 << 62))),
    "too_many_dimensions": mapping(w=array(), v=array((1,) * 65)),
    "an_empty_extension": mapping(w=array(), v=extension(b"")),
    "dictionaries_too_deep": mapping(w=array(), v=deep(70)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        flax.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["flax"])


def test_what_is_read_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_MSGPACK_ITEMS", 5)
    with pytest.raises(MalformedModel, match="too many"):
        flax.read(memoryview(mapping(w=array(), v=listing(*[b"\x05"] * 9))))


@pytest.mark.parametrize(
    "data",
    [b"\x80", b"\x81", mapping(a=b"\x05"), listing(array()), mapping(a=extension(b"x", 9)), b"\xde" * 99],
)
def test_other_msgpack_is_opaque_without_a_warning(data: bytes) -> None:
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("opaque", ())


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
)
def test_a_damaged_checkpoint_still_has_a_layout(flips: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(contents("flax-1")["model.msgpack"])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
