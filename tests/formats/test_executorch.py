from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import executorch, executorch_data, limits
from sapwood.formats.detect import read_layout
from tests.formats.executorch_file import (
    constant_data,
    data_file,
    delegate,
    graph,
    named,
    program,
    segment,
    tensor,
    xnn_value,
)
from tests.formats.folders import contents, layouts
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes
from tests.formats.tflite_file import Writer

CHAR, FLOAT, QUINT4X2 = 1, 6, 16
Kinds = dict[str, tuple[str, tuple[int, ...]]]


def kinds(data: bytes) -> Kinds:
    return {t.name: (t.dtype.name, t.shape) for _, t in executorch.read(memoryview(data)).tensors()}


def stored(data: bytes) -> dict[str, bytes]:
    return named_bytes(executorch.read(memoryview(data)), data)


@pytest.mark.parametrize(
    ("name", "prefix"), [("portable.pte", "constant."), ("xnnpack.pte", "XnnpackBackend.0.")]
)
def test_the_constants_of_a_real_program(name: str, prefix: str) -> None:
    data = contents("executorch-1")[name]
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("executorch", ())
    expected = {f"{prefix}{i}": array for i, array in enumerate(arrays(1).values(), 1)}
    assert named_bytes(layout, data) == {key: array.tobytes() for key, array in expected.items()}
    assert {t.name: t.shape for _, t in layout.tensors()} == {k: a.shape for k, a in expected.items()}


def test_weights_in_a_file_of_their_own_have_their_names() -> None:
    files = contents("executorch-1")
    found = layouts(files)
    data = files["_default_external_constant.ptd"]
    layout = found["_default_external_constant.ptd"]
    assert (layout.format, layout.warnings) == ("executorch-data", ())
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in arrays(1).items()}
    assert {t.name: t.shape for _, t in layout.tensors()} == {n: a.shape for n, a in arrays(1).items()}
    assert not any(found["external.pte"].tensors())


def test_names_stay_when_weights_change() -> None:
    for name in ("portable.pte", "xnnpack.pte"):
        assert kinds(contents("executorch-1")[name]) == kinds(contents("executorch-2")[name])


def test_constants_in_the_flatbuffer() -> None:
    data = program([tensor(FLOAT, (2, 2), 1), tensor(CHAR, (3,), 2)], buffers=[b"", b"f" * 16, b"abcd"])
    assert stored(data) == {"constant.1": b"f" * 16, "constant.2": b"abc"}


def test_a_shape_is_in_the_order_of_the_bytes() -> None:
    value = tensor(CHAR, (2, 3, 4), 1, order=bytes([2, 0, 1]))
    assert kinds(program([value], bytes(24), constants=(0, [0, 0]))) == {"constant.1": ("i8", (4, 2, 3))}
    odd = tensor(CHAR, (2, 3, 4), 1, order=bytes([2, 2, 1]))
    assert kinds(program([odd], bytes(24), constants=(0, [0, 0]))) == {"constant.1": ("i8", (2, 3, 4))}


def test_tensors_with_an_initial_state() -> None:
    values = [tensor(CHAR, (4,), 1, mutable=0), tensor(CHAR, (4,), 1, mutable=1, name="cache")]
    pieces = [segment(0, 4), segment(4, 4)]
    data = program(values, b"abcdefgh", segments=pieces, mutable=[(0, [0, 0]), (1, [0, 0])])
    assert stored(data) == {"mutable.0.1": b"abcd", "cache": b"efgh"}


def test_what_has_no_bytes_here_is_no_tensor() -> None:
    values = [
        tensor(CHAR, (4,), 0),
        tensor(CHAR, (4,), 1, location=1, name="elsewhere"),
        tensor(QUINT4X2, (4,), 1),
    ]
    assert kinds(program(values, bytes(4), constants=(0, [0, 0]))) == {}


def test_a_delegate_of_another_kind_is_a_row_of_bytes() -> None:
    data = program([], b"x" * 40, delegates=[delegate(0), delegate(0, inline=True)], inline=[b"y" * 9])
    assert kinds(data) == {"Backend.0": ("bytes", (40,)), "Backend.1": ("bytes", (9,))}


def test_an_xnnpack_graph_behind_its_header() -> None:
    values = [xnn_value(6, (2, 3), 1, quantised=True), xnn_value(8, (4,), 2, quantised=True)]
    values += [xnn_value(13, (2,), 3), xnn_value(1, (1,), 0)]
    inside = graph(values, [constant_data(0, 6), constant_data(16, 2), constant_data(0, 0, "key")], bytes(20))
    keys = [named("key", 1), named("other", 2)]
    pieces = [segment(0, len(inside)), segment(len(inside), 8), segment(len(inside) + 8, 5)]
    data = program([], inside + bytes(13), delegates=[delegate(0)], segments=pieces, keys=keys)
    assert kinds(data) == {
        "Backend.0.1": ("i8", (2, 3)),
        "Backend.0.2": ("u4", (4,)),
        "Backend.0.3": ("bytes", (8,)),
        "other": ("bytes", (5,)),
    }


