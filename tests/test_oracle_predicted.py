"""PREDICTED and FACTORS blocks: the C core against the oracle, on every path, well-formed and damaged."""

import math
import random
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sapwood import _core
from sapwood.codec.element import Element
from sapwood.codec.predicted import FLOATS, Prediction, encode_factors, encode_matrix, encode_predicted
from tests.oracle.elements import join
from tests.oracle.predicted import Factors, classify, decode_predicted, round_to
from tests.oracle.reader import Refused
from tests.test_oracle import _paths

floats = st.sampled_from(FLOATS)
seeds = st.integers(0, 1 << 32)
SCALES = [None, 1.0, 0.99998, -1.5, 1e-300, 0.75, 3.0e38]


def matrix(rng: random.Random, count: int, most: int, element: Element) -> bytes:
    """A payload of random integers."""
    bits = 8 * element.width
    values = [round(rng.gauss(0, most / 4)) % (1 << bits) for _ in range(count)]
    return encode_matrix(memoryview(join(values, bits)), element, 1)


def factors_of(rng: random.Random, columns: int, rank: int) -> tuple[list[bytes], _core.Factors]:
    """A right factor in one or two blocks."""
    parts = [rank] if rank == 1 or rng.random() < 0.5 else [1, rank - 1]
    payloads = []
    factors = None
    for i, part in enumerate(parts):
        element = rng.choice([Element.INT16, Element.INT32])
        block, factors = encode_factors(
            columns, part, matrix(rng, part * columns, 3000, element), adds=i > 0, before=factors
        )
        payloads.append(bytes(block.payload))
    assert factors is not None
    return payloads, factors


def elements_of(rng: random.Random, element: Element, count: int) -> bytes:
    """Weights, with now and then any bits at all: infinities, NaN, subnormals."""
    bits = 8 * element.width
    wild = rng.random() < 0.3
    found = []
    for _ in range(count):
        value = rng.gauss(0, 0.05) * rng.choice([1, 1, 1, 1e-3, 1e-6])
        found.append(rng.getrandbits(bits) if wild and rng.random() < 0.1 else round_to(value, int(element)))
    return join(found, bits)


