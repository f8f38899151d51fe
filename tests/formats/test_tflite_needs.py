"""What a TFLite file tells of the memory, the operators and the tensors a device needs."""

import struct
from pathlib import Path

import pytest

from sapwood.errors import MalformedModel
from sapwood.formats.tflite_needs import read_needs
from tests.formats.tflite_file import FlatFile, Writer, inner_buffer, numbers, tensor, text

TFLITE = Path(__file__).parents[2] / "bench" / "corpus" / "tflite"
F32, INT8, TEXT = 0, 9, 5


def operator(code: int, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Writer:
    return lambda f: f.table({0: ("I", code)}, {1: numbers(inputs), 2: numbers(outputs)})


def code(builtin: int, version: int = 1, custom: str = "") -> Writer:
    fields = {0: ("b", min(builtin, 127)), 2: ("i", version), 3: ("i", builtin)}
    return lambda f: f.table(fields, {1: text(custom)} if custom else {})


def file(
    tensors: list[Writer],
    operators: list[Writer],
    *,
    ends: tuple[tuple[int, ...], tuple[int, ...]] = ((0,), (3,)),
    codes: tuple[Writer, ...] = (code(3),),
    plan: bytes | None = None,
) -> bytes:
    """One subgraph; buffer 0 is empty, buffer 1 holds a constant, buffer 2 the plan."""
    flat = FlatFile()
    graph = {
        0: lambda f: f.tables(tensors),
        1: numbers(ends[0]),
        2: numbers(ends[1]),
        3: lambda f: f.tables(operators),
    }
    buffers = [inner_buffer(b""), inner_buffer(b"\1" * 64), inner_buffer(plan or b"")]
    children: dict[int, Writer] = {
        1: lambda f: f.tables(list(codes)),
        2: lambda f: f.tables([lambda g: g.table({}, graph)]),
        4: lambda f: f.tables(buffers),
    }
    if plan is not None:
        entry: Writer = lambda f: f.table({1: ("I", 2)}, {0: text("OfflineMemoryAllocation")})  # noqa: E731
        children[6] = lambda f: f.tables([entry])
    root = flat.table({0: ("I", 3)}, children)
    struct.pack_into("<I", flat.data, 0, root)
    return bytes(flat.data)


# 0 -> 1 -> 2 -> 3, with a constant beside; 100, 40, 7 and 1 elements.
CHAIN = [
    tensor("in", INT8, (1, 100), 0),
    tensor("a", F32, (40,), 0),
    tensor("b", INT8, (7,), 0),
    tensor("out", INT8, (), 0),
    tensor("weights", INT8, (64,), 1),
]
STEPS = [operator(0, (0, 4), (1,)), operator(0, (1, 4, -1), (2,)), operator(0, (2,), (3,))]


def arena(*arguments: list[Writer], **options: object) -> int:
    return read_needs(memoryview(file(*arguments, **options))).arena_bytes  # type: ignore[arg-type]


def test_only_what_is_alive_at_the_same_time_counts() -> None:
    assert arena(CHAIN, STEPS) == 112 + 160
    # If the input is asked for at the end again, it stays.
    assert arena(CHAIN, [*STEPS[:2], operator(0, (2, 0), (3,))]) == 112 + 160 + 16
    # An output stays to the end.
    assert arena(CHAIN, STEPS, ends=((0,), (3, 1))) == 112 + 160
    assert arena(CHAIN, STEPS, ends=((0,), (3, 0, 1))) == 112 + 160 + 16 + 16


def test_constants_and_what_nothing_uses_take_no_room() -> None:
    assert arena([*CHAIN, tensor("unused", F32, (1000,), 0)], STEPS) == 112 + 160
    # Texts have no size that a file knows.
    assert arena([*CHAIN[:2], tensor("b", TEXT, (7,), 0), *CHAIN[3:]], STEPS) == 112 + 160


def test_a_plan_counts_where_it_reaches_further() -> None:
    def plan(*offsets: int) -> bytes:
        return struct.pack(f"<3i{len(offsets)}i", 1, 0, len(offsets), *offsets)

    assert arena(CHAIN, STEPS, plan=plan(0, 112, 512, 0, -1)) == 528
    assert arena(CHAIN, STEPS, plan=plan(0, 0, 0, 0, -1)) == 272
    found = read_needs(memoryview(file(CHAIN, STEPS, plan=plan(0, 0, 0, 0, -1))))
    assert found.is_planned
    assert not read_needs(memoryview(file(CHAIN, STEPS))).is_planned
    for bad in (b"", plan(1)[:-4], plan(1) + bytes(4)):
        if bad:
            with pytest.raises(MalformedModel):
                arena(CHAIN, STEPS, plan=bad)


def test_operators_count_once_and_by_version() -> None:
    def hashed(*codes: Writer) -> bytes:
        return read_needs(memoryview(file(CHAIN, STEPS, codes=codes))).operator_set

    assert hashed(code(3), code(9)) == hashed(code(9), code(3), code(3))
    seen = {
        hashed(code(3)), hashed(code(3, 2)), hashed(code(9)), hashed(code(3), code(9)), hashed(code(200)),
        hashed(code(32, 1, "a")), hashed(code(32, 1, "b")),
    }  # fmt: skip
    assert len(seen) == 7


def test_the_schema_is_types_and_shapes_not_names() -> None:
    def hashed(first: Writer) -> bytes:
        return read_needs(memoryview(file([first, *CHAIN[1:]], STEPS))).io_schema

    same = hashed(tensor("another name", INT8, (1, 100), 0))
    assert same == read_needs(memoryview(file(CHAIN, STEPS))).io_schema
    assert hashed(tensor("in", INT8, (100,), 0)) != same
    assert hashed(tensor("in", F32, (1, 100), 0)) != same
    ends = read_needs(memoryview(file(CHAIN, STEPS, ends=((3,), (0,))))).io_schema
    assert ends != same


@pytest.mark.parametrize(
    ("tensors", "operators", "ends"),
    [
        (CHAIN, [operator(0, (9,), (1,))], ((0,), (3,))),
        (CHAIN, [operator(0, (-2,), (1,))], ((0,), (3,))),
        (CHAIN, STEPS, ((5,), (3,))),
        (CHAIN, STEPS, ((0,), (-1, 7))),
        ([tensor("in", INT8, (4,), 3), *CHAIN[1:]], STEPS, ((0,), (3,))),
        ([tensor("in", INT8, (-4,), 0), *CHAIN[1:]], STEPS, ((0,), (3,))),
        ([tensor("in", INT8, (1 << 30,) * 3, 0), *CHAIN[1:]], STEPS, ((0,), (3,))),
    ],
)
def test_what_leads_nowhere_is_refused(
    tensors: list[Writer], operators: list[Writer], ends: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    with pytest.raises(MalformedModel):
        arena(tensors, operators, ends=ends)


def test_no_damage_ends_in_another_error() -> None:
    data = (TFLITE / "my_cnn_lastlayer.new.tflite").read_bytes()
    for at in range(0, len(data), 211):
        bad = bytearray(data)
        bad[at] ^= 0xFF
        try:
            read_needs(memoryview(bytes(bad)))
        except MalformedModel:
            continue
