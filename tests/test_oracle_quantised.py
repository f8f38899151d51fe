"""QUANTISED blocks: the C core against the oracle for every pair of types, well-formed and damaged."""

import random

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.encode import Level
from sapwood.codec.quantised import encode_quantised, quantised_pair
from sapwood.formats.dtype import DTYPES
from tests.oracle.any_quantised import NAMES, SOURCES, any_pair, any_term, varint, with_tables
from tests.oracle.predicted import Factors, round_to
from tests.oracle.quantised import FLOATS, TYPES, decode_quantised, predictions
from tests.oracle.reader import Refused
from tests.test_oracle import _paths

seeds = st.integers(0, 1 << 32)
targets, sources = st.sampled_from(list(TYPES)), st.sampled_from(SOURCES)


def by_oracle(payload: bytes, base: bytes, length: int, right: bytes = b"") -> bytes | None:
    factors = Factors()
    try:
        if right:
            factors.read(right)
        return decode_quantised(payload, base, length, factors)
    except Refused:
        return None


def core_factors(right: bytes) -> _core.Factors | None:
    made = _core.decode_factors(right, None) if right else None
    assert not isinstance(made, int)
    return made


def by_core(
    payload: bytes, base: bytes, length: int, path: str | None = None, right: bytes = b""
) -> bytes | None:
    out = bytearray(length)
    return bytes(out) if _core.decode_quantised(payload, base, core_factors(right), out, path) == 0 else None


def encoded(target: int, source: int, base: bytes, wanted: bytes, level: Level = Level.DEFAULT) -> bytes:
    pair = quantised_pair(DTYPES[NAMES[target]], DTYPES[NAMES[source]])
    assert pair is not None
    assert pair.bytes_of_base(len(wanted)) == len(base)
    return bytes(encode_quantised(pair, memoryview(base), 0, memoryview(wanted), level).payload)


@given(targets, sources, seeds)
def test_both_decode_what_the_encoder_makes(target: int, source: int, seed: int) -> None:
    base, wanted = any_pair(seed, target, source)
    payload = encoded(target, source, base, wanted)
    assert by_oracle(payload, base, len(wanted)) == wanted
    for path in _paths():
        assert by_core(payload, base, len(wanted), path) == wanted


@given(targets, sources, seeds, st.integers(0, 7))
def test_every_prediction_is_the_oracles(target: int, source: int, seed: int, flags: int) -> None:
    base, wanted = any_pair(seed, target, source, most=1)
    rng = random.Random(seed)
    head = bytes([target, source, flags, rng.randrange(17)])
    head += varint(rng.randrange(700, 1000)) if flags & 4 else b""
    ours = [plane[1:] for plane in _core.quantised_planes(head, base, None, wanted)]
    assert ours == predictions(head, base, wanted)


def with_term(target: int, source: int, seed: int, length: int) -> tuple[bytes, bytes]:
    """A FACTORS payload, and a head with a low-rank term."""
    right, term = any_term(seed, target, source, length)
    rng = random.Random(seed)
    flags = 8 | rng.randrange(8)
    head = bytes([target, source, flags, rng.randrange(17)])
    head += varint(rng.randrange(700, 1000)) if flags & 4 else b""
    return right, head + term


@given(targets, sources, seeds)
def test_predictions_with_a_term_are_the_oracles(target: int, source: int, seed: int) -> None:
    base, wanted = any_pair(seed, target, source, most=2)
    right, head = with_term(target, source, seed, len(wanted))
    factors = Factors()
    factors.read(right)
    known = core_factors(right)
    try:
        expected = predictions(head, base, wanted, factors)
    except Refused:
        # Sums that binary32 may not hold.
        with pytest.raises(ValueError, match="status"):
            _core.quantised_planes(head, base, known, wanted)
        return
    assert [plane[1:] for plane in _core.quantised_planes(head, base, known, wanted)] == expected


@given(targets, sources, seeds)
def test_blocks_with_a_term_decode_alike(target: int, source: int, seed: int) -> None:
    base, wanted = any_pair(seed, target, source, most=2)
    right, head = with_term(target, source, seed, len(wanted))
    kind = TYPES[target]
    # Every plane as it is predicted.
    planes = 2 + (kind.m_at is not None) + kind.has_scales * (1 + (kind.m_at is not None))
    payload = head + bytes(planes)
    expected = by_oracle(payload, base, len(wanted), right)
    for path in _paths():
        assert by_core(payload, base, len(wanted), path, right) == expected
    # No right factor, or one of other columns.
    for other in (b"", bytes([0, 31, 1, 2]) + bytes(62)):
        assert by_core(payload, base, len(wanted), right=other) is None
        assert by_oracle(payload, base, len(wanted), other) is None


@given(targets, sources, seeds, st.booleans())
def test_classes_are_given_to_the_coder_with_tables(target: int, source: int, seed: int, scale: bool) -> None:
    base, wanted = any_pair(seed, target, source, most=1)
    payload = with_tables(target, source, base, wanted, 890 if scale else None)
    assert by_oracle(payload, base, len(wanted)) == wanted
    for path in _paths():
        assert by_core(payload, base, len(wanted), path) == wanted


