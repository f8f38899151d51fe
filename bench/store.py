"""Versions of a model in a store: bytes on the disk, and how fast they go in and come out beside a copy.

python -m bench.store build/bench/pairs/sft/bf16/{base,step200,step250}.safetensors
python -m bench.store --compress off --json out.json FILE…

Every version is put against the one before, read back and compared. MB/s are of one run, to a flushed file,
on all threads; "copy" reads and writes the file in Python with the same flush, turn by turn. MB per second of
CPU time tell more where others use the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import filecmp
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rich.console import Console
from rich.table import Table

from sapwood.formats.model import open_model
from sapwood.store.kinds import Digest
from sapwood.store.model_objects import put_model_file, write_model_file
from sapwood.store.store import Store

# Columns of a table that goes to a file.
_WIDTH = 120


@dataclasses.dataclass
class Row:
    """One version: bytes of the file, of the store after it, and speeds in MB/s and MB per CPU second."""

    name: str
    size: int
    store: int
    put: float
    put_cpu: float
    get: float
    get_cpu: float
    copy: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    with tempfile.TemporaryDirectory(dir=options.room) as room:
        rows = measure(options.files, Path(room), options.compress)
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n")
    _show(rows)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("files", nargs="+", type=Path, help="versions of one model, the oldest first")
    add("--compress", default="on", choices=["on", "off"], help="whether whole objects are coded")
    add("--room", type=Path, help="a folder for the store, on the disk to be measured")
    add("--json", type=Path, help="also write everything to this file")
    return parser.parse_args(arguments)


def measure(files: Sequence[Path], room: Path, compress: str) -> list[Row]:
    rows = []
    like: Digest | None = None
    with Store.create(room / "store") as store:
        store.configure("compress", compress)
        for file in files:
            with open_model(file) as model, _timed() as put, store.writer() as writer:
                recipe = put_model_file(writer, model.files[0], like=like)
            like = recipe
            with _timed() as get:
                _flushed(room / "out", partial(write_model_file, store, recipe))
            if not filecmp.cmp(file, room / "out", shallow=False):
                sys.exit(f"{file} did not come back as it was")
            with _timed() as copy, file.open("rb") as source:
                _flushed(room / "copy", partial(_copy, source))
            size = file.stat().st_size
            mb = size / 1e6
            stored = sum(path.stat().st_size for path in (room / "store").rglob("*") if path.is_file())
            rows.append(
                Row(file.name, size, stored, mb / put[0], mb / put[1], mb / get[0], mb / get[1], mb / copy[0])
            )
    return rows


class _timed:  # noqa: N801  reads as a clause: with _timed() as seconds
    """Wall and CPU seconds of a block, as a list that is filled at its end."""

    def __enter__(self) -> list[float]:
        self._start = time.perf_counter(), time.process_time()
        self._seconds: list[float] = []
        return self._seconds

    def __exit__(self, *_: object) -> None:
        self._seconds += [time.perf_counter() - self._start[0], time.process_time() - self._start[1]]


def _copy(source: BinaryIO, out: BinaryIO) -> None:
    shutil.copyfileobj(source, out, 8 << 20)


def _flushed(path: Path, write: Callable[[BinaryIO], object]) -> None:
    with path.open("wb") as out:
        write(out)
        out.flush()
        os.fsync(out.fileno())


def _show(rows: Sequence[Row]) -> None:
    heads = ["", "bytes", "store", "added", "put", "per CPU s", "get", "per CPU s", "copy"]
    table = Table(*heads, title="Speeds in MB/s")
    before = 0
    for row in rows:
        speeds = (row.put, row.put_cpu, row.get, row.get_cpu, row.copy)
        sizes = (row.size, row.store, row.store - before)
        table.add_row(row.name, *(f"{n:,}" for n in sizes), *(f"{speed:.0f}" for speed in speeds))
        before = row.store
    console = Console()
    Console(width=None if console.is_terminal else _WIDTH).print(table)


if __name__ == "__main__":
    sys.exit(main())
