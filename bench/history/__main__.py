"""Checkpoints of one training run, kept by Sapwood and by others: bytes stored, and speeds beside ``cp``.

python -m bench.corpus.make_pairs build/bench history                     train them, once
python -m bench.history build/bench/history/bf16/{0..9}.safetensors
python -m bench.history --only Sapwood cp --json out.json FILE…           those whose name has one of these

Each version is committed by all in turn, then each is checked out by all in turn and compared with the file.
Speeds are medians over the versions, in MB/s of the file, on all threads; files are in the page cache when
they are read, and written ones are flushed within the time. A program's start counts; Sapwood, hf_xet and
HDF5 are called in this process. "newest" is the checkout of the last version. What cannot run is named.
Of packages it needs the extra "bench", and DVC, which has so many of its own that it is looked for on PATH.
"""

from __future__ import annotations

import argparse
import dataclasses
import filecmp
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.history.keeper import Keeper
from bench.history.libraries import Hdf5, Hdf5Differences, Xet
from bench.history.programs import Borg, Copies, Dvc, FineBorg, GitLfs, Restic
from bench.history.sapwood_keeper import Sapwood, Uncompressed, Whole

_KEEPERS: tuple[Callable[[Path], Keeper], ...] = (
    Copies,
    Dvc,
    GitLfs,
    Xet,
    Restic,
    Borg,
    FineBorg,
    Hdf5,
    Hdf5Differences,
    Sapwood,
    Uncompressed,
    Whole,
)
# Columns of a table that goes to a file.
_WIDTH = 130


@dataclasses.dataclass
class Row:
    """One keeper: its names of the versions, the bytes it stored after each, and seconds for each."""

    name: str
    versions: list[str] = dataclasses.field(default_factory=list)
    stored: list[int] = dataclasses.field(default_factory=list)
    commit: list[float] = dataclasses.field(default_factory=list)
    checkout: list[float] = dataclasses.field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(dir=options.room) as room:
        keepers, missing = _prepare(Path(room), options.only)
        rows = measure(options.files, keepers)
    sizes = [file.stat().st_size for file in options.files]
    if options.json:
        told = {"sizes": sizes, "rows": [dataclasses.asdict(row) for row in rows], "missing": missing}
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    _show(rows, sizes)
    for name, reason in missing.items():
        print(f"not run: {name}: {reason}")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("files", nargs="+", type=Path, help="safetensors files, versions of one model, the oldest first")
    add(
        "--only",
        nargs="+",
        default=[""],
        help="only keepers whose name contains one of these; cp always runs",
    )
    add("--room", type=Path, help="a folder for everything, on the disk to be measured")
    add("--json", type=Path, help="also write everything to this file")
    return parser.parse_args(arguments)


def _prepare(room: Path, only: Sequence[str]) -> tuple[list[Keeper], dict[str, str]]:
    """Those that can run, begun; and why the others cannot."""
    keepers: list[Keeper] = []
    missing: dict[str, str] = {}
    for number, kind in enumerate(_KEEPERS):
        keeper = kind(room / str(number))
        if kind is not Copies and not any(word in keeper.name for word in only):
            continue
        reason = keeper.missing()
        if reason is not None:
            missing[keeper.name] = reason
            continue
        keeper.work.mkdir(parents=True)
        keeper.store.mkdir(exist_ok=True)
        keeper.begin()
        keepers.append(keeper)
    return keepers, missing


def measure(files: Sequence[Path], keepers: Sequence[Keeper]) -> list[Row]:
    rows = [Row(keeper.name) for keeper in keepers]
    for file in _watched(files, "commit"):
        for keeper, row in zip(keepers, rows, strict=True):
            shutil.copyfile(file, keeper.file)
            keeper.flush(time.time_ns())
            with _timed(keeper, row.commit):
                row.versions.append(keeper.commit())
            row.stored.append(keeper.stored())
            keeper.file.unlink()
    for number, file in enumerate(_watched(files, "checkout")):
        for keeper, row in zip(keepers, rows, strict=True):
            with _timed(keeper, row.checkout):
                keeper.checkout(row.versions[number])
            if not filecmp.cmp(file, keeper.file, shallow=False):
                raise SystemExit(f"{keeper.name} did not bring {file} back as it was")
            keeper.file.unlink()
    for keeper in keepers:
        keeper.end()
    return rows


def _watched(files: Sequence[Path], what: str) -> Iterable[Path]:
    """The files, with progress on a terminal."""
    return track(files, what, console=Console(stderr=True), disable=not sys.stderr.isatty())


@contextmanager
def _timed(keeper: Keeper, seconds: list[float]) -> Iterator[None]:
    """Append the seconds of a block and of flushing what it wrote."""
    since, started = time.time_ns(), time.perf_counter()
    yield
    keeper.flush(since)
    seconds.append(time.perf_counter() - started)


def _show(rows: Sequence[Row], sizes: Sequence[int]) -> None:
    table = Table(
        "", "stored", "of raw", "commit", "of cp", "checkout", "of cp", "newest", title="Speeds in MB/s"
    )
    for row in rows:
        commit, checkout = _speed(row.commit, sizes), _speed(row.checkout, sizes)
        table.add_row(
            row.name,
            f"{row.stored[-1]:,}",
            f"{row.stored[-1] / sum(sizes):.4f}",
            f"{commit:.1f}",
            f"{commit / _speed(rows[0].commit, sizes):.2f}",
            f"{checkout:.1f}",
            f"{checkout / _speed(rows[0].checkout, sizes):.2f}",
            f"{sizes[-1] / 1e6 / row.checkout[-1]:.1f}",
        )
    console = Console()
    Console(width=None if console.is_terminal else _WIDTH).print(table)


def _speed(seconds: Sequence[float], sizes: Sequence[int]) -> float:
    return median(size / 1e6 / one for size, one in zip(sizes, seconds, strict=True))


if __name__ == "__main__":
    sys.exit(main())
