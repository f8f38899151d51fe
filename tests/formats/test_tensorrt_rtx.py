import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sapwood
from sapwood.errors import MalformedModel
from sapwood.formats import limits, tensorrt_rtx
from sapwood.formats.detect import read_layout
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes
from tests.formats.tensorrt_rtx_file import engine, table

WEIGHTS = bytes(range(48))


def spans(data: bytes) -> list[tuple[str, str, int, int]]:
    layout = tensorrt_rtx.read(memoryview(data))
    return [(t.name, t.dtype.name, s.offset, s.length) for s, t in layout.tensors()]


def test_the_weights_are_found_by_their_table() -> None:
    data = engine(b"code" + table([0, 16, 16, 40], 48) + b"code", WEIGHTS)
    at = len(data) - 52
    assert spans(data) == [
        ("weight.0", "bytes", at, 16),
        ("weight.2", "bytes", at + 16, 24),
        ("weight.3", "bytes", at + 40, 8),
    ]


@pytest.mark.parametrize(
    "code",
    [
        b"code",
        table([0, 16, 40], 47),
        table([0, 16, 40], 48, count=2),
        table([0, 16, 40], 48, count=0xFFFFFFFF),
        table([0, 16, 40], 48, first=1),
        table([8, 16, 40], 48),
        table([0, 40, 16], 48),
        table([0, 49], 48),
        struct.pack("<Q", 48) * 1000,
    ],
    ids=["none", "length", "count", "absurd", "numbers", "first", "back", "outside", "many"],
)
def test_without_a_table_the_weights_are_one(code: bytes) -> None:
    data = engine(code, WEIGHTS)
    assert spans(data) == [("weight.0", "bytes", len(data) - 52, 48)]


MALFORMED = {
    "cut_short": engine(b"code", WEIGHTS)[:-1],
    "bytes_behind_the_end": engine(b"code", WEIGHTS) + b"x",
    "nothing_but_a_header": engine(b"", b"", size=64)[:64],
    "another_section": engine(b"code", WEIGHTS, tag=b"OTHR"),
    "another_first_section": engine(b"code", WEIGHTS, first=b"OTHR"),
    "code_elsewhere": engine(b"code", WEIGHTS, code_at=113),
    "code_over_the_weights": engine(b"code", WEIGHTS, code_length=5),
    "code_longer_than_the_file": engine(b"code", WEIGHTS, code_length=(1 << 64) - 1),
    "weights_outside_the_file": engine(b"code", WEIGHTS, at=(1 << 64) - 1),
    "weights_longer_than_the_file": engine(b"code", WEIGHTS, length=(1 << 64) - 1),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        tensorrt_rtx.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["tensorrt-rtx"])


def test_more_weights_than_there_may_be_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TENSORS", 2)
    assert len(spans(engine(table([0, 16, 40], 48), WEIGHTS))) == 1


def test_engines_of_tensorrt_proper_are_opaque() -> None:
    data = b"ftrt" + engine(b"code", WEIGHTS)[4:]
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("opaque", ())


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_the_width_of_the_weights_is_found_by_content(kind: type[np.generic]) -> None:
    noise = np.random.default_rng(3)
    old = (noise.standard_normal(40_000) * 0.05).astype(kind)
    new = (old * (1 + 1e-3 * noise.standard_normal(40_000))).astype(kind)
    base, target = (engine(table([0, 4 * old.itemsize], old.nbytes), w.tobytes()) for w in (old, new))
    patch = sapwood.diff(base, target)
    typed = sapwood.diff_tensors({"w": old}, {"w": new})
    assert sapwood.apply(base, patch) == target
    assert patch.size < typed.size * 1.02


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0, 1 << 20),
)
def test_a_damaged_engine_still_has_a_layout(flips: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(engine(table([0, 16, 40], 48), WEIGHTS))
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)


def test_an_engine_of_tensorrt_rtx() -> None:
    """Not in the repository: engines hold code of NVIDIA's. Built here without a GPU."""
    rtx = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    builder = rtx.Builder(rtx.Logger(rtx.Logger.ERROR))
    network = builder.create_network(1 << int(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    weight = arrays(1)["fc1.weight"]
    constant = network.add_constant(weight.shape, rtx.Weights(weight)).get_output(0)
    x = network.add_input("x", rtx.float32, (1, 16))
    plain, turned = rtx.MatrixOperation.NONE, rtx.MatrixOperation.TRANSPOSE
    network.mark_output(network.add_matrix_multiply(x, plain, constant, turned).get_output(0))
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(rtx.ComputeCapability.SM86, 0)
    data = bytes(builder.build_serialized_network(network, config))
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("tensorrt-rtx", ())
    assert weight.tobytes() in named_bytes(layout, data).values()
