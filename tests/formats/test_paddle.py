import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits, paddle, paddle_graph
from sapwood.formats.detect import read_layout
from tests.formats.folders import contents, layouts
from tests.formats.protobuf_file import number, packed, part, varint
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

FLOAT, MINUS_ONE = 5, (1 << 64) - 1


def description(kind: int, *sizes: int) -> bytes:
    return number(1, kind) + b"".join(number(2, size) for size in sizes)


def tensor(
    told: bytes, data: bytes, *, version: int = 0, levels: bytes | None = None, length: int | None = None
) -> bytes:
    head = version.to_bytes(4, "little") + (bytes(8) if levels is None else levels) + bytes(4)
    return head + (len(told) if length is None else length).to_bytes(4, "little") + told + data


def variable(name: str, kind: int = 7, persistable: int = 1) -> bytes:
    return part(3, part(1, name) + part(2, number(1, kind)) + number(3, persistable))


def program(*variables: bytes) -> bytes:
    return part(1, number(1, 0) + number(2, MINUS_ONE) + b"".join(variables)) + part(4, number(1, 0))


def pir(*names: str) -> bytes:
    ops = ",".join(f'{{"#":"p","A":[0,1,1,{name}],"DA":[]}}' for name in names)
    return f'{{"base_code":{{"magic":"pir","trainable":true,"version":4}},"program":[{ops}]}}'.encode()


def kinds(data: bytes) -> list[tuple[str, str, tuple[int, ...]]]:
    return [(t.name, t.dtype.name, t.shape) for _, t in paddle.read(memoryview(data)).tensors()]


ONE = tensor(description(FLOAT, 2), b"abcdefgh")


@pytest.mark.parametrize("place", ["net", "old/net"])
def test_a_real_model_is_laid_out(place: str) -> None:
    files = contents("paddle-1")
    found = layouts(files)
    assert not any(layout.warnings for layout in found.values())
    weights = f"{place}.pdiparams"
    assert found[weights].format == "paddle-weights"
    assert named_bytes(found[weights], files[weights]) == {
        f"linear_{i}.{kind}_0": arrays(1)[f"fc{i + 1}.{name}"].T.tobytes()
        for i in (0, 1)
        for kind, name in (("w", "weight"), ("b", "bias"))
    }
    shapes = {t.name: t.shape for _, t in found[weights].tensors()}
    assert shapes["linear_0.w_0"] == (16, 24)


def test_weights_without_their_graph_have_types_and_shapes() -> None:
    layout = read_layout(memoryview(contents("paddle-1")["net.pdiparams"]))
    assert layout.format == "paddle"
    assert [(t.name, t.shape) for _, t in layout.tensors()][:2] == [
        ("tensor.0", (24,)),
        ("tensor.1", (16, 24)),
    ]


def test_tensors_of_several_kinds() -> None:
    data = tensor(description(4, 3), bytes(6)) + tensor(description(21), b"x")
    data += tensor(number(1, 22) + packed(2, [2, 2]), bytes(8))
    data += tensor(description(FLOAT, 0, 3), b"")
    levels = (2).to_bytes(8, "little") + (8).to_bytes(8, "little") + bytes(8) + bytes(8)
    data += tensor(description(FLOAT, 1), bytes(4), levels=levels)
    assert kinds(data) == [
        ("tensor.0", "f16", (3,)),
        ("tensor.1", "i8", ()),
        ("tensor.2", "bf16", (2, 2)),
        ("tensor.4", "f32", (1,)),
    ]


def test_the_names_of_a_program() -> None:
    made = program(variable("b"), variable("a"), variable("t", persistable=0), variable("feed", kind=9))
    assert paddle_graph.names(memoryview(made)) == ("a", "b")


def test_the_names_of_a_pir_graph() -> None:
    made = pir('"b"', r'"a\"\u00e9"', r'"{\"#\":\"p\",\"A\":[0,1,1,\"no\"]"')
    assert paddle_graph.names(memoryview(made)) == ('a"é', "b", '{"#":"p","A":[0,1,1,"no"]')


def test_names_are_in_the_order_of_bytes() -> None:
    assert paddle_graph.names(memoryview(pir('"a_9"', '"a_10"', '"B"', '"é"'))) == ("B", "a_10", "a_9", "é")


