import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import coreml, coreml_blob, limits
from sapwood.formats.detect import read_layout
from tests.formats.folders import contents, layouts
from tests.formats.protobuf_file import number, packed, part
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

PACKAGE = "net.mlpackage/Data/com.apple.CoreML"
GRAPH, WEIGHTS = f"{PACKAGE}/model.mlmodel", f"{PACKAGE}/weights/weight.bin"
Kinds = dict[str, tuple[str, tuple[int, ...]]]


def model(kind: int, content: bytes) -> bytes:
    return number(1, 8) + part(2, b"") + part(kind, content)


def network(*layers: bytes) -> bytes:
    return model(500, b"".join(part(1, layer) for layer in layers))


def inner_product(weights: bytes, inputs: int = 3, outputs: int = 2, name: str = "fc") -> bytes:
    return part(1, name) + part(140, number(1, inputs) + number(2, outputs) + part(20, weights))


def tensor_type(kind: int, *sizes: int) -> bytes:
    dimensions = b"".join(part(3, part(1, number(1, size))) for size in sizes)
    return part(2, part(1, number(1, kind) + number(2, len(sizes)) + dimensions))


def operation(value: bytes, name: str = "w", key: str = "val") -> bytes:
    return part(1, "const") + part(3, part(1, name)) + part(5, part(1, key) + part(2, value))


def program(*operations: bytes, function: str = "main") -> bytes:
    block = b"".join(part(3, one) for one in operations)
    inside = part(3, part(1, "CoreML8") + part(2, block))
    return model(502, number(1, 1) + part(2, part(1, function) + part(2, inside)))


def blob_value(offset: int = 64, location: str = "@model_path/weights/weight.bin") -> bytes:
    return tensor_type(11, 2, 2) + part(5, part(1, location) + number(2, offset))


def blob(data: bytes, at: int, kind: int = 2, **wrong: int) -> bytes:
    words = {"sentinel": 0xDEADBEEF, "length": len(data), "offset": at + 64} | wrong
    entry = words["sentinel"].to_bytes(4, "little") + kind.to_bytes(4, "little")
    entry += words["length"].to_bytes(8, "little") + words["offset"].to_bytes(8, "little")
    return entry.ljust(64, b"\0") + data


