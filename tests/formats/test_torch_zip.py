import io
import pickle
import struct

import numpy as np
import pytest

from sapwood.errors import MalformedModel
from sapwood.formats import limits, torch_zip
from sapwood.formats.detect import read_layout
from tests.formats import torch_archive as ta
from tests.formats.samples import arrays, named_bytes, torch_file

FOUR = b"abcdefghijklmnop"
STORE = ta.storage("FloatStorage", "0", 4)
PLAIN = ta.view(STORE, (4,))


def saved(top: bytes, **members: bytes) -> bytes:
    return ta.archive({"data.pkl": ta.pickled(top), "data/0": FOUR, **members})


def found(data: bytes) -> dict[str, tuple[str, tuple[int, ...]]]:
    layout = torch_zip.read(memoryview(data))
    return {tensor.name: (tensor.dtype.name, tensor.shape) for _, tensor in layout.tensors()}


def test_spans_are_the_arrays() -> None:
    data = torch_file()
    layout = read_layout(memoryview(data))
    assert layout.format == "torch"
    assert named_bytes(layout, data) == {name: array.tobytes() for name, array in arrays().items()}
    assert {tensor.name: tensor.shape for _, tensor in layout.tensors()} == {
        n: a.shape for n, a in arrays().items()
    }


@pytest.mark.parametrize(
    "top",
    [
        ta.dictionary({"w": PLAIN}),
        ta.dictionary({"w": ta.parameter(PLAIN)}),
        ta.dictionary({"w": ta.view(STORE, (4,), function="_rebuild_tensor", rest=b"")}),
        ta.instance("Net", ta.dictionary({"w": PLAIN})),
        ta.instance(
            "Net", ta.dictionary({"_modules": ta.ordered({}), "_parameters": ta.ordered({"w": PLAIN})})
        ),
    ],
    ids=["dictionary", "parameter", "old rebuild", "TorchScript object", "module"],
)
def test_a_tensor_is_named_by_its_path(top: bytes) -> None:
    assert found(saved(top)) == {"w": ("f32", (4,))}


def test_lists_and_nested_dictionaries_are_in_the_path() -> None:
    top = ta.dictionary({"state": ta.dictionary({"list": b"](" + PLAIN + b"e"})})
    assert found(saved(top)) == {"state.list.0": ("f32", (4,))}


