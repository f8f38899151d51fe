"""The width of raw nets, which have no format: a header of odd length, then rows of integers."""

import struct

import numpy as np
import pytest

import sapwood
from sapwood.codec.element import Element
from sapwood.patch.sampling import guess_element


def net(version: int) -> bytes:
    """Laid out as an NNUE file is: a text, then 16-bit weights of the features, then 8-bit layers."""
    random = np.random.default_rng(3)
    step = np.random.default_rng(4)
    features = np.rint(random.laplace(0, 12, (256, 128)))
    layers = np.rint(random.normal(0, 20, (64, 256)))
    if version > 1:
        features = features + np.rint(step.normal(0, 0.7, features.shape))
        layers = layers + (step.random(layers.shape) < 0.1)
    head = struct.pack("<II", 0x7AF32F20, 0x3C103E72) + b"Features=Half"
    return head + features.astype("<i2").tobytes() + layers.astype(np.int8).tobytes()


@pytest.mark.parametrize("phase", [0, 1])
def test_numbers_of_16_bits_are_found_at_any_place(phase: int) -> None:
    base, target = (memoryview(bytes(phase) + net(version)[21 : 21 + 65_536]) for version in (1, 2))
    assert guess_element(target, base) == (Element.INT16, phase)
    assert guess_element(target, None)[1] == phase


def test_a_raw_net_costs_little_more_than_its_differences() -> None:
    base, target = net(1), net(2)
    made = sapwood.diff(base, target)
    assert made.manifest.format == "opaque"
    assert sapwood.apply(base, made) == target
    # As if every element were coded alone, by how often its difference comes.
    bits = 0.0
    for old, new in (
        (np.frombuffer(base[21 : 21 + 65_536], "<i2"), np.frombuffer(target[21 : 21 + 65_536], "<i2")),
        (np.frombuffer(base[21 + 65_536 :], np.int8), np.frombuffer(target[21 + 65_536 :], np.int8)),
    ):
        counts = np.unique(new - old, return_counts=True)[1]
        bits -= float(np.sum(counts * np.log2(counts / counts.sum())))
    assert made.size < 1.2 * bits / 8