class Sample:
    """A random block, its base's stream and its factors."""

    def __init__(self, seed: int, old: Element, new: Element) -> None:
        rng = random.Random(seed)
        rows, columns = rng.choice([(1, 1), (3, 5), (7, 40), (2, 300), (40, 33)])
        count = rows * columns
        self.length = count * new.width
        size = count * old.width
        self.base = elements_of(rng, old, 3 * count)
        self.span = (size // old.width // 2 * old.width, size)
        self.payloads: list[bytes] = []
        self.factors: _core.Factors | None = None
        left = None
        if rng.random() < 0.6:
            rank = rng.choice([1, 2, 4, 5, 9])
            self.payloads, self.factors = factors_of(rng, columns, rank)
            left = (rng.randrange(-34, -20), matrix(rng, rows * rank, 2000, Element.INT16))
        self.move = rng.choice([-self.span[0], size])
        second = (rng.choice([-0.5, 0.25, 1.0]), self.move) if rng.random() < 0.4 else None
        spread = rng.randrange(100, 180) if new is not Element.F64 and rng.random() < 0.7 else None
        prediction = Prediction(old, new, rng.choice(SCALES), second, left, spread)
        start, _ = self.span
        view = memoryview(self.base)
        self.old = view[start : start + size]
        self.second = view[start + self.move : start + self.move + size] if second else None
        predicted, _ = prediction.predict(self.old, self.second, self.factors, self.length)
        self.target = self._near(rng, predicted, new)
        block = encode_predicted(
            prediction, self.old, start, memoryview(self.target), 1, second=self.second, factors=self.factors
        )
        self.payload = None if block is None else bytes(block.payload)

    def _near(self, rng: random.Random, predicted: bytes, element: Element) -> bytes:
        share = rng.choice([0.0, 0.02, 0.3])
        width = element.width
        out = bytearray(predicted)
        for i in range(0, len(out), width):
            if rng.random() < share:
                out[i] ^= rng.choice([1, 1, 2, 3])
        return bytes(out)

    def by_oracle(self, payload: bytes) -> bytes | None:
        """What the oracle makes of a payload in this sample's place; None if it refuses it."""
        try:
            factors = Factors()
            for part in self.payloads:
                factors.read(part)
            return decode_predicted(payload, self.base, self.span, self.length, factors)
        except Refused:
            return None

    def by_core(self, payload: bytes, path: str | None = None) -> bytes | None:
        """The same for the C core."""
        wants = _core.predicted_wants(payload, self.length)
        if isinstance(wants, int) or wants[0] != self.span[1]:
            return None
        size, move = wants
        second = None
        if move is not None:
            start = self.span[0] + move
            if start < 0 or start + size > len(self.base):
                return None
            second = self.base[start : start + size]
        out = bytearray(self.length)
        status = _core.decode_predicted(payload, self.old, second, self.factors, out, path)
        return bytes(out) if status == 0 else None


@given(floats, floats, seeds)
def test_both_decode_what_the_encoder_makes(old: Element, new: Element, seed: int) -> None:
    sample = Sample(seed, old, new)
    if sample.payload is None:
        return
    assert sample.by_oracle(sample.payload) == sample.target
    for path in _paths():
        assert sample.by_core(sample.payload, path) == sample.target


@given(floats, floats, seeds)
def test_every_path_predicts_the_same(old: Element, new: Element, seed: int) -> None:
    sample = Sample(seed, old, new)
    spread = None if new is Element.F64 else 130
    parameters = Prediction(old, new, scale=0.999, spread=spread).payload(0, b"")
    found = {_core.predict(parameters, sample.old, None, None, sample.length, path) for path in _paths()}
    assert len(found) == 1


@given(floats, floats, seeds, st.integers(0, 1 << 32))
def test_both_refuse_the_same_damage(old: Element, new: Element, seed: int, damage: int) -> None:
    sample = Sample(seed, old, new)
    if sample.payload is None:
        return
    rng = random.Random(damage)
    hurt = bytearray(sample.payload)
    for _ in range(rng.choice([1, 1, 3])):
        hurt[min(int(rng.expovariate(0.2)), len(hurt) - 1)] ^= 1 << rng.randrange(8)
    if rng.random() < 0.2:
        del hurt[rng.randrange(len(hurt)) :]
    assert sample.by_core(bytes(hurt)) == sample.by_oracle(bytes(hurt))


@given(seeds, seeds)
def test_both_refuse_the_same_damaged_factors(seed: int, damage: int) -> None:
    rng = random.Random(seed)
    payloads, _ = factors_of(rng, rng.choice([1, 20, 500]), rng.choice([1, 3]))
    rng = random.Random(damage)
    hurt = bytearray(payloads[0])
    hurt[min(int(rng.expovariate(0.3)), len(hurt) - 1)] ^= 1 << rng.randrange(8)
    ours = _core.decode_factors(bytes(hurt), None)
    theirs = Factors()
    try:
        theirs.read(bytes(hurt))
    except Refused:
        assert isinstance(ours, int)
        return
    assert not isinstance(ours, int)
    assert (ours.columns, ours.rank) == (theirs.columns, len(theirs.rows))
    assert ours.largest == max(abs(value) for row in theirs.rows for value in row)


@given(st.floats(), st.sampled_from([Element.F16, Element.BF16, Element.F32]), st.integers(0, 400))
@example(65520.0, Element.F16, 20)
@example(65519.99999999999, Element.F16, 20)
@example(2.0**-25, Element.F16, 0)
@example(math.nextafter(2.0**-25, 1), Element.F16, 0)
@example(1.5 * 2.0**-149, Element.F32, 0)
@example(-0.0, Element.BF16, 0)
@example(5e-324, Element.F32, 0)
def test_rounding_and_classes(value: float, element: Element, spread: int) -> None:
    width = element.width
    parameters = Prediction(Element.F64, element, spread=spread).payload(0, b"")
    for path in _paths():
        predicted, classes = _core.predict(parameters, struct.pack("<d", value), None, None, width, path)
        assert int.from_bytes(predicted, "little") == round_to(value, int(element))
        assert classes == bytes([classify(value, int(element), spread)])


@pytest.mark.parametrize("element", FLOATS)
def test_a_cast_to_the_same_element_changes_nothing_but_nan(element: Element) -> None:
    rng = random.Random(5)
    data = b"".join(rng.randbytes(element.width) for _ in range(4000))
    predicted, _ = Prediction(element, element).predict(memoryview(data), None, None, len(data))
    width = element.width
    for i in range(0, len(data), width):
        old, new = (int.from_bytes(d[i : i + width], "little") for d in (data, predicted))
        top = (1 << 8 * width - 1) - 1
        infinite = {Element.F16: 0x7C00, Element.BF16: 0x7F80, Element.F32: 0x7F800000}.get(
            element, 0x7FF << 52
        )
        assert old == new or (old & top) > infinite < new & top


def test_sums_that_would_not_be_exact_are_refused() -> None:
    count = 4
    huge = join([(1 << 31) - 1] * count, 32)
    block, factors = encode_factors(
        2, 2, encode_matrix(memoryview(huge), Element.INT32, 1), adds=False, before=None
    )
    for most, good in ((1 << 20, True), (1 << 22, False)):
        left = encode_matrix(memoryview(join([most] * count, 32)), Element.INT32, 1)
        payload = Prediction(Element.F32, Element.F32, left=(-40, left)).payload(0, b"")
        status = _core.decode_predicted(payload, bytes(16), None, factors, bytearray(16))
        assert (status == 0) is good
        theirs = Factors()
        theirs.read(bytes(block.payload))
        if good:
            assert len(decode_predicted(payload, bytes(16), (0, 16), 16, theirs)) == 16
        else:
            with pytest.raises(Refused, match="too large"):
                decode_predicted(payload, bytes(16), (0, 16), 16, theirs)