@given(targets, sources, seeds, seeds)
def test_both_refuse_the_same_damage(target: int, source: int, seed: int, damage: int) -> None:
    base, wanted = any_pair(seed, target, source)
    hurt = bytearray(encoded(target, source, base, wanted))
    rng = random.Random(damage)
    for _ in range(rng.choice([1, 1, 3])):
        hurt[min(int(rng.expovariate(0.1)), len(hurt) - 1)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        del hurt[rng.randrange(len(hurt)) :]
    assert by_core(bytes(hurt), base, len(wanted)) == by_oracle(bytes(hurt), base, len(wanted))


@pytest.mark.parametrize("target", TYPES)
def test_every_bit_of_a_type_is_in_a_plane(target: int) -> None:
    kind = TYPES[target]
    base = random.Random(target).randbytes(kind.size)
    for bit in range(8 * kind.size):
        wanted = bytearray(base)
        wanted[bit // 8] ^= 1 << bit % 8
        assert by_core(encoded(target, target, base, bytes(wanted)), base, kind.size) == bytes(wanted)


@pytest.mark.parametrize("target", [n for n, kind in TYPES.items() if not kind.rule])
def test_values_are_those_of_ggml(target: int) -> None:
    name = gguf.GGMLQuantizationType[TYPES[target].name.upper()]
    base, _ = any_pair(3, target, target)
    values = gguf.quants.dequantize(np.frombuffer(base, np.uint8), name).ravel()
    # A base of floats with these values predicts the same codes as the blocks do.
    floats = values.astype("<f4").tobytes()
    from_blocks = _core.quantised_planes(bytes([target, target, 0, 13]), base, None, base)[-1]
    from_floats = _core.quantised_planes(bytes([target, 0, 0, 13]), floats, None, base)[-1]
    assert from_blocks[1:3] == from_floats[1:3]


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("name", ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"])
def test_quantising_by_the_reference_leaves_nothing(name: str, source: int) -> None:
    rng = np.random.default_rng(7)
    weights = (rng.standard_normal((64, 256)) * rng.uniform(0.01, 3, (64, 1))).astype(np.float32)
    weights[3] = 0
    weights[4, ::2] = weights[4, 1::2]
    kinds = {
        0: gguf.GGMLQuantizationType.F32,
        1: gguf.GGMLQuantizationType.F16,
        30: gguf.GGMLQuantizationType.BF16,
    }
    stored = gguf.quants.quantize(weights, kinds[source])
    known = gguf.quants.dequantize(stored, kinds[source])
    wanted = gguf.quants.quantize(known, gguf.GGMLQuantizationType[name.upper()]).tobytes()
    target = next(number for number, kind in TYPES.items() if kind.name == name)
    payload = encoded(target, source, stored.tobytes(), wanted)
    # The head, and a zero for every plane.
    assert payload[4:] == bytes(len(payload) - 4)


@pytest.mark.parametrize(
    "head",
    [
        [0, 8, 0, 0],
        [9, 8, 0, 0],
        [8, 9, 0, 0],
        [8, 8, 16, 0],
        [8, 8, 0, 17],
        [30, 8, 0, 0],
        [8, 8, 4, 0, 128, 16],
        # Exponents of -127 and 128, and a left factor that ends before its end.
        [8, 8, 8, 0, 253, 1, 2, 2, 0],
        [8, 8, 8, 0, 128, 2, 2, 2, 0],
        [8, 8, 8, 0, 0, 200, 1],
    ],
)
def test_no_field_of_the_head_is_believed(head: list[int]) -> None:
    base = bytes(34)
    for payload in (bytes(head), bytes(head) + bytes(2)):
        assert by_core(payload, base, 34) is None
        assert by_oracle(payload, base, 34) is None
        assert _core.quantised_base_size(payload, 34) < 0


def test_spans_and_lengths_are_checked() -> None:
    good = bytes([8, 8, 0, 0, 0, 0])
    assert by_core(good, bytes(34), 34) == bytes(34)
    for base, length in ((33, 34), (35, 34), (34, 33), (34, 68), (0, 34), (34, 1)):
        assert by_core(good, bytes(base), length) is None
        assert by_oracle(good, bytes(base), length) is None
    most = 1 << 19
    assert by_core(good, bytes(most // 32 * 34), most // 32 * 34) == bytes(most // 32 * 34)
    beyond = (most + 32) // 32 * 34
    assert by_core(good, bytes(beyond), beyond) is None
    # Half as many floats are as many bytes as a span may have.
    from_floats = bytes([8, 0, 0, 0, 0, 0])
    assert by_core(from_floats, bytes(1 << 20), (1 << 18) // 32 * 34) is not None
    assert _core.quantised_base_size(from_floats, ((1 << 18) + 32) // 32 * 34) < 0


def test_numbers_beyond_their_fields_are_refused() -> None:
    for target, plane in ((2, 16), (12, 16), (10, 4), (11, 8)):
        kind = TYPES[target]
        planes = bytes([0]) * (
            1 + (kind.m_at is not None) * (1 + bool(kind.has_scales)) + bool(kind.has_scales)
        )
        payload = bytes([target, target, 0, 0]) + planes + bytes([3]) + bytes([plane]) * kind.elements
        assert by_core(payload, bytes(kind.size), kind.size) is None
        assert by_oracle(payload, bytes(kind.size), kind.size) is None


def test_halves_round_as_pythons_do() -> None:
    for bits in [*range(0, 0x7C00, 11), 1, 0x3FF, 0x400, 0x7BFF]:
        for eighths in (0, 1, 4, 7):
            # Between two halves.
            low, high = np.array([bits, bits + 1], np.uint16).view(np.float16).astype(np.float64)
            most = np.float32(low + (min(high, 65536) - low) * eighths / 8) * np.float32(127)
            values = np.zeros(32, np.float32)
            values[5] = most
            predicted = _core.quantised_planes(bytes([8, 0, 0, 0]), values.tobytes(), None, bytes(34))[0][1]
            assert predicted == round_to(float(most / np.float32(127)), 5).to_bytes(2, "little")
