import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits, openvino
from sapwood.formats.detect import read_layout
from tests.formats.folders import contents, layouts
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes


def graph(layers: str, head: str = '<?xml version="1.0"?>\n') -> bytes:
    return f'{head}<net name="n" version="11">\n<layers>{layers}</layers></net>'.encode()


def constant(
    name: str = "w", kind: str = "f32", shape: str = "2, 2", offset: str = "0", size: str = "16"
) -> str:
    data = f'<data element_type="{kind}" shape="{shape}" offset="{offset}" size="{size}"/>'
    return f'<layer id="0" name="{name}" type="Const" version="opset1">{data}<output/></layer>'


def described(layers: str) -> list[tuple[str, str, tuple[int, ...], int, int]]:
    found = openvino.constants(memoryview(graph(layers)))
    return [(t.name, t.dtype.name, t.shape, offset, length) for offset, length, t in found]


def weights(layers: str, data: bytes) -> dict[str, bytes]:
    return {"m.xml": graph(layers), "m.bin": data}


def test_a_real_model_is_laid_out() -> None:
    files = contents("openvino-1")
    found = layouts(files)
    assert {path: layout.format for path, layout in found.items()} == {
        "model.bin": "openvino-weights",
        "model.xml": "openvino",
    }
    assert not any(layout.warnings for layout in found.values())
    stored = named_bytes(found["model.bin"], files["model.bin"])
    network = arrays(1)
    assert stored["fc1.weight"] == network["fc1.weight"].tobytes()
    assert stored["fc1.bias"] == network["fc1.bias"].tobytes()
    assert stored["half"] == network["fc2.weight"].astype(np.float16).tobytes()
    kinds = {t.name: (t.dtype.name, t.shape) for _, t in found["model.bin"].tensors()}
    assert kinds == {
        "fc1.weight": ("f32", (24, 16)),
        "fc1.bias": ("f32", (1, 24)),
        "half": ("f16", (8, 24)),
        "brain": ("bf16", (8, 24)),
        "codes8": ("i8", (8, 24)),
        "codes8/scale": ("f32", (8, 1)),
        "codes4": ("i4", (8, 24)),
        "codes4/scale": ("f32", (8, 1)),
    }
    assert sum(span.length for span, _ in found["model.bin"].tensors()) == len(files["model.bin"])


def test_every_element_type_has_its_width() -> None:
    sizes = {"boolean": 6, "bf16": 12, "f16": 12, "f64": 48, "i64": 48, "u8": 6, "u4": 3, "i4": 3, "nf4": 3}
    for kind, size in sizes.items():
        (found,) = described(constant(kind=kind, shape="2,3", size=str(size)))
        assert found[2:] == ((2, 3), 0, size)


def test_a_scalar_and_a_type_unknown_here() -> None:
    assert described(constant(shape="", size="4")) == [("w", "f32", (), 0, 4)]
    assert described(constant(kind="string", size="9")) == [("w", "bytes", (9,), 0, 9)]
    assert described(constant(size="17")) == [("w", "bytes", (17,), 0, 17)]


def test_constants_in_a_loop_body_go_by_the_loop() -> None:
    body = f'<layer name="loop" type="Loop"><body><layers>{constant()}</layers></body></layer>{constant("z")}'
    assert [name for name, *_ in described(body)] == ["loop.w", "z"]


def test_data_of_other_layers_is_no_constant() -> None:
    other = (
        '<layer name="p" type="Parameter"><data element_type="f32" shape="2" offset="0" size="8"/></layer>'
    )
    nested = (
        '<layer name="c" type="Const"><x><data element_type="f32" shape="2" offset="0" size="8"/></x></layer>'
    )
    assert described(other + nested) == []


def test_the_weights_lie_under_the_name_of_the_graph() -> None:
    files = weights(constant(), bytes(20)) | {"other.bin": bytes(16), "sub/m.bin": bytes(16)}
    assert {path: layout.format for path, layout in layouts(files).items()} == {
        "m.xml": "openvino",
        "m.bin": "openvino-weights",
        "other.bin": "opaque",
        "sub/m.bin": "opaque",
    }


def test_a_graph_without_its_weights_warns() -> None:
    (warning,) = layouts({"m.xml": graph(constant())})["m.xml"].warnings
    assert "'m.bin'" in warning.reason
    assert layouts({"m.xml": graph("")})["m.xml"].warnings == ()


def test_weights_that_do_not_fit_stay_opaque_with_a_warning() -> None:
    for layers in (
        constant(offset="8"),
        constant("a") + constant("b", offset="8"),
        constant(offset=str(2**63), size=str(2**63)),
    ):
        layout = layouts(weights(layers, bytes(20)))["m.bin"]
        assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["openvino-weights"])


@pytest.mark.parametrize("head", ["", "\ufeff", "<!-- a --><?x y?>\n"])
def test_a_graph_is_known_by_its_root(head: str) -> None:
    assert read_layout(memoryview(graph("", head))).format == "openvino"


@pytest.mark.parametrize(
    "data",
    [
        b'<net version="1.20"><location/></net>',
        b'<?xml version="1.0"?><svg/>',
        b"<" * 5000,
        b"<?" * 5000,
        b'<net name="a" version="11"',
    ],
)
def test_other_xml_is_opaque_without_a_warning(data: bytes) -> None:
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("opaque", ())


MALFORMED = {
    "cut_short": graph(constant())[:-6],
    "an_entity_bomb": graph("&b;", '<!DOCTYPE n [<!ENTITY a "x"><!ENTITY b "&a;&a;">]>'),
    "an_offset_that_is_no_number": graph(constant(offset="-1")),
    "a_size_too_long": graph(constant(size="1" * 30)),
    "digits_of_another_script": graph(constant(size="\u0661\u0662")),
    "a_dynamic_dimension": graph(constant(shape="?,2")),
    "an_empty_dimension": graph(constant(shape="2,,2")),
    "too_many_dimensions": graph(constant(shape=",".join("1" * 100))),
    "a_shape_that_overflows": graph(constant(shape=",".join(["4294967295"] * 4))),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        openvino.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = layouts({"m.xml": MALFORMED[name], "m.bin": bytes(16)})
    # A document type in front of the root is no OpenVINO file to begin with.
    assert [layout["m.xml"].format, layout["m.bin"].format] == ["opaque", "opaque"]


def test_too_many_constants_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 3)
    with pytest.raises(MalformedModel, match="too many"):
        openvino.read(memoryview(graph(constant() * 4)))


def test_a_long_name_of_a_loop_does_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 10_000)
    body = f'<layer name="{"n" * 6000}" type="Loop"><body><layers>{constant() * 2}</layers></body></layer>'
    with pytest.raises(MalformedModel, match="too long names"):
        openvino.read(memoryview(graph(body)))
    with pytest.raises(MalformedModel, match="name is too long"):
        openvino.read(memoryview(graph(constant("n" * 9000))))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from(["model.xml", "model.bin"]),
)
def test_a_damaged_model_still_has_layouts(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    files = contents("openvino-1")
    data = bytearray(files[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        for path, layout in layouts(files | {which: damaged}).items():
            assert layout.size == len(damaged if path == which else files[path])
