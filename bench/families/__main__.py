"""Hundreds of models of five families in one repository: how quickly they come in, and what they take.

python -m bench.corpus.make_pairs build/bench sft                         train the real run, once
python -m bench.families build/bench/sft/f32 FOLDER [--models 200] [--minutes 10]

Each model of 100 MB is made, brought in by ``sapwood import`` in a process of its own, and removed. A run
that was cut, or that ``--minutes`` ended, goes on where it stopped. When all are in, every twentieth is
brought back and compared, and ``fsck``, ``gc`` with nothing to do, and ``gc`` after the last quarter was
given up are timed. FOLDER/models.jsonl has a line for each model, FOLDER/upkeep.jsonl one for each of these.

Seconds are of the wall, "cpu" of processors, start included. "memory" is the largest RssAnon seen, in bytes,
which leaves out pages of mapped files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.families.models import FAMILIES, Bases, lineage

_EVERY = 20
_LOOK_SECONDS = 0.02


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m bench.families", description=__doc__, formatter_class=raw
    )
    parser.add_argument("bases", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no model after that long")
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    if not (options.folder / ".sapwood").exists():
        options.folder.mkdir(parents=True, exist_ok=True)
        sapwood(options.folder, "init")
    bases = Bases(options.bases)
    table = options.folder / "models.jsonl"
    for number in range(len(_lines(table)), options.models):
        if time.monotonic() > end:
            break
        _tell(table, ingest(options.folder, bases, number))
    if len(_lines(table)) >= options.models and not (options.folder / "upkeep.jsonl").exists():
        look_after(options.folder, bases, options.models)
    show(options.folder)


def ingest(folder: Path, bases: Bases, number: int) -> dict[str, Any]:
    """Make a model, bring it in, and remove it."""
    file = folder / f"model-{number:03}.safetensors"
    family, tunes = lineage(number)
    file.write_bytes(bases.model(family, tunes))
    size = file.stat().st_size
    taken = sapwood(folder, "import", str(file))
    file.unlink()
    return {"number": number, "family": family, "size": size, "stored": _stored(folder), **taken}


def look_after(folder: Path, bases: Bases, models: int) -> None:
    """Bring some models back, and time what is done with a repository as a whole."""
    table = folder / "upkeep.jsonl"
    for number in range(0, models, _EVERY):
        name = f"model-{number:03}.safetensors"
        taken = sapwood(folder, "restore", name)
        if (folder / name).read_bytes() != bases.model(*lineage(number)):
            raise SystemExit(f"{name} did not come back as it was")
        (folder / name).unlink()
        _tell(table, {"what": f"restore {number}", **taken})
    for what in (
        ["fsck"],
        ["gc"],
        ["reset", f"HEAD~{models // 4}"],
        ["gc", "--grace", "0", "--logs", "0"],
        ["fsck"],
    ):
        _tell(table, {"what": " ".join(what), **sapwood(folder, *what), "stored": _stored(folder)})


def sapwood(folder: Path, *command: str) -> dict[str, float]:
    """Run a command in a folder: its seconds and memory."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "sapwood", *command], cwd=folder, stdout=subprocess.DEVNULL
    )
    ended = threading.Event()
    seen = [0]
    watch = threading.Thread(target=_watch, args=(process.pid, ended, seen))
    watch.start()
    # Unlike Popen.wait it tells what the process took.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watch.join()
    if process.returncode:
        raise SystemExit(f"sapwood {command[0]} failed with {process.returncode}")
    cpu = round(usage.ru_utime + usage.ru_stime, 3)
    return {"seconds": round(time.monotonic() - started, 3), "cpu": cpu, "memory": seen[0]}


def _watch(process: int, ended: threading.Event, seen: list[int]) -> None:
    while not ended.wait(_LOOK_SECONDS):
        try:
            text = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return
        for line in text.splitlines():
            if line.startswith("RssAnon:"):
                seen[0] = max(seen[0], 1024 * int(line.split()[1]))


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / ".sapwood").rglob("*") if path.is_file())


def _tell(table: Path, row: dict[str, Any]) -> None:
    with table.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _lines(table: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in table.read_text().splitlines()] if table.exists() else []


def show(folder: Path) -> None:
    models = _lines(folder / "models.jsonl")
    if not models:
        return
    raw, stored = sum(row["size"] for row in models), models[-1]["stored"]
    print(
        f"{len(models)} models of {FAMILIES} families: {raw:,} bytes, stored {stored:,} ({stored / raw:.4f})"
    )
    for what, rows in {"bases": models[:FAMILIES], "others": models[FAMILIES:]}.items():
        if rows:
            rates = {key: median(row["size"] / 1e6 / row[key] for row in rows) for key in ("seconds", "cpu")}
            most = max(row["memory"] for row in rows)
            print(
                f"{what}: median {rates['seconds']:.1f} MB/s, {rates['cpu']:.1f} MB a processor second, "
                f"memory at most {most:,} bytes"
            )
    for row in _lines(folder / "upkeep.jsonl"):
        print(row)


if __name__ == "__main__":
    main()
