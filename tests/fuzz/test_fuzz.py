"""The fuzzer's first seeds, on every run."""

import random

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_mutant_does_harm(name: str, count: int) -> None:
    if name == "folder" and count == 300:
        count = 100  # each is a diff and an apply of several files on the disk
    outcomes, failed = run(name, count, seed=1_000_000)
    assert failed == []
    assert outcomes.total() == count
    assert len(outcomes) > 1, "mutants of one outcome only test little"


def test_a_seed_makes_the_same_mutant() -> None:
    assert mutated(b"some bytes", random.Random(3)) == mutated(b"some bytes", random.Random(3))
    assert mutated(b"", random.Random(3)) is not None
