import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits, tensorflow_checkpoint
from sapwood.formats.detect import read_layout
from tests.formats import folders
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)


def varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(found) + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def inner(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def tensor(
    shape: tuple[int, ...] = (2,), kind: int = 1, shard: int = 0, offset: int = 0, length: int = 8
) -> bytes:
    sizes = b"".join(inner(2, number(1, size)) for size in shape)
    return number(1, kind) + inner(2, sizes) + number(3, shard) + number(4, offset) + number(5, length)


HEADER = number(1, 1)


def entry(key: bytes, value: bytes, shared: int = 0) -> bytes:
    return varint(shared) + varint(len(key)) + varint(len(value)) + key + value


def block(entries: bytes, restarts: int = 1, method: int = 0) -> bytes:
    return entries + bytes(4) + struct.pack("<I", restarts) + bytes([method]) + bytes(4)


def handle(at: int, size: int) -> bytes:
    return varint(at) + varint(size)


def table(*blocks: bytes, pointers: bytes | None = None, index: bytes | None = None) -> bytes:
    """A file of these blocks; ``pointers`` are the entries of its index, ``index`` the handle of that."""
    data, told = b"", b""
    for one in blocks:
        told += entry(b"z", handle(len(data), len(one) - 5))
        data += one
    last = block(told if pointers is None else pointers)
    footer = handle(0, 0) + (handle(len(data), len(last) - 5) if index is None else index)
    return data + last + footer + bytes(40 - len(footer)) + MAGIC


def bundle(*tensors: bytes, header: bytes = HEADER) -> bytes:
    named = b"".join(entry(b"t%d" % i, one) for i, one in enumerate(tensors))
    return table(block(entry(b"", header) + named))


def kinds(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    found = tensorflow_checkpoint.stored(memoryview(data))
    return {f.tensor.name: (f.tensor.dtype.name, f.tensor.shape) for f in found}


def test_the_variables_of_a_saved_model() -> None:
    files, found = folders.contents("tensorflow-1"), arrays(1)
    layout = folders.layouts(files)["saved/variables/variables.data-00000-of-00001"]
    assert (layout.format, layout.warnings) == ("tensorflow-variables", ())
    half = found["fc2.weight"]
    expected = {f"held/{name.replace('.', '_')}": array for name, array in found.items()}
    expected |= {"half": half.astype(np.float16), "brain": half.astype(ml_dtypes.bfloat16)}
    expected["step"] = np.array(1001, np.int64)
    assert named_bytes(layout, files["saved/variables/variables.data-00000-of-00001"]) == {
        f"{name}/.ATTRIBUTES/VARIABLE_VALUE": array.tobytes() for name, array in expected.items()
    }
    shapes = {t.name: t.shape for _, t in layout.tensors()}
    assert shapes["held/fc1_weight/.ATTRIBUTES/VARIABLE_VALUE"] == (24, 16)


def test_a_variable_in_two_parts() -> None:
    files = folders.contents("tensorflow-1")
    path = "parts/model.ckpt-1.data-00000-of-00001"
    layout = folders.layouts(files)[path]
    weight = arrays(1)["fc1.weight"]
    assert list(named_bytes(layout, files[path]).values()) == [weight[:12].tobytes(), weight[12:].tobytes()]
    assert all("w" in t.name and t.name.isprintable() for _, t in layout.tensors())


def test_a_checkpoint_in_several_files_names_each() -> None:
    index = bundle(tensor(), tensor(shard=1), header=number(1, 2))
    files = {"c.index": index, "c.data-00000-of-00002": b"abcdefgh", "c.data-00001-of-00002": b"ijklmnop"}
    found = folders.layouts(files)
    names = {path: [t.name for _, t in layout.tensors()] for path, layout in found.items()}
    assert names == {"c.index": [], "c.data-00000-of-00002": ["t0"], "c.data-00001-of-00002": ["t1"]}


def test_a_file_that_is_missing_is_told_of() -> None:
    found = folders.layouts({"c.index": bundle(tensor())})["c.index"]
    assert [w.reason for w in found.warnings] == [
        "the file 'c.data-00000-of-00001' with its tensors is not part of the model"
    ]


def test_tensors_out_of_their_file_leave_it_opaque() -> None:
    files = {"c.index": bundle(tensor(offset=4)), "c.data-00000-of-00001": b"abcdefgh"}
    found = folders.layouts(files)["c.data-00000-of-00001"]
    assert (found.format, [w.format for w in found.warnings]) == ("opaque", ["tensorflow-variables"])


def test_keys_share_what_they_begin_with() -> None:
    data = table(block(entry(b"", HEADER) + entry(b"ab", tensor()) + entry(b"c", tensor(), shared=1)))
    assert set(kinds(data)) == {"ab", "ac"}


def test_texts_empty_and_big_endian_tensors() -> None:
    assert kinds(bundle(tensor(kind=7), tensor(length=0))) == {}
    assert kinds(bundle(tensor(), header=HEADER + number(2, 1))) == {"t0": ("bytes", (8,))}
    assert kinds(bundle(tensor(kind=99))) == {"t0": ("bytes", (8,))}


def test_a_table_of_something_else_is_opaque_without_a_warning() -> None:
    found = read_layout(memoryview(table(block(entry(b"k", b"v")))))
    assert (found.format, found.warnings) == ("opaque", ())


ONE = block(entry(b"", HEADER) + entry(b"t", tensor()))
MALFORMED = {
    "no_index": table(ONE, index=handle(1 << 40, 8)),
    "an_index_of_no_bytes": table(ONE, index=handle(0, 0)),
    "an_index_handle_without_an_end": table(ONE, index=b"\xff" * 38),
    "a_block_out_of_the_file": table(ONE, pointers=entry(b"z", handle(1 << 40, 8))),
    "a_block_longer_than_the_file": table(ONE, pointers=entry(b"z", handle(0, 1 << 62))),
    "a_block_given_twice": table(ONE, pointers=entry(b"z", handle(0, len(ONE) - 5)) * 2),
    "a_compressed_block": table(block(entry(b"", HEADER), method=1)),
    "absurdly_many_restarts": table(block(entry(b"", HEADER), restarts=0xFFFFFFFF)),
    "no_header_but_a_shared_key": table(block(entry(b"", HEADER) + entry(b"t", tensor(), shared=9))),
    "an_entry_longer_than_its_block": table(block(b"\0\0" + varint(1 << 40) + HEADER)),
    "a_name_too_long": table(block(entry(b"", HEADER) + entry(b"n" * 9000, tensor()))),
    "a_number_without_an_end": table(block(b"\0\0\x01\x08" + b"\xff" * 20)),
    "a_message_cut_short": bundle(tensor()[:-1]),
    "a_shard_that_is_none": bundle(tensor(shard=1)),
    "absurdly_many_shards": bundle(tensor(), header=number(1, 1 << 40)),
    "no_shards": bundle(tensor(), header=b""),
    "a_negative_offset": bundle(tensor(offset=(1 << 64) - 1)),
    "a_negative_dimension": bundle(tensor(shape=((1 << 64) - 1,))),
    "absurd_dimensions": bundle(tensor(shape=(1 << 40, 1 << 40))),
    "too_many_dimensions": bundle(tensor(shape=(1,) * 65)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        tensorflow_checkpoint.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["tensorflow-checkpoint"])


def test_names_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 5)
    with pytest.raises(MalformedModel, match="too long"):
        tensorflow_checkpoint.read(memoryview(bundle(*[tensor()] * 4)))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0),
    which=st.sampled_from(["saved/variables/variables.index", "parts/model.ckpt-1.index"]),
)
def test_a_damaged_index_leaves_every_file_a_layout(
    flips: list[tuple[int, int]], cut: int, which: str
) -> None:
    files = folders.contents("tensorflow-1")
    data = bytearray(files[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        found = folders.layouts(files | {which: damaged})
        assert found[which].size == len(damaged)
        assert all(found[path].size == len(files[path]) for path in files if path != which)
