"""A fuzzer by seeded mutation: ``python -m tests.fuzz.run --count 100000 --seed 1 [--target NAME]``.

It needs nothing but Sapwood and prints, for each target, executions and outcomes by name. A crash or a wrong
answer is printed with the seed that makes it again (``--seed N --count 1``), and the exit code is 1. One
execution may take ten seconds of processor time, and two minutes by the clock, which a busy machine
stretches; a hang ends the run with a traceback. With atheris installed, ``--atheris`` lets coverage guide
the choice of seeds.
"""

import argparse
import faulthandler
import importlib
import random
import signal
import sys
import time
import traceback
from collections import Counter

from tests.fuzz.targets import TARGETS

_LONGEST_WORK = 10
_LONGEST_WAIT = 120


def run(name: str, count: int, seed: int) -> tuple[Counter[str], list[int]]:
    """Outcomes of ``count`` mutants from ``seed`` on, and the seeds that failed."""
    target = TARGETS[name]
    outcomes: Counter[str] = Counter()
    failed = []
    target(random.Random(seed))  # the corpus is made outside the time of an execution
    faulthandler.register(signal.SIGPROF, chain=True)  # tells where, then the signal ends the process
    for number in range(seed, seed + count):
        signal.setitimer(signal.ITIMER_PROF, _LONGEST_WORK)
        faulthandler.dump_traceback_later(_LONGEST_WAIT, exit=True)
        try:
            outcomes[target(random.Random(number))] += 1
        except Exception:  # noqa: BLE001  whatever escapes is a find
            sys.stderr.write(f"{name}: seed {number}\n{traceback.format_exc()}\n")
            outcomes["FAILED"] += 1
            failed.append(number)
        finally:
            faulthandler.cancel_dump_traceback_later()
            signal.setitimer(signal.ITIMER_PROF, 0)
    faulthandler.unregister(signal.SIGPROF)
    return outcomes, failed


def _guided(name: str) -> None:
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        sys.exit(
            "missing: atheris (PyPI package: atheris; not built for every Python). Run without --atheris."
        )
    target = TARGETS[name]

    def once(data: bytes) -> None:
        target(random.Random(data))

    atheris.instrument_all()
    atheris.Setup([sys.argv[0]], once)
    atheris.Fuzz()


def main() -> int:
    """Fuzz all targets in turn, or one."""
    parser = argparse.ArgumentParser(description="Fuzz Sapwood's readers by seeded mutation.")
    parser.add_argument("--count", type=int, default=10_000, help="executions in all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage, until stopped")
    options = parser.parse_args()
    names = options.target or list(TARGETS)
    if options.atheris:
        _guided(names[0])
    broken = False
    for i, name in enumerate(names):
        started = time.monotonic()
        count = options.count // len(names) + (i < options.count % len(names))
        outcomes, failed = run(name, count, options.seed) if count else (Counter(), [])
        seconds = time.monotonic() - started
        found = ", ".join(f"{outcome} {n}" for outcome, n in outcomes.most_common())
        sys.stdout.write(f"{name}: {count} executions in {seconds:.0f} s: {found}\n")
        sys.stdout.flush()
        broken = broken or bool(failed)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
