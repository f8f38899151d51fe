"""Kin are told from strangers, whatever was done to them, and the nearest from the others."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sapwood
from bench.kinship.files import gguf_file, q8_0
from sapwood import Relation
from tests.kinship import families

PARENT = families.parent(0)
FILE = families.safetensors_file(PARENT)


def of(arrays: families.Arrays) -> sapwood.Fingerprint:
    return sapwood.fingerprint(families.safetensors_file(arrays))


@pytest.mark.parametrize("name", families.DESCENDANTS)
@pytest.mark.parametrize("exact", [True, False])
def test_what_was_made_from_a_model_is_its_kin(name: str, exact: bool) -> None:
    make, least = families.DESCENDANTS[name]
    child = families.safetensors_file(make(PARENT))
    for base, target in ((FILE, child), (child, FILE)):
        found = sapwood.fingerprint_compare(base, target, exact=exact)
        assert found.relation is not Relation.STRANGER
        # More of a grown model is new than is lost of it.
        assert found.kinship >= least
        assert 0 <= found.patch_share <= 1


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_model_trained_from_another_seed_is_a_stranger(seed: int) -> None:
    found = sapwood.fingerprint_compare(FILE, families.safetensors_file(families.parent(seed)))
    assert found.relation is Relation.STRANGER
    assert found.same_shapes
    assert found.kinship < 0.04


def test_the_same_bytes_are_identical() -> None:
    found = sapwood.fingerprint_compare(FILE, FILE)
    assert found.relation is Relation.IDENTICAL
    assert (found.kinship, found.same, found.renamed) == (1.0, len(PARENT), 0)


def test_another_format_has_the_same_tensors() -> None:
    found = sapwood.fingerprint_compare(FILE, families.npz_file(PARENT))
    assert found.relation is Relation.SAME_TENSORS
    assert found.same == found.tensors == len(PARENT)


def test_renamed_tensors_are_the_same_tensors() -> None:
    found = sapwood.fingerprint_compare(FILE, families.safetensors_file(families.renamed(PARENT, 1)))
    assert found.relation is Relation.SAME_TENSORS
    assert found.renamed == len(PARENT)


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16])
def test_a_cast_is_told_from_other_kin(kind: type) -> None:
    copy = families.cast(PARENT, kind)
    assert sapwood.fingerprint_compare(of(PARENT), of(copy)).relation is Relation.CAST
    assert sapwood.fingerprint_compare(of(copy), of(PARENT)).relation is Relation.CAST
    tuned = families.cast(families.tuned(PARENT, 0.01, 1), kind)
    assert sapwood.fingerprint_compare(of(PARENT), of(tuned)).relation is Relation.KIN


def test_a_cast_down_is_expected_to_cost_little_and_one_up_much() -> None:
    copy = families.cast(PARENT, ml_dtypes.bfloat16)
    assert sapwood.fingerprint_compare(of(PARENT), of(copy)).patch_share < 0.01
    assert sapwood.fingerprint_compare(of(copy), of(PARENT)).patch_share > 0.3


def test_a_changed_middle_is_seen() -> None:
    changed = {name: array.copy() for name, array in PARENT.items()}
    middle = changed["embed.weight"].reshape(-1)[30_000:50_000]
    middle[:] = np.random.default_rng(1).standard_normal(len(middle))
    found = sapwood.fingerprint_compare(FILE, families.safetensors_file(changed), exact=False)
    whole = sum(array.size for array in PARENT.values())
    assert found.relation is Relation.KIN
    assert 0.4 * 20_000 / whole < found.patch_share < 1.5 * 20_000 / whole
    assert found.kinship < 0.95


@given(st.floats(0, 0.9), st.floats(0.05, 0.5), st.integers(0, 2**32 - 1))
def test_no_changed_stretch_fools_the_sketch(start: float, length: float, seed: int) -> None:
    """Whatever part of whatever tensor is another model's: still kin, and less so by about that part."""
    random = np.random.default_rng((seed, 1))
    name = ("embed.weight", "layers.1.mlp.weight")[seed % 2]
    flat = PARENT[name].reshape(-1).copy()
    at, end = int(start * len(flat)), int((start + length) * len(flat))
    flat[at:end] = 0.05 * random.standard_normal(len(flat[at:end]))
    changed = PARENT | {name: flat.reshape(PARENT[name].shape)}
    found = sapwood.fingerprint_compare(FILE, families.safetensors_file(changed), exact=False)
    floats = sum(array.size for array in PARENT.values() if array.dtype.kind == "f")
    lost = len(flat[at:end]) / floats
    assert found.relation is Relation.KIN
    assert abs((1 - found.kinship) - lost) < 0.1
    assert found.patch_share > 0.4 * lost


@given(st.permutations(sorted(PARENT)), st.sampled_from(["npz", "safetensors"]))
def test_order_and_format_leave_contents_and_signature_alone(order: list[str], kind: str) -> None:
    write = families.npz_file if kind == "npz" else families.safetensors_file
    made = sapwood.fingerprint(write({name: PARENT[name] for name in order}))
    first = sapwood.fingerprint(FILE)
    assert made.contents == first.contents
    assert np.array_equal(made.signature.numbers, first.signature.numbers)


