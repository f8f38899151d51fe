"""The fuzzer's first seeds, on every run."""

import random
import signal

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS
from tests.patch.disk import run_python


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


def test_an_execution_that_hangs_ends_the_run_and_tells_where() -> None:
    code = """
        import tests.fuzz.run as fuzzer
        def spins(dice):
            spins.runs += 1
            while spins.runs > 2:
                pass
            return "done"
        spins.runs = 0
        fuzzer.TARGETS = {"spins": spins}
        fuzzer._LONGEST_WORK = 0.2
        fuzzer.run("spins", 5, 1)
    """
    done = run_python(code)
    assert done.returncode == -signal.SIGPROF
    assert "in spins" in done.stderr