def test_a_graph_without_its_weights_warns() -> None:
    (warning,) = layouts({"m.json": pir('"a"')})["m.json"].warnings
    assert "'m.pdiparams'" in warning.reason
    assert layouts({"m.json": pir()})["m.json"].warnings == ()


@pytest.mark.parametrize("graph", [pir(), pir('"a"', '"b"'), program()])
def test_a_graph_with_other_parameters_warns_and_names_nothing(graph: bytes) -> None:
    found = layouts({"m.json": graph, "m.pdiparams": ONE})
    assert found["m.pdiparams"].format == "paddle"
    (warning,) = found["m.json"].warnings
    assert "not as many" in warning.reason


MALFORMED = {
    "cut_short": ONE[:-1],
    "more_bytes_than_tensors": ONE + b"x",
    "another_version": ONE + tensor(description(FLOAT, 1), bytes(4), version=1),
    "absurdly_many_levels": ONE + tensor(description(FLOAT, 1), bytes(4), levels=b"\xff" * 8),
    "a_level_longer_than_the_file": ONE
    + tensor(description(FLOAT, 1), bytes(4), levels=b"\1" + bytes(7) + b"\xff" * 8),
    "a_description_longer_than_the_file": ONE + tensor(description(FLOAT, 1), b"", length=900),
    "an_absurdly_long_description": ONE + tensor(description(FLOAT, 1), bytes(4), length=0xFFFFFFFF),
    "a_type_that_is_no_number": ONE + tensor(description(7, 1), bytes(4)),
    "no_type": ONE + tensor(number(2, 4), bytes(4)),
    "a_negative_dimension": ONE + tensor(description(FLOAT, MINUS_ONE), bytes(4)),
    "a_shape_that_overflows": ONE + tensor(description(FLOAT, 1 << 62, 1 << 62), bytes(4)),
    "too_many_dimensions": ONE + tensor(description(FLOAT, *[1] * 65), bytes(4)),
    "a_tensor_longer_than_the_file": ONE + tensor(description(FLOAT, 1 << 40), bytes(4)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        paddle.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    found = layouts({"m.json": pir('"a"'), "m.pdiparams": MALFORMED[name]})
    assert (found["m.pdiparams"].format, len(found["m.pdiparams"].warnings)) == ("opaque", 1)


MALFORMED_GRAPHS = {
    "a_name_with_a_lone_surrogate": pir(r'"\ud800"'),
    "a_name_with_a_bad_escape": pir(r'"\q"'),
    "a_name_too_long": pir(f'"{"n" * 9000}"'),
    "a_program_cut_short": program(variable("a"))[:-1],
    "a_variable_longer_than_its_block": program(part(3, b"", length=99)),
    "a_name_in_a_program_that_is_no_text": program(
        part(3, part(1, b"\xff") + part(2, number(1, 7)) + number(3, 1))
    ),
}


@pytest.mark.parametrize("name", MALFORMED_GRAPHS)
def test_refuses_graphs(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        paddle_graph.read(memoryview(MALFORMED_GRAPHS[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED_GRAPHS[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["paddle-graph"])


def test_what_is_read_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 3)
    for data in (ONE * 4, pir(*[f'"{i}"' for i in range(4)]), program(*map(variable, "abcd"))):
        layout = read_layout(memoryview(data))
        assert (layout.format, "too many" in layout.warnings[0].reason) == ("opaque", True)


@pytest.mark.parametrize(
    "data",
    [
        bytes(300),
        bytes(16) + b"\4\0\0\0\x08\x63\x10\x18" + bytes(40),
        b'{"base_code":{"magic":"rip"}}',
        part(1, number(1, 0) + number(2, 0)),
        part(1, part(1, b"")) + varint(99),
    ],
)
def test_other_files_are_opaque_without_a_warning(data: bytes) -> None:
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("opaque", ())


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from(["net.json", "net.pdiparams", "old/net.pdmodel"]),
)
def test_a_damaged_model_still_has_layouts(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    files = contents("paddle-1")
    data = bytearray(files[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        for path, layout in layouts(files | {which: damaged}).items():
            assert layout.size == len(damaged if path == which else files[path])
