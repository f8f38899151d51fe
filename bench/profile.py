"""Where the time goes: the loops of NUMERIC, and what else a diff and an apply must do, by weight.

python -m bench.profile --corpus DIR        on the trained pairs; builds core/bench with CMake first

A weight is an element of the target. Ticks are of the time stamp counter, where there is one; its rate is
told. Each figure is the least of several rounds, and of processor time where a round is long, so that other
processes disturb little. "Seen" is the share of the weights that a loop looks at: where little changed, most
are skipped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from blake3 import blake3
from rich.console import Console
from rich.table import Table

from bench import pairs
from bench.pairs import Pair
from sapwood.codec.element import Element, element_of
from sapwood.codec.encode import Level
from sapwood.formats.model import open_model

ROOT = Path(__file__).parent.parent
ROUNDS = 9
STEP = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    chosen = [
        pair
        for pair in pairs.trained(options.corpus / "pairs")
        if not pair.missing() and (not options.pairs or any(word in pair.name for word in options.pairs))
    ]
    if not chosen:
        print("no pair is there", file=sys.stderr)
        return 2
    program = _build()
    console = Console(width=None if sys.stdout.isatty() else 120)
    for pair in chosen:
        _show(console, pair, _lines(program, pair, Level[options.level.upper()], options.set))
        _show_rest(console, pair)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("--corpus", type=Path, default=Path("build/bench"), help="where the trained pairs lie")
    add("--pairs", nargs="*", default=[], help="only pairs whose name contains one of these")
    add("--level", default="default", choices=[level.name.lower() for level in Level])
    add("--set", help="the instruction set of the loops: portable, avx2, avx512 or neon (default: the best)")
    return parser.parse_args(arguments)


def _build() -> Path:
    folder = ROOT / "build" / "profile"
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", "-DSAPWOOD_BENCH=ON"]
    subprocess.run([*configure, "-DSAPWOOD_TESTS=OFF"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / "loops"


def _largest_part(path: Path) -> tuple[int, Element]:
    """Where the tensors of the file begin, and the element most of them have."""
    with open_model(path) as model:
        layout = model.files[0].layout
        tensors = [(span, span.tensor) for span in layout.spans if span.tensor is not None]
        sizes: dict[Element, int] = {}
        for span, tensor in tensors:
            element = element_of(tensor.dtype)
            sizes[element] = sizes.get(element, 0) + span.length
        return min(span.offset for span, _ in tensors), max(sizes, key=lambda element: sizes[element])


def _lines(program: Path, pair: Pair, level: Level, instruction_set: str | None) -> list[list[str]]:
    base_start, _ = _largest_part(pair.base)
    start, element = _largest_part(pair.target)
    command = [str(program), str(pair.base), str(pair.target), str(int(element)), str(int(level))]
    command += [str(base_start), str(start), *([instruction_set] if instruction_set else [])]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in text.splitlines()]


def _show(console: Console, pair: Pair, lines: list[list[str]]) -> None:
    (_, rate), *rows = lines
    table = Table(title=f"{pair.name}: loops, {float(rate) / 1e9:.2f} GHz", title_justify="left")
    for heading in ("", "loop", "ticks a weight", "seen", "ticks a weight seen"):
        table.add_column(heading, justify="left" if heading in ("", "loop") else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _least(work: Callable[[], object], clock: Callable[[], float]) -> float:
    times = []
    for _ in range(ROUNDS):
        start = clock()
        work()
        times.append(clock() - start)
    return min(times)


def _show_rest(console: Console, pair: Pair) -> None:
    """What every diff and apply does beside coding, in nanoseconds a byte of the target."""
    data = memoryview(pair.target.read_bytes())
    room = bytearray(STEP)

    def copy() -> None:
        for at in range(0, len(data), STEP):
            part = data[at : at + STEP]
            room[: len(part)] = part

    with tempfile.TemporaryDirectory(dir=pair.target.parent) as folder:
        path = Path(folder, "out")

        def write() -> None:
            with path.open("wb", buffering=0) as stream:
                for at in range(0, len(data), STEP):
                    stream.write(data[at : at + STEP])

        def sync() -> None:
            write()
            with path.open("rb") as stream:
                start = time.perf_counter()
                os.fsync(stream.fileno())
                waits.append(time.perf_counter() - start)

        waits: list[float] = []
        figures = {
            "digest (BLAKE3)": _least(lambda: blake3(data).digest(), time.thread_time),
            "copy into memory that is used again": _least(copy, time.thread_time),
            "write, 1 MiB at a time": _least(write, time.thread_time),
        }
        _least(sync, time.perf_counter)
        figures["fsync, after the last write (waiting)"] = min(waits)
    table = Table(title=f"{pair.name}: beside the loops", title_justify="left")
    table.add_column("")
    table.add_column("ms", justify="right")
    table.add_column("GB/s", justify="right")
    for name, seconds in figures.items():
        table.add_row(name, f"{seconds * 1e3:.1f}", f"{len(data) / seconds / 1e9:.1f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