@pytest.mark.parametrize(
    ("shape", "start", "steps", "expected"),
    [
        ((2, 2), 0, (2, 1), (2, 2)), ((1, 4, 1), 0, (9, 1, 7), (1, 4, 1)), ((2, 2), 0, (1, 2), (4,)),
        ((2,), 0, (1,), (4,)), ((3,), 1, (1,), (4,)), ((), 2, (), (4,)), ((2,), 0, (2,), (4,)),
    ],
    ids=["whole", "ones", "transposed", "beginning", "end", "scalar", "every second"],
)  # fmt: skip
def test_a_view_gives_its_shape_only_if_it_is_the_storage(
    shape: tuple[int, ...], start: int, steps: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert found(saved(ta.dictionary({"w": ta.view(STORE, shape, start=start, steps=steps)}))) == {
        "w": ("f32", expected)
    }


def test_tied_tensors_are_one_span_with_the_first_name() -> None:
    assert found(saved(ta.dictionary({"a": PLAIN, "b": ta.view(STORE, (2, 2))}))) == {"a": ("f32", (4,))}


def test_the_third_rebuild_names_the_type_of_an_untyped_storage() -> None:
    rest = b"\x89" + b"}" + ta.name("torch", "float8_e4m3fn") + b"}"
    store = ta.storage("UntypedStorage", "0", 16)
    top = ta.dictionary({"w": ta.view(store, (4, 4), function="_rebuild_tensor_v3", rest=rest)})
    assert found(saved(top)) == {"w": ("f8_e4m3", (4, 4))}


def test_a_tensor_subclass_is_unwrapped() -> None:
    arguments = ta.MARK + STORE + ta.number(0) + ta.sizes((4,)) + ta.sizes((1,)) + b"\x89}" + ta.TUPLE
    inner = ta.name("torch._utils", "_rebuild_tensor_v2") + ta.name("my.lib", "Sub") + arguments + b"}"
    top = ta.name("torch._tensor", "_rebuild_from_type_v2") + ta.MARK + inner + ta.TUPLE + ta.REDUCE
    assert found(saved(ta.dictionary({"w": top}))) == {"w": ("f32", (4,))}


def test_the_scales_of_a_quantised_tensor_are_found() -> None:
    rest = (
        ta.MARK
        + ta.name("torch", "per_channel_affine")
        + ta.view(ta.storage("DoubleStorage", "1", 2), (2,))
        + ta.TUPLE
    )
    top = ta.view(ta.storage("QInt8Storage", "0", 16), (2, 8), function="_rebuild_qtensor", rest=rest)
    assert found(saved(ta.dictionary({"w": top}), **{"data/1": bytes(16)})) == {
        "w": ("i8", (2, 8)),
        "w.1": ("f64", (2,)),
    }


def test_a_storage_without_a_name_is_plain_bytes() -> None:
    assert found(saved(b"}", **{"data/1": b"xy"})) == {
        "archive/data/0": ("bytes", (16,)), "archive/data/1": ("bytes", (2,))
    }  # fmt: skip


def test_a_storage_of_an_unknown_class_is_plain_bytes() -> None:
    assert found(saved(ta.dictionary({"w": ta.view(ta.storage("NewStorage", "0", 4), (4,))}))) == {
        "w": ("bytes", (16,))
    }


def test_big_endian_archives_are_plain_bytes() -> None:
    assert found(saved(ta.dictionary({"w": PLAIN}), byteorder=b"big")) == {"w": ("bytes", (16,))}


def test_constants_of_torchscript_have_their_own_names() -> None:
    constants = ta.pickled(ta.view(ta.storage("LongStorage", "0", 1), (1,)) + b"\x85")
    data = saved(ta.dictionary({"w": PLAIN}), **{"constants.pkl": constants, "constants/0": bytes(8)})
    assert found(data) == {"w": ("f32", (4,)), "constants.0": ("i64", (1,))}


def test_packages_keep_their_storages_in_the_hidden_folder() -> None:
    script = ta.pickled(ta.dictionary({"w": ta.view(ta.storage("FloatStorage", "0.storage", 4), (4,))}))
    model = ta.pickled(ta.dictionary({"v": ta.view(ta.storage("FloatStorage", "1", 4), (4,))}))
    data = ta.archive(
        {
            ".data/ts_code/0/data.pkl": script,
            ".data/0.storage": FOUR,
            "net/model.pkl": model,
            ".data/1.storage": FOUR,
        }
    )
    assert read_layout(memoryview(data)).format == "torch"
    assert set(found(data)) == {"ts_code.0.w", "net.model.v"}


def test_compressed_members_are_glue() -> None:
    members = {"data.pkl": ta.pickled(ta.dictionary({"w": PLAIN})), "data/0": FOUR}
    assert not found(ta.archive(members, deflated=frozenset({"data/0"})))
    assert found(ta.archive(members, deflated=frozenset({"data.pkl"}))) == {
        "archive/data/0": ("bytes", (16,))
    }


def test_a_file_of_the_old_kind_is_opaque() -> None:
    # torch/serialization.py, _legacy_save: pickles of a magic number, a protocol number and sizes of C types.
    old = io.BytesIO()
    for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
        pickle.dump(part, old, protocol=2)
    assert read_layout(memoryview(old.getvalue())).format == "opaque"


def test_nothing_in_a_pickle_is_called() -> None:
    top = ta.name("os", "system") + ta.MARK + ta.text("exit 1") + ta.TUPLE + ta.REDUCE
    assert found(saved(ta.dictionary({"bad": top, "w": PLAIN}))) == {"w": ("f32", (4,))}


@pytest.mark.parametrize(
    "top",
    [
        b"}N(N0" + b"0" + b"0" + ta.text("w") + PLAIN + b"s",
        b"}(NN1" + ta.text("w") + PLAIN + b"s",
        b"(" + ta.text("w") + PLAIN + b"d",
        b"}" + ta.text("w") + b"2s" + ta.text("w") + PLAIN + b"s",
        b"}\x94" + b"M\xff\xff" + b"0" + ta.text("w") + PLAIN + b"s",
        b"}" + ta.text("w") + b"\x8f(" + PLAIN + b"\x90s",
    ],
    ids=["pop", "pop to the mark", "dictionary from the mark", "duplicate", "memoize", "set"],
)
def test_rare_opcodes_work(top: bytes) -> None:
    assert {name[0]: kind for name, kind in found(saved(top)).items()} == {"w": ("f32", (4,))}


def test_a_pickle_that_contains_itself_ends() -> None:
    # A dictionary stored in the memo, then put into itself.
    assert found(saved(b"}q\0" + ta.text("self") + b"h\0s" + ta.text("w") + PLAIN + b"s")) == {
        "w": ("f32", (4,))
    }


REBUILD = ta.name("torch._utils", "_rebuild_tensor")


def deep(levels: int) -> bytes:
    return b"(" * levels + b"t" * levels


MALFORMED = {
    "an_opcode_of_protocol_0": b"I1\n",
    "an_unknown_opcode": b"\xff",
    "an_extension": b"\x82\x01",
    "an_empty_stack": b"",
    "a_tuple_without_its_mark": b"t",
    "a_pop_from_nothing": b"0",
    "a_pop_below_the_mark": b"}(s",
    "a_duplicate_of_nothing": b"2",
    "a_memo_that_is_not_set": b"h\x07",
    "a_number_cut_off": b"J\0",
    "a_text_longer_than_the_pickle": b"X\xff\xff\xff\x7fab",
    "a_long_text_that_is_not_there": b"\x8d" + b"\xff" * 8,
    "a_text_that_is_not_utf8": b"X\x01\0\0\0\xff",
    "a_class_without_its_newline": b"cos",
    "a_class_with_a_huge_name": b"c" + b"x" * 9000 + b"\n",
    "a_class_named_by_a_number": b"K\1K\1\x93",
    "an_odd_dictionary": b"}(K\1u",
    "items_of_a_number": b"K\1K\1K\1s",
    "an_append_to_a_number": b"K\1K\1a",
    "a_call_without_arguments": b"K\1K\1R",
    "a_storage_that_is_none": b"K\1Q",
    "a_storage_with_a_negative_length": ta.storage("FloatStorage", "0", -1),
    "a_storage_with_another_length": ta.dictionary({"w": ta.view(ta.storage("FloatStorage", "0", 5), (5,))}),
    "a_tensor_without_a_storage": ta.dictionary({"w": ta.view(ta.text("x"), (4,))}),
    "a_tensor_with_a_negative_size": ta.dictionary({"w": ta.view(STORE, (-4,))}),
    "a_tensor_with_a_flag_for_a_size": ta.name("torch._utils", "_rebuild_tensor")
    + b"("
    + STORE
    + b"K\0(\x88t)tR",
    "too_many_dimensions": ta.dictionary({"w": ta.view(STORE, (1,) * 65)}),
    "tuples_nested_too_deeply": deep(1000),
    "a_name_that_is_too_long": ta.dictionary({"x" * 5000: ta.dictionary({"y" * 5000: PLAIN})}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_refuses_a_pickle_with(name: str) -> None:
    data = saved(MALFORMED[name])
    with pytest.raises(MalformedModel) as caught:
        torch_zip.read(memoryview(data))
    assert caught.value.offset is not None
    assert [warning.format for warning in read_layout(memoryview(data)).warnings] == ["torch"]


def test_the_opcodes_of_an_archive_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PICKLE_OPCODES", 100)
    with pytest.raises(MalformedModel, match="opcodes"):
        torch_zip.read(memoryview(saved(b"N" * 60, **{"constants.pkl": b"N" * 60 + b"."})))


def test_every_pickle_protocol_of_today_is_walked() -> None:
    for protocol in (2, 3, 4, 5):
        value = {
            "text": "x",
            "n": [1, -1, 1 << 20, 1 << 70, 0.5, None, True],
            "set": {1, 2},
            "b": b"x" * 300,
            "t": (1, 2, 3, 4),
        }
        data = ta.archive(
            {"data.pkl": pickle.dumps([value, frozenset({3}), bytearray(b"y"), "z" * 70000], protocol)}
        )
        assert not found(data)


def test_files_of_the_real_torch_are_understood() -> None:
    torch = pytest.importorskip("torch", reason="torch is an optional extra")
    weight = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    state = {
        "w": weight, "tied": weight[1], "b": torch.ones(3, dtype=torch.bfloat16),
        "f8": torch.ones(4).to(torch.float8_e4m3fn), "u": torch.ones(3, dtype=torch.uint16),
        "p": torch.nn.Parameter(torch.zeros(2, 2)), "t": torch.zeros(2, 3).t(),
        "net": torch.nn.Linear(2, 5).state_dict(),
    }  # fmt: skip
    out = io.BytesIO()
    torch.save(state, out)
    data = out.getvalue()
    layout = read_layout(memoryview(data))
    assert not layout.warnings
    got = {tensor.name: (tensor.dtype.name, tensor.shape) for _, tensor in layout.tensors()}
    assert got == {
        "w": ("f32", (3, 4)), "b": ("bf16", (3,)), "f8": ("f8_e4m3", (4,)), "u": ("u16", (3,)),
        "p": ("f32", (2, 2)), "t": ("f32", (6,)), "net.weight": ("f32", (5, 2)), "net.bias": ("f32", (5,)),
    }  # fmt: skip
    assert named_bytes(layout, data)["w"] == np.arange(12, dtype=np.float32).tobytes()
    assert named_bytes(layout, data)["b"] == struct.pack("<3H", *[0x3F80] * 3)