@given(st.sampled_from([np.float16, ml_dtypes.bfloat16]), st.integers(0, 2**32 - 1))
def test_a_renamed_cast_has_nearly_the_same_signature(kind: type, seed: int) -> None:
    made = of(families.renamed(families.cast(PARENT, kind), seed))
    agreed = made.signature.numbers == of(PARENT).signature.numbers
    assert agreed.mean() > 0.85


@given(st.integers(1, 2**32 - 1))
def test_strangers_hardly_share_a_number_of_the_signature(seed: int) -> None:
    agreed = of(families.parent(seed)).signature.numbers == of(PARENT).signature.numbers
    assert agreed.mean() < 0.03


def test_a_later_step_is_farther() -> None:
    steps = [PARENT]
    for seed in range(8):
        steps.append(families.tuned(steps[-1], 0.01, seed))
    prints = [of(step) for step in steps]
    shares = [sapwood.fingerprint_compare(one, prints[-1]).patch_share for one in prints[:-1]]
    assert all(far > near for far, near in itertools.pairwise(shares))


def test_sparse_steps_are_told_apart() -> None:
    """Each step changes 0.5 % of the weights by one unit in the last place."""
    random = np.random.default_rng(3)
    steps = [families.cast(PARENT, ml_dtypes.bfloat16)]
    for _ in range(4):
        after = {}
        for name, array in steps[-1].items():
            moved = array.view(np.uint16).copy() if array.dtype.itemsize == 2 else array
            if moved is not array:
                moved[random.random(moved.shape) < 0.005] += 1
            after[name] = moved.view(array.dtype)
        steps.append(after)
    prints = [of(step) for step in steps]
    shares = [sapwood.fingerprint_compare(one, prints[-1], exact=False).patch_share for one in prints[:-1]]
    assert all(far > near for far, near in itertools.pairwise(shares))
    assert shares[-1] < 0.01


def test_the_estimate_is_of_the_size_of_a_patch() -> None:
    for strength in (0.001, 0.03):
        for kind in (np.float32, ml_dtypes.bfloat16, np.float16):
            base = families.safetensors_file(families.cast(PARENT, kind))
            target = families.safetensors_file(families.cast(families.tuned(PARENT, strength, 1), kind))
            told = sapwood.fingerprint_compare(base, target, exact=False).patch_share
            made = sapwood.diff(base, target).size / len(target)
            assert 0.6 < told / made < 1.6, (strength, kind)


@pytest.mark.parametrize("kind", [np.float32, np.float16, ml_dtypes.bfloat16])
def test_decay_alone_is_expected_to_cost_little(kind: type) -> None:
    base = families.cast(PARENT, kind)
    after = {n: (a * 0.9).astype(a.dtype) if a.dtype.kind != "i" else a for n, a in base.items()}
    tuned = families.tuned(after, 0.1, 1) if kind is np.float32 else after
    assert sapwood.fingerprint_compare(of(base), of(after)).patch_share < 0.12
    if tuned is not after:
        assert sapwood.fingerprint_compare(of(base), of(tuned)).patch_share > 0.4


def test_new_rows_are_expected_to_cost_what_they_take() -> None:
    more = families.grown(PARENT, 900, 1)
    new = 900 * 96 * 4
    size = len(families.safetensors_file(more))
    found = sapwood.fingerprint_compare(of(PARENT), of(more), exact=False)
    assert 0.7 * new / size < found.patch_share < new / size
    assert sapwood.fingerprint_compare(of(more), of(PARENT), exact=False).patch_share < 0.01


def packed(arrays: families.Arrays) -> bytes:
    return gguf_file({name: q8_0(a) if a.ndim == 2 else a for name, a in arrays.items()})


def test_blocks_of_ggml_are_kin_of_what_they_were_made_from() -> None:
    found = sapwood.fingerprint_compare(FILE, packed(PARENT))
    assert found.relation is Relation.KIN
    assert found.kinship > 0.9


def test_the_estimate_is_of_the_size_of_a_patch_between_blocks() -> None:
    base = packed(PARENT)
    for strength in (0.003, 0.03):
        target = packed(families.tuned(PARENT, strength, 1))
        told = sapwood.fingerprint_compare(base, target, exact=False).patch_share
        made = sapwood.diff(base, target).size / len(target)
        assert 0.5 < told / made < 2, strength


@pytest.mark.parametrize("files", [b"", b"x", b"not a model at all" * 900])
def test_what_is_no_model_has_a_fingerprint(files: bytes) -> None:
    one = sapwood.fingerprint(files)
    assert one.size == len(files)
    found = sapwood.fingerprint_compare(one, one)
    assert found.relation is Relation.IDENTICAL
    assert sapwood.fingerprint_compare(one, FILE).relation is Relation.STRANGER


def test_weights_that_are_no_numbers_do_no_harm() -> None:
    strange = np.full((64, 64), np.nan, np.float32)
    strange[::2] = np.inf
    strange[1::4] = -np.inf
    one = of({"w": strange, "z": np.zeros(1000, np.float16), "d": np.full(999, 1e300)})
    assert sapwood.fingerprint_compare(one, of(PARENT)).relation is Relation.STRANGER
    assert sapwood.fingerprint_compare(of(PARENT), one).relation is Relation.STRANGER
