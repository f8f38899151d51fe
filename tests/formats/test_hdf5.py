import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import hdf5, limits
from sapwood.formats.detect import read_layout
from tests.formats import hdf5_file as h
from tests.formats.folders import contents
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

KIND = h.message(h.TYPE, h.F32)
WHOLE = (h.space(2), KIND, h.contiguous(48, 8))


def kinds(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.dtype.name, t.shape) for _, t in hdf5.read(memoryview(data)).tensors()}


@pytest.mark.parametrize("which", ["old.h5", "latest.h5"])
def test_what_h5py_writes(which: str) -> None:
    data = contents("hdf5-1")[which]
    found = named_bytes(read_layout(memoryview(data)), data)
    weight = arrays(1)["fc1.weight"]
    expected = {name.replace(".", "/"): array for name, array in arrays(1).items()}
    expected |= {
        "kinds/half": weight.astype(np.float16),
        "kinds/wide": weight.astype(np.float64),
        "kinds/codes": np.rint(weight * 100).astype(np.int8),
        "kinds/big": weight.astype(">f4"),
        "kinds/flags": weight > 0,
        "kinds/step": np.array(1001, np.int64),
        "chunks/single": weight,
    }
    if which == "latest.h5":
        # The first of two names that the file comes to.
        expected["odd/again"] = expected.pop("kinds/half")
    else:
        expected |= {f"many/{i}": weight[:, i] for i in range(10)}
        expected |= {
            f"chunks/grid.chunk.{i}.{j}": np.pad(weight, ((0, 0), (0, 8)))[
                12 * i : 12 * i + 12, 12 * j : 12 * j + 12
            ]
            for i in range(2)
            for j in range(2)
        }
    assert found == {name: array.tobytes() for name, array in expected.items()}
    assert kinds(data)["fc1/weight"] == ("f32", (24, 16))
    assert kinds(data)["kinds/big"] == ("bytes", (24, 16, 4))


def test_what_is_not_read_is_told_of() -> None:
    told = {
        which: [w.reason for w in read_layout(memoryview(data)).warnings]
        for which, data in contents("hdf5-1").items()
    }
    assert told == {
        "keras.weights.h5": [],
        "tables.h5": [],
        "old.h5": ["filtered chunks stay as they are: 'chunks/gzip' and maybe others"],
        "latest.h5": [
            "chunks behind an index of new files are not read: 'chunks/grid' and maybe others",
            "filtered chunks stay as they are: 'chunks/gzip' and maybe others",
            "links in a fractal heap are not read: 'many' and maybe others",
        ],
    }


def test_what_keras_and_pytables_write() -> None:
    files, found = contents("hdf5-1"), arrays(1)
    data = files["keras.weights.h5"]
    assert named_bytes(read_layout(memoryview(data)), data) == {
        "layers/dense/vars/0": found["fc1.weight"].T.tobytes(),
        "layers/dense/vars/1": found["fc1.bias"].tobytes(),
        "layers/dense_1/vars/0": found["fc2.weight"].T.tobytes(),
        "layers/dense_1/vars/1": found["fc2.bias"].tobytes(),
    }
    data = files["tables.h5"]
    expected = {f"model/{name.replace('.', '_')}": array.tobytes() for name, array in found.items()}
    assert named_bytes(read_layout(memoryview(data)), data) == expected


def old_group(**wrong: bytes) -> bytes:
    """A group of names in a heap; a part may be given in place of the right one."""
    writer = h.Writer()
    writer.put(b"abcdefgh")
    x = writer.put(h.header(*WHOLE))
    heap = writer.put(wrong.get("heap") or h.heap(writer.at, b"\0\0\0\0\0\0\0\0x\0\0\0\0\0\0\0"))
    nodes = writer.put(wrong.get("symbols") or h.symbols((8, x)))
    tree = writer.put(wrong.get("tree") or h.group_tree(nodes))
    root = wrong.get("root") or h.header(h.message(h.SYMBOLS, struct.pack("<QQ", tree, heap)))
    return writer.file(writer.put(root))