def blobs(*found: bytes, count: int | None = None, version: int = 2) -> bytes:
    head = (len(found) if count is None else count).to_bytes(4, "little") + version.to_bytes(4, "little")
    return head.ljust(64, b"\0") + b"".join(one.ljust(-(-len(one) // 64) * 64, b"\0") for one in found)


def kinds(data: bytes) -> Kinds:
    return {t.name: (t.dtype.name, t.shape) for _, t in coreml.read(memoryview(data)).tensors()}


def package(graph: bytes, weights: bytes) -> dict[str, bytes]:
    return {"model.mlmodel": graph, "weights/weight.bin": weights}


def test_a_real_package_is_laid_out() -> None:
    files = contents("coreml-1")
    found = layouts(files)
    assert not any(layout.warnings for layout in found.values())
    assert (found[GRAPH].format, found[WEIGHTS].format) == ("coreml", "coreml-weights")
    told = {t.name: (t.dtype.name, t.shape) for _, t in found[WEIGHTS].tensors()}
    assert told == {
        "fc1_weight": ("f32", (24, 16)),
        "fc1_bias": ("f32", (24,)),
        "codes8.data": ("i8", (8, 24)),
        "codes4.indices": ("u4", (8, 24)),
        "codes4.lut": ("f32", (1, 1, 16, 1)),
        "half": ("f16", (8, 24)),
    }
    stored = named_bytes(found[WEIGHTS], files[WEIGHTS])
    assert stored["fc1_weight"] == arrays(1)["fc1.weight"].tobytes()
    assert stored["fc1_bias"] == arrays(1)["fc1.bias"].tobytes()
    assert stored["half"] == arrays(1)["fc2.weight"].astype(np.float16).tobytes()
    # A small array stays in the program.
    assert {t.name for _, t in found[GRAPH].tensors()} == {"norm_epsilon_0", "codes8.scale"}


@pytest.mark.parametrize(("name", "kind"), [("f32", np.float32), ("bits16", np.float16)])
def test_a_real_network_is_laid_out(name: str, kind: type[np.generic]) -> None:
    data = contents("coreml-1")[f"{name}.mlmodel"]
    stored = named_bytes(coreml.read(memoryview(data)), data)
    expected = {"fc1.weights": "fc1.weight", "fc1.bias": "fc1.bias", "fc2.weights": "fc2.weight"}
    for layer, weight in (expected | {"fc2.bias": "fc2.bias"}).items():
        assert stored[layer] == arrays(1)[weight].astype(kind).tobytes()
    assert kinds(data)["fc1.weights"][1] == (24, 16)


def test_codes_of_a_real_network_come_with_their_scales() -> None:
    found = kinds(contents("coreml-1")["bits8.mlmodel"])
    assert found["fc1.weights"] == ("u8", (24, 16))
    assert found["fc1.weights.scale"] == found["fc1.weights.bias"] == ("f32", (24,))


def test_blobs_without_their_program_have_types() -> None:
    layout = read_layout(memoryview(contents("coreml-1")[WEIGHTS]))
    assert layout.format == "coreml-blob"
    assert [(t.name, t.dtype.name, t.shape) for _, t in layout.tensors()][:3] == [
        ("blob.0", "f32", (384,)),
        ("blob.1", "f32", (24,)),
        ("blob.2", "i8", (192,)),
    ]


def test_weights_of_every_kind() -> None:
    assert kinds(network(inner_product(part(1, bytes(24))))) == {"fc.weights": ("f32", (2, 3))}
    assert kinds(network(inner_product(part(2, bytes(12))))) == {"fc.weights": ("f16", (2, 3))}
    assert kinds(network(inner_product(part(31, bytes(6))))) == {"fc.weights": ("i8", (2, 3))}
    four = part(30, bytes(3)) + part(40, number(1, 4) + part(102, part(1, bytes(64))))
    assert kinds(network(inner_product(four))) == {
        "fc.weights": ("u4", (2, 3)),
        "fc.weights.table": ("f32", (16,)),
    }
    three = part(30, bytes(3)) + part(40, number(1, 3))
    assert kinds(network(inner_product(three))) == {"fc.weights": ("bytes", (3,))}


def test_weights_of_another_size_than_the_layer_says_are_a_row() -> None:
    assert kinds(network(inner_product(part(1, bytes(28))))) == {"fc.weights": ("f32", (7,))}
    assert kinds(network(inner_product(part(1, bytes(27))))) == {"fc.weights": ("bytes", (27,))}


def test_a_convolution_has_its_kernel() -> None:
    layer = part(1, "c") + part(
        100, number(1, 4) + number(2, 2) + packed(20, [3, 5]) + part(90, part(1, bytes(480)))
    )
    assert kinds(network(layer)) == {"c.weights": ("f32", (4, 2, 3, 5))}


def test_branches_and_pipelines_are_walked() -> None:
    branch = part(1, "if") + part(605, part(2, part(1, inner_product(part(1, bytes(24))))))
    pipeline = model(202, part(1, network(branch)) + part(1, network(branch)))
    assert set(kinds(pipeline)) == {"if.else.fc.weights", "if.else.fc.weights#2"}


def test_values_in_a_program() -> None:
    floats = tensor_type(11, 3) + part(3, part(1, part(1, part(1, bytes(12)))))
    halves = tensor_type(10, 2) + part(3, part(1, part(7, part(1, bytes(4)))))
    integers = tensor_type(23, 2) + part(3, part(1, part(2, packed(1, [1, 2]))))
    made = program(operation(floats, "a"), operation(halves, "b", "table"), operation(integers, "c"))
    assert kinds(made) == {"a": ("f32", (3,)), "b.table": ("f16", (2,))}


def test_functions_other_than_main_are_in_the_name() -> None:
    floats = tensor_type(11, 3) + part(3, part(1, part(1, part(1, bytes(12)))))
    assert set(kinds(program(operation(floats), function="lora"))) == {"lora.w"}


def test_a_blob_that_no_program_names_keeps_its_type() -> None:
    weights = blobs(blob(bytes(16), 64), blob(bytes(10), 192, 1))
    layout = layouts(package(program(operation(blob_value())), weights))["weights/weight.bin"]
    told = [(t.name, t.dtype.name, t.shape) for _, t in layout.tensors()]
    assert (layout.format, told) == ("coreml-weights", [("w", "f32", (2, 2)), ("blob.1", "f16", (5,))])


def test_a_program_without_its_weights_warns() -> None:
    (warning,) = layouts({"model.mlmodel": program(operation(blob_value()))})["model.mlmodel"].warnings
    assert "weights/weight.bin" in warning.reason


@pytest.mark.parametrize(
    "weights",
    [b"", bytes(200), blobs(blob(bytes(16), 64))[:64], b"version https://git-lfs.github.com/spec/v1\n"],
    ids=["empty", "zeros", "cut", "pointer"],
)
def test_weights_that_are_no_blobs_are_carried_with_a_warning(weights: bytes) -> None:
    found = layouts(package(program(operation(blob_value())), weights))
    assert found["weights/weight.bin"].format == "opaque"
    assert len(found["model.mlmodel"].warnings) == 1


def test_a_reference_to_no_blob_warns() -> None:
    weights = blobs(blob(bytes(16), 64))
    for offset in (0, 65, 128, 1 << 40, (1 << 64) - 1):
        found = layouts(package(program(operation(blob_value(offset))), weights))
        (warning,) = found["model.mlmodel"].warnings
        assert "no blob for 'w'" in warning.reason
        assert found["weights/weight.bin"].format == "coreml-blob"


@pytest.mark.parametrize("location", ["@model_path/../../secret", "/etc/passwd", "model.mlmodel", ""])
def test_a_place_outside_the_package_is_nowhere(location: str) -> None:
    graph = program(operation(blob_value(location=location)))
    found = layouts(package(graph, blobs(blob(bytes(16), 64))))
    assert len(found["model.mlmodel"].warnings) == 1
    assert found["weights/weight.bin"].format == "coreml-blob"


def _deep(levels: int) -> bytes:
    inner = inner_product(part(1, bytes(24)))
    for _ in range(levels):
        inner = part(605, part(1, part(1, inner)))
    return network(inner)


MALFORMED = {
    "a_message_longer_than_its_parent": network(inner_product(part(1, bytes(24), length=1 << 40))),
    "a_group": network(b"\x0b\x0c"),
    "branches_too_deep": _deep(40),
    "a_name_that_is_no_text": network(part(1, b"\xff") + part(140, part(20, part(1, bytes(4))))),
    "a_name_too_long": network(part(1, "n" * 9000) + part(140, part(20, part(1, bytes(4))))),
    "a_shape_that_overflows": network(inner_product(part(1, bytes(24)), 1 << 62, 1 << 62)),
    "a_kernel_of_too_many_dimensions": network(
        part(100, packed(20, [1] * 100) + part(90, part(1, bytes(4))))
    ),
    "a_value_of_too_many_dimensions": program(operation(tensor_type(11, *[1] * 100))),
    "a_value_whose_shape_overflows": program(operation(tensor_type(11, 1 << 62, 1 << 62))),
    "a_number_without_end": network(inner_product(b"\x08" + b"\xff" * 12)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        coreml.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["coreml"])


MALFORMED_BLOBS = {
    "no_sentinel": blobs(blob(bytes(16), 64), blob(bytes(16), 192, sentinel=1)),
    "more_blobs_than_there_are": blobs(blob(bytes(16), 64), count=3),
    "an_absurd_count": blobs(blob(bytes(16), 64), count=0xFFFFFFFF),
    "a_blob_longer_than_the_file": blobs(blob(bytes(16), 64, length=1 << 63)),
    "a_blob_outside_the_file": blobs(blob(bytes(16), 64, offset=(1 << 64) - 1)),
    "a_blob_over_its_entry": blobs(blob(bytes(16), 64, offset=64)),
    "a_blob_that_points_back": blobs(blob(bytes(16), 64), blob(bytes(16), 192, offset=0)),
}


@pytest.mark.parametrize("name", MALFORMED_BLOBS)
def test_refuses_blobs(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        coreml_blob.read(memoryview(MALFORMED_BLOBS[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED_BLOBS[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["coreml-blob"])


@pytest.mark.parametrize("name", ["no_sentinel", "more_blobs_than_there_are", "an_absurd_count"])
def test_what_the_program_names_is_laid_out_in_a_damaged_file(name: str) -> None:
    found = layouts(package(program(operation(blob_value())), MALFORMED_BLOBS[name]))["weights/weight.bin"]
    assert [t.name for _, t in found.tensors()] == ["w"]
    assert [w.format for w in found.warnings] == ["coreml-blob"]


@pytest.mark.parametrize(
    "name", ["a_blob_longer_than_the_file", "a_blob_outside_the_file", "a_blob_over_its_entry"]
)
def test_a_damaged_blob_that_the_program_names_is_told(name: str) -> None:
    found = layouts(package(program(operation(blob_value())), MALFORMED_BLOBS[name]))
    assert found["weights/weight.bin"].format == "opaque"
    assert "no blob for 'w'" in found["model.mlmodel"].warnings[0].reason


def test_too_many_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 3)
    for data in (network(*[inner_product(part(1, bytes(24)))] * 4), program(*[operation(blob_value())] * 4)):
        with pytest.raises(MalformedModel, match="too many"):
            coreml.read(memoryview(data))
            coreml.references(memoryview(data))


def test_a_long_name_of_a_function_does_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_NAMES_CHARS", 10_000)
    with pytest.raises(MalformedModel, match="too long names"):
        coreml.references(memoryview(program(*[operation(blob_value())] * 2, function="n" * 6000)))


def test_a_file_of_tiny_fields_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PROTOBUF_FIELDS", 50)
    with pytest.raises(MalformedModel, match="too many fields"):
        coreml.read(memoryview(network(*[inner_product(part(1, bytes(24)))] * 20)))


def test_a_file_cut_short_says_so() -> None:
    data = contents("coreml-1")["f32.mlmodel"]
    layout = read_layout(memoryview(data[:2000]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["coreml"])


@pytest.mark.parametrize(
    "data", [b"", number(1, 8), number(1, 8) + part(2, b""), model(77, b""), model(7, b"")]
)
def test_other_messages_are_not_taken_for_models(data: bytes) -> None:
    layout = read_layout(memoryview(data))
    assert layout.format != "coreml"
    assert not any(w.format == "coreml" for w in layout.warnings)


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
    which=st.sampled_from([GRAPH, WEIGHTS, "bits8.mlmodel"]),
)
def test_a_damaged_model_still_has_layouts(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    files = contents("coreml-1")
    data = bytearray(files[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        for path, layout in layouts(files | {which: damaged}).items():
            assert layout.size == len(damaged if path == which else files[path])
