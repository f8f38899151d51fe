import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import keras
from sapwood.formats.detect import read_layout
from tests.formats import hdf5_file as h
from tests.formats.folders import contents
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

WEIGHTS = h.one(h.space(2), h.message(h.TYPE, h.F32), h.contiguous(48, 8))


def archive(weights: bytes = WEIGHTS, method: int = zipfile.ZIP_STORED) -> bytes:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", method) as whole:
        for name, data in (("metadata.json", b"{}"), ("config.json", b"{}"), ("model.weights.h5", weights)):
            whole.writestr(name, data)
    return room.getvalue()


def test_what_keras_writes() -> None:
    data, found = contents("keras-1")["model.keras"], arrays(1)
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("keras", ())
    assert named_bytes(layout, data) == {
        "layers/dense/vars/0": found["fc1.weight"].T.tobytes(),
        "layers/dense/vars/1": found["fc1.bias"].tobytes(),
        "layers/dense_1/vars/0": found["fc2.weight"].T.tobytes(),
        "layers/dense_1/vars/1": found["fc2.bias"].tobytes(),
    }


def test_an_archive_of_these_tests_is_right() -> None:
    data = archive()
    assert named_bytes(read_layout(memoryview(data)), data) == {"x": b"abcdefgh"}


def test_compressed_weights_are_glue_and_told_of() -> None:
    # A thousandfold bomb: it is never unpacked.
    layout = read_layout(memoryview(archive(bytes(1 << 24), zipfile.ZIP_DEFLATED)))
    assert (layout.format, list(layout.tensors())) == ("keras", [])
    assert [w.reason for w in layout.warnings] == [
        "compressed weights stay as they are: 'model.weights.h5' and maybe others"
    ]


def test_another_zip_archive_is_not_keras() -> None:
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w") as whole:
        whole.writestr("config.json", b"{}")
    assert read_layout(memoryview(room.getvalue())).format == "opaque"


MALFORMED = {
    "cut_short": archive()[:-1],
    "weights_that_are_no_hdf5": archive(bytes(96)),
    "weights_out_of_their_member": archive(
        h.one(h.space(2), h.message(h.TYPE, h.F32), h.contiguous(1 << 9, 8))
    ),
    "weights_cut_short": archive(WEIGHTS[:-8]),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        keras.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["keras"])


def test_an_offset_in_the_weights_is_one_in_the_archive() -> None:
    data = archive(h.one(h.space(2, version=9), h.message(h.TYPE, h.F32), h.contiguous(48, 8)))
    with pytest.raises(MalformedModel, match=r"model\.weights\.h5") as caught:
        keras.read(memoryview(data))
    assert caught.value.offset is not None
    assert data[caught.value.offset] == 9


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4), cut=st.integers(0)
)
def test_a_damaged_file_still_has_a_layout(flips: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(contents("keras-1")["model.keras"])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