def chunks(*nodes: bytes, sizes: tuple[int, ...] = (2, 4), shape: tuple[int, ...] = (4,)) -> bytes:
    """A data set whose tree is the last of ``nodes``; they begin at 64, behind 16 bytes of data."""
    writer = h.Writer()
    writer.put(b"abcdefghijklmnop")
    for node in nodes:
        tree = writer.put(node)
    x = writer.put(h.header(h.space(*shape), KIND, h.chunked(tree, *sizes)))
    return writer.file(writer.put(h.header(h.link("x", x))))


def loop(**fields: int) -> bytes:
    """A header that goes on at itself."""
    return h.one(h.message(h.CONTINUED, struct.pack("<QQ", fields.get("at", 56), fields.get("size", 40))))


def root(header: bytes) -> bytes:
    """A file of one object header."""
    writer = h.Writer()
    return writer.file(writer.put(header))


def test_the_writer_of_these_tests_is_right() -> None:
    for data in (h.one(*WHOLE), old_group()):
        assert kinds(data) == {"x": ("f32", (2,))}
    assert kinds(chunks(h.chunk_tree(48, 56))) == {"x.chunk.0": ("f32", (2,)), "x.chunk.1": ("f32", (2,))}


def test_groups_may_hold_each_other() -> None:
    writer = h.Writer()
    at = writer.at
    writer.put(h.header(h.link("up", at), h.link("again", at)))
    assert kinds(writer.file(at)) == {}


def test_a_second_name_of_a_data_set_is_no_second_tensor() -> None:
    writer = h.Writer()
    writer.put(b"abcdefgh")
    x = writer.put(h.header(*WHOLE))
    assert list(kinds(writer.file(writer.put(h.header(h.link("a", x), h.link("b", x)))))) == ["a"]