def test_data_without_a_layout_is_a_row_of_bytes() -> None:
    layout = executorch_data.read(memoryview(data_file([named("k", 0)], [segment(0, 7)], bytes(7))))
    assert [(t.name, t.dtype.name) for _, t in layout.tensors()] == [("k", "bytes")]


VALUE = tensor(CHAR, (4,), 1)


def one(value: Writer = VALUE, **parts: Any) -> bytes:
    return program([value], bytes(8), **({"constants": (0, [0, 0])} | parts))


def with_graph(inside: bytes) -> bytes:
    return program([], inside, delegates=[delegate(0)])


GRAPH = graph([xnn_value(1, (2,), 1)], [constant_data(0, 8)], bytes(8))
HUGE = (1 << 64) - 1
MALFORMED = {
    "cut_short": one()[:64],
    "a_root_outside_the_file": b"\xff\xff\xff\x7f" + one()[4:],
    "a_segment_outside_the_file": one(segments=[segment(0, 9)]),
    "a_segment_that_overflows": one(segments=[segment(HUGE, HUGE)]),
    "a_base_that_overflows": one()[:24] + b"\xff" * 8 + one()[32:],
    "constants_in_no_segment": one(constants=(5, [0, 0])),
    "a_constant_without_an_offset": one(tensor(CHAR, (4,), 2)),
    "a_constant_outside_its_segment": one(constants=(0, [0, 6])),
    "an_offset_that_overflows": one(constants=(0, [0, HUGE])),
    "constants_that_overlap": program(
        [tensor(CHAR, (4,), 1), tensor(CHAR, (4,), 2)], bytes(8), constants=(0, [0, 0, 2])
    ),
    "a_buffer_that_is_not_there": program([tensor(CHAR, (4,), 3)], buffers=[b"", b"abcd"]),
    "a_state_in_no_segment": one(tensor(CHAR, (4,), 1, mutable=3)),
    "a_negative_dimension": one(tensor(CHAR, (-1,), 1)),
    "a_shape_that_overflows": one(tensor(CHAR, (2**31 - 1,) * 4, 1)),
    "too_many_dimensions": one(tensor(CHAR, (1,) * 65, 1)),
    "an_order_too_long": one(tensor(CHAR, (4,), 1, order=bytes(65))),
    "a_name_too_long": one(keys=[named("n" * 9000, 0)]),
    "a_key_in_no_segment": one(keys=[named("k", 9)]),
    "a_delegate_in_no_segment": one(delegates=[delegate(7)]),
    "a_delegate_that_is_not_inline": one(delegates=[delegate(7, inline=True)]),
    "a_graph_of_another_kind": with_graph(GRAPH.replace(b"XN01", b"XN99")),
    "a_graph_outside_its_segment": with_graph(graph([], [], graph=1 << 31)),
    "constants_outside_the_segment_of_a_graph": with_graph(graph([], [], base=1 << 31)),
    "constants_longer_than_the_segment_of_a_graph": with_graph(graph([], [], size=1 << 62)),
    "a_constant_outside_the_constants_of_a_graph": with_graph(graph([], [constant_data(4, 8)], bytes(8))),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        executorch.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["executorch"])


MALFORMED_DATA = {
    "cut_short": data_file([named("k", 0)], [segment(0, 7)], bytes(7))[:40],
    "a_segment_outside_the_file": data_file([named("k", 0)], [segment(0, 8)], bytes(7)),
    "a_key_in_no_segment": data_file([named("k", 1)], [segment(0, 7)], bytes(7)),
    "segments_that_overlap": data_file(
        [named("a", 0), named("b", 1)], [segment(0, 4), segment(2, 4)], bytes(7)
    ),
}


@pytest.mark.parametrize("name", MALFORMED_DATA)
def test_refuses_data(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        executorch_data.read(memoryview(MALFORMED_DATA[name]))
    assert caught.value.offset is not None
    assert read_layout(memoryview(MALFORMED_DATA[name])).format == "opaque"


def test_what_is_read_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    plenty = {
        "values": program([tensor(CHAR, (4,), 0)] * 30),
        "offsets": program([], bytes(8), constants=(0, [0] * 30)),
        "graph": with_graph(graph([xnn_value(1, (2,), 1)] * 30, [])),
        "data": data_file([named("k", 0)] * 30, [segment(0, 7)], bytes(7)),
        "segments": data_file([], [segment(0, 7)] * 30, bytes(7)),
    }
    monkeypatch.setattr(limits, "MAX_TENSORS", 20)
    for name, data in plenty.items():
        layout = read_layout(memoryview(data))
        assert (layout.format, len(layout.warnings)) == ("opaque", 1), name
    monkeypatch.undo()
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 20)
    assert read_layout(memoryview(one(keys=[named("key", 0)] * 9))).format == "opaque"


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from(["portable.pte", "xnnpack.pte", "_default_external_constant.ptd"]),
)
def test_a_damaged_file_still_has_a_layout(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    data = bytearray(contents("executorch-1")[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
