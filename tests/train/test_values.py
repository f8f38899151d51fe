"""What a state may hold, back of the same type; what it may not, named; and documents that lie."""

import collections
import json
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import BadData, WrongCall
from sapwood.train.values import pack, unpack

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.booleans(), inner)
        | st.dictionaries(st.text(), inner).map(collections.OrderedDict)
    ),
    max_leaves=20,
)


def round_trip(value: Any) -> Any:
    arrays: dict[str, Any] = {}
    document = pack(value, "part", arrays.__setitem__)
    return unpack(json.loads(json.dumps(document)), arrays.__getitem__)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(map(repr, one)) == list(map(repr, other)) and all(
            same(a, b) for a, b in zip(one.values(), other.values(), strict=True)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return repr(one) == repr(other)  # tells 0.0 from -0.0


@given(plain)
def test_plain_values_come_back_of_the_same_type(value: Any) -> None:
    assert same(round_trip(value), value)


def test_numbers_that_json_lacks() -> None:
    assert math.isnan(round_trip(math.nan))
    assert round_trip([math.inf, -math.inf, 5e-324, 1 << 200]) == [math.inf, -math.inf, 5e-324, 1 << 200]
    assert round_trip(complex(1, -0.0)) == complex(1, -0.0)
    assert round_trip(collections.Counter({10: 2})) == collections.Counter({10: 2})


@pytest.mark.parametrize(
    "kind", [np.float32, np.int8, np.uint64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn]
)
def test_arrays_and_scalars(kind: Any) -> None:
    array = np.arange(6).astype(kind).reshape(2, 3)
    back = round_trip({"a": array, 0: [array[0], array[0, 0]], "none": array[:0]})
    assert back["a"].dtype == kind
    assert np.array_equal(back["a"], array)
    assert np.array_equal(back[0][0], array[0])
    assert type(back[0][1]) is type(array[0, 0])
    assert back["none"].shape == (0, 3)


def test_arrays_are_named_by_their_keys_and_never_alike() -> None:
    arrays: dict[str, Any] = {}
    one = np.zeros(1)
    pack({"state": {0: {"exp_avg": one}}, "a.b": one, "a": {"b": one}}, "optimizer", arrays.__setitem__)
    assert list(arrays) == ["state.0.exp_avg", "a.b", "a.b'"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [0, lambda: 0]}, "'part.a.1' is a builtins.function"),
        ({"a": {1, 2}}, "'part.a' is a builtins.set"),
        ({"a": collections.defaultdict(int)}, "'part.a' is a collections.defaultdict"),
        ({b"k": 1}, "'part' is a key that is a builtins.bytes"),
        ({"a": np.array(["x"])}, "'part.a' is a numpy.ndarray of <U1"),
        ({"a": np.array([object()])}, "'part.a' is a numpy.ndarray of object"),
        ({"a": np.datetime64(0, "s")}, r"'part.a' is a numpy.datetime64 of datetime64\[s\]"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(value: Any, reason: str) -> None:
    with pytest.raises(WrongCall, match=reason):
        pack(value, "part", lambda *_: None)


def test_a_state_without_an_end_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(WrongCall, match="nested too deeply"):
        pack(endless, "part", lambda *_: None)


@pytest.mark.parametrize(
    "document",
    [
        1.5,
        {},
        {"float": "0x1p0", "int": 1},
        {"float": 1},
        {"float": "0x1p99999"},
        {"bytes": "?"},
        {"tuple": 5},
        {"dict": [["a"]]},
        {"dict": [[["unhashable"], 1]]},
        {"scalar": ["float32", "AA=="]},
        {"scalar": ["object", "AAAA"]},
        {"numpy": ["a", "float32", [-1]]},
        {"numpy": ["a", "float32", [2]]},
        {"numpy": ["a", "object", [2]]},
        {"numpy": ["a", "int8", [3]]},
        {"numpy": ["missing", "float32", [3]]},
        {"numpy": "a"},
        {"code": "import os"},
        {"counter": 3},
    ],
    ids=str,
)
def test_documents_that_pack_never_makes_are_bad_data(document: Any) -> None:
    with pytest.raises(BadData):
        unpack(document, {"a": np.zeros(3, np.float32)}.__getitem__)


def test_documents_nested_too_deeply_are_bad_data() -> None:
    document: Any = 0
    for _ in range(70):
        document = [document]
    with pytest.raises(BadData, match="too deeply"):
        unpack(document, lambda _: None)