MALFORMED = {
    "cut_short": h.one(*WHOLE)[:-8],
    "cut_in_the_superblock": h.one(*WHOLE)[:20],
    "an_unknown_superblock": h.Writer().file(48, version=9),
    "addresses_of_three_bytes": h.Writer().file(48, widths=3),
    "a_base_elsewhere": h.Writer().file(48, base=512),
    "a_file_longer_than_it_is": h.Writer().file(48, more=1),
    "no_root": h.Writer().file(h.NOWHERE),
    "a_root_out_of_the_file": h.Writer().file(1 << 60),
    "an_unknown_header": root(h.header(version=7)),
    "an_unknown_second_header": root(h.second_header(version=7)),
    "a_header_longer_than_the_file": root(h.header()[:8] + b"\xff" * 8),
    "a_second_header_longer_than_the_file": root(h.second_header()[:6] + b"\xff" * 12),
    "a_message_longer_than_its_header": h.one(*WHOLE, struct.pack("<HHB3x", 5, 999, 0)),
    "a_header_that_goes_on_at_itself": loop(),
    "a_header_that_goes_on_out_of_the_file": loop(at=1 << 50),
    "a_header_that_goes_on_for_ever": loop(size=1 << 50),
    "no_shape": h.one(KIND, h.contiguous(48, 8)),
    "no_type": h.one(h.space(2), h.contiguous(48, 8)),
    "an_unknown_shape": h.one(h.space(2, version=9), KIND, h.contiguous(48, 8)),
    "absurd_dimensions": h.one(h.space(1 << 62, 1 << 62), KIND, h.contiguous(48, 8)),
    "too_many_dimensions": h.one(h.space(*[1] * 65), KIND, h.contiguous(48, 8)),
    "more_dimensions_than_there_are": h.one(h.space(2, rank=9), KIND, h.contiguous(48, 8)),
    "an_element_without_bytes": h.one(
        h.space(2), h.message(h.TYPE, b"\x10\0\0\0\0\0\0\0"), h.contiguous(48, 8)
    ),
    "a_type_cut_short": h.one(h.space(2), h.message(h.TYPE, h.F32[:9]), h.contiguous(48, 8)),
    "an_unknown_storage": h.one(h.space(2), KIND, h.contiguous(48, 8, version=9)),
    "data_out_of_the_file": h.one(h.space(2), KIND, h.contiguous(1 << 40, 8)),
    "data_longer_than_the_file": h.one(h.space(1 << 40), KIND, h.contiguous(48, 1 << 42)),
    "an_unknown_link": h.one(h.link("y", 48, version=9)),
    "a_link_out_of_the_file": h.one(h.link("y", 1 << 40)),
    "a_name_too_long": h.one(h.link("n" * 9000, 48)),
    "a_name_that_is_no_text": h.one(h.link("yyyyyyyy", 48).replace(b"yyyyyyyy", b"\xff" * 8)),
    "chunks_without_elements": chunks(h.chunk_tree(48), sizes=(0, 4)),
    "chunks_of_another_width": chunks(h.chunk_tree(48), sizes=(2, 8)),
    "chunks_of_another_rank": chunks(h.chunk_tree(48), sizes=(2, 2, 4)),
    "absurd_chunks": chunks(h.chunk_tree(48), sizes=(*[0xFFFFFFFF] * 3, 4), shape=(1, 1, 1)),
    "a_chunk_of_another_size": chunks(h.chunk_tree(48, stored=4)),
    "a_chunk_off_its_grid": chunks(h.chunk_tree(48, 56, step=1)),
    "a_chunk_out_of_the_file": chunks(h.chunk_tree(1 << 40)),
    "chunks_that_overlap": chunks(h.chunk_tree(48, 52)),
    "a_chunk_nowhere": chunks(h.chunk_tree(h.NOWHERE)),
    "a_tree_of_another_kind": chunks(h.chunk_tree(48, kind=0)),
    "a_tree_that_is_none": chunks(b"XXXX" + h.chunk_tree(48)[4:]),
    "a_tree_in_itself": chunks(h.chunk_tree(64, level=1)),
    "a_tree_too_high": chunks(h.chunk_tree(64, level=255)),
    "a_tree_with_a_level_left_out": chunks(h.chunk_tree(48), h.chunk_tree(64, level=2)),
    "a_group_without_a_heap": old_group(
        root=h.header(h.message(h.SYMBOLS, struct.pack("<QQ", 48, h.NOWHERE)))
    ),
    "a_group_in_itself": old_group(tree=h.group_tree(48)),
    "a_group_of_another_kind": old_group(tree=h.group_tree(48, kind=1)),
    "a_group_node_nowhere": old_group(tree=h.group_tree(h.NOWHERE)),
    "an_unknown_node_of_symbols": old_group(symbols=h.symbols((8, 48), version=9)),
    "a_name_without_an_end": old_group(heap=h.heap(136, b"x" * 16)),
    "a_name_out_of_the_heap": old_group(symbols=h.symbols((1 << 40, 48))),
    "a_heap_of_an_unknown_version": old_group(heap=h.heap(136, bytes(16), version=9)),
    "a_heap_longer_than_the_file": old_group(heap=h.heap(136, bytes(16), size=1 << 40)),
    "a_heap_that_is_none": old_group(heap=bytes(48)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        hdf5.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["hdf5"])


def test_a_grid_of_absurdly_many_chunks_is_refused_before_it_is_walked() -> None:
    index = struct.pack("<BBBBBIIBQ", 4, 2, 0, 2, 4, 1, 4, 2, 48)
    data = h.one(h.space(1 << 60), KIND, h.message(h.LAYOUT, index))
    began = time.process_time()
    with pytest.raises(MalformedModel, match="too many"):
        hdf5.read(memoryview(data))
    assert time.process_time() - began < 1


def test_everything_is_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_HDF5_ITEMS", 3)
    with pytest.raises(MalformedModel, match="too many"):
        hdf5.read(memoryview(h.one(*WHOLE)))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from(["old.h5", "latest.h5", "tables.h5", "keras.weights.h5"]),
)
def test_a_damaged_file_still_has_a_layout(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    data = bytearray(contents("hdf5-1")[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
