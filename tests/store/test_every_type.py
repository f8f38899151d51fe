"""Tensors of every type against bases of every type; and stored forms that somebody has tampered with."""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood.errors import BadData
from sapwood.formats.dtype import DTYPES
from sapwood.store.kinds import Form, Kind, StoredForm
from sapwood.store.store import Store
from tests.store.stores import new_store

NAMES = sorted(DTYPES)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder, new_store(Path(folder) / "s") as made:
        yield made


def tensor(dtype: str, shape: tuple[int, ...], seed: int) -> bytes:
    size = DTYPES[dtype].nbytes(math.prod(shape))
    random = np.random.default_rng(seed)
    # Half of them are alike, as weights are.
    high = random.integers(0, 4, size, dtype=np.uint8)
    return np.where(random.random(size) < 0.5, high, random.integers(0, 256, size, dtype=np.uint8)).tobytes()


SHAPES = st.lists(st.integers(0, 300), min_size=0, max_size=2).map(tuple)


@given(
    new=st.sampled_from(NAMES),
    old=st.sampled_from(NAMES),
    shapes=st.tuples(SHAPES, SHAPES),
    same=st.booleans(),
)
def test_any_tensor_comes_back_against_any_base(
    store: Store, new: str, old: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], same: bool
) -> None:
    shape, other = shapes[0], shapes[0] if same else shapes[1]
    data = tensor(new, shape, 1)
    with store.writer() as writer:
        base = writer.put(Kind.TENSOR, tensor(old, other, 2), dtype=old, shape=other)
        digest = writer.put(Kind.TENSOR, data, dtype=new, shape=shape, base=base)
    assert bytes(store.read(digest)) == data
    assert store.info(digest).stored <= max(len(data), 1)


@pytest.mark.parametrize("dtype", NAMES)
def test_a_tensor_of_every_type_follows_from_one_that_is_nearly_the_same(store: Store, dtype: str) -> None:
    shape = (64, 256)
    old = tensor(dtype, shape, 3)
    new = bytearray(old)
    for at in range(0, len(new), len(new) // 16):
        # The least significant byte of an element.
        new[at] ^= 1
    with store.writer() as writer:
        base = writer.put(Kind.TENSOR, old, dtype=dtype, shape=shape)
        digest = writer.put(Kind.TENSOR, new, dtype=dtype, shape=shape, base=base)
    assert bytes(store.read(digest)) == new
    info = store.info(digest)
    assert (info.form, info.base) == (Form.DELTA, base)
    assert info.stored < 0.1 * len(new)


@pytest.fixture(scope="module")
def forms(store: Store) -> list[StoredForm]:
    """Stored forms of every kind; the second stands on the first."""
    old = tensor("f32", (40, 50), 5)
    new = bytearray(old)
    new[:400] = bytes(400)
    with store.writer() as writer:
        base = writer.put(Kind.TENSOR, old, dtype="f32", shape=(40, 50))
        names = [
            base,
            writer.put(Kind.TENSOR, new, dtype="f32", shape=(40, 50), base=base),
            writer.put(Kind.GLUE, b"some text " * 300),
            writer.put(Kind.GLUE, np.random.default_rng(1).bytes(100)),
        ]
    return [store.stored(name) for name in names]


@given(
    which=st.integers(0, 3),
    at=st.integers(0, 1 << 20),
    byte=st.integers(0, 255),
    length=st.integers(-2, 1 << 40),
)
def test_a_form_that_was_tampered_with_is_refused(
    forms: list[StoredForm], which: int, at: int, byte: int, length: int
) -> None:
    form = forms[which]
    payload = bytearray(form.payload)
    payload[at % len(payload)] ^= byte
    tampered = form._replace(payload=memoryview(bytes(payload)))
    if byte == 0:
        tampered = tampered._replace(length=length, payload=tampered.payload[: at % len(payload)])
    with tempfile.TemporaryDirectory() as folder, new_store(Path(folder) / "s") as other:
        with other.writer() as writer:
            if which == 1:
                writer.put_stored(forms[0])
            try:
                writer.put_stored(tampered)
            except BadData:
                assert form.digest not in writer
        if form.digest in other:
            # Another way to say the same.
            assert list(other.fsck()) == []
