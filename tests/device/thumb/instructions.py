"""Instructions of a Cortex-M3 for each byte of a new model: the engine with its journal, without digests.

``python -m tests.device.thumb.instructions [PAIR ...]`` prints them, with a state of 512 and of 2048 bytes.
"""

import sys
import tempfile
from pathlib import Path

from tests.device.patches import PAIRS, make_pair
from tests.device.thumb.machine import DONE, Layout, Symbols, build
from tests.device.thumb.sweep import a_device


def instructions(symbols: Symbols, name: str, folder: Path, *, state: int = 2048) -> float:
    """For each byte of the pair's target, in two slots."""
    pair = make_pair(name, folder, state=state)
    size = pair.target.stat().st_size
    largest = max(size, pair.base.stat().st_size)
    sector = Layout().sector
    layout = Layout(slot=-(-largest // sector) * sector, state=state)
    device = a_device(symbols, layout, pair)
    counter = device.count_instructions()
    assert device.call("run_update") == DONE
    return counter.count / size


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        symbols = build(Path(folder))
        for name in sys.argv[1:] or PAIRS:
            counts = [instructions(symbols, name, Path(folder), state=state) for state in (512, 2048)]
            sys.stdout.write(f"{Path(name).name:24} {counts[0]:8.1f} {counts[1]:8.1f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
