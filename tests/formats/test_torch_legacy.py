import pickle
import struct

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import MalformedModel
from sapwood.formats import limits, torch_legacy
from sapwood.formats.detect import read_layout
from tests.formats import torch_archive as ta
from tests.formats.folders import contents
from tests.formats.real.network import arrays
from tests.formats.samples import named_bytes

MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
STORE = ta.storage("FloatStorage", "0", 2)
TOP = ta.dictionary({"w": ta.view(STORE, (2,))})
DATA = struct.pack("<Q", 2) + b"abcdefgh"


def file(
    top: bytes = TOP,
    data: bytes = DATA,
    *,
    version: object = 1001,
    facts: object = None,
    keys: object = ("0",),
) -> bytes:
    told = {"protocol_version": 1001, "little_endian": True} if facts is None else facts
    listed = list(keys) if isinstance(keys, tuple) else keys
    return MAGIC + b"".join(
        [pickle.dumps(version, 2), pickle.dumps(told, 2), ta.pickled(top), pickle.dumps(listed, 2), data]
    )


def kinds(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {t.name: (t.dtype.name, t.shape) for _, t in torch_legacy.read(memoryview(data)).tensors()}


def test_what_torch_writes() -> None:
    data, found = contents("torch-legacy-1")["state.pt"], arrays(1)
    layout = read_layout(memoryview(data))
    assert (layout.format, layout.warnings) == ("torch-legacy", ())
    expected = {
        **found,
        "part": np.arange(10),
        "codes": np.rint(found["fc2.weight"] * 100).astype(np.int8),
        "brain": found["fc2.weight"].astype(ml_dtypes.bfloat16),
    }
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in expected.items()}
    assert kinds(data)["fc1.weight"] == ("f32", (24, 16))
    assert kinds(data)["part"] == ("i64", (10,))


def test_a_checkpoint_with_its_optimizer() -> None:
    found = kinds(contents("torch-legacy-1")["checkpoint.pt"])
    assert found["model.fc1.weight"] == ("f32", (24, 16))
    assert found["optimizer.step"] == ("i64", ())
    assert found["optimizer.moments.0"] == ("f16", (24,))


def test_the_writer_of_these_tests_is_right() -> None:
    assert kinds(file()) == {"w": ("f32", (2,))}


def test_numbers_of_a_big_endian_machine_are_bytes() -> None:
    assert kinds(file(facts={"little_endian": False})) == {"w": ("bytes", (8,))}


def test_nothing_is_executed() -> None:
    # os.system("false") as REDUCE would call it: a record, and no tensor.
    called = ta.name("os", "system") + ta.MARK + ta.text("false") + ta.TUPLE + ta.REDUCE
    assert kinds(file(ta.dictionary({"x": called}), b"", keys=())) == {}


VIEWED = (
    ta.MARK
    + ta.text("storage")
    + ta.name("torch", "FloatStorage")
    + ta.text("0")
    + ta.text("cpu")
    + ta.number(2)
)
MALFORMED = {
    "cut_short": file()[:-1],
    "cut_in_a_pickle": file()[:60],
    "an_unknown_version": file(version=1002),
    "keys_that_are_no_list": file(keys="0"),
    "keys_that_are_no_texts": file(keys=(1,)),
    "a_key_given_twice": file(keys=("0", "0"), data=DATA * 2),
    "a_key_that_nothing_views": file(keys=("1",)),
    "a_storage_that_is_not_there": file(keys=(), data=b""),
    "a_storage_of_an_unknown_type": file(
        ta.dictionary({"w": ta.view(ta.storage("OddStorage", "0", 2), (2,))})
    ),
    "a_storage_of_another_length": file(data=struct.pack("<Q", 1) + b"abcd"),
    "a_storage_longer_than_the_file": file(data=struct.pack("<Q", (1 << 64) - 1)),
    "a_view_of_a_storage": file(
        ta.dictionary(
            {"w": ta.view(VIEWED + ta.MARK + ta.text("v") + ta.number(0) + ta.TUPLE + ta.TUPLE + b"Q", (2,))}
        )
    ),
    "an_opcode_of_no_torch_file": file(b"\x82\x01"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses(name: str) -> None:
    with pytest.raises(MalformedModel) as caught:
        torch_legacy.read(memoryview(MALFORMED[name]))
    assert caught.value.offset is not None
    layout = read_layout(memoryview(MALFORMED[name]))
    assert (layout.format, [w.format for w in layout.warnings]) == ("opaque", ["torch-legacy"])


def test_opcodes_of_all_pickles_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PICKLE_OPCODES", 20)
    with pytest.raises(MalformedModel, match="too many"):
        torch_legacy.read(memoryview(file()))


@given(
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4),
    cut=st.integers(0),
    which=st.sampled_from(["state.pt", "checkpoint.pt"]),
)
def test_a_damaged_file_still_has_a_layout(flips: list[tuple[int, int]], cut: int, which: str) -> None:
    data = bytearray(contents("torch-legacy-1")[which])
    for place, change in flips:
        data[place % len(data)] ^= change
    for damaged in (bytes(data), bytes(data[: cut % len(data)])):
        assert read_layout(memoryview(damaged)).size == len(damaged)
