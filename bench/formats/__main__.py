"""Every format by every operation, each cell run on real files: ``python -m bench.formats``.

Files are made once, into --made, by the makers of ``rows``. A maker whose packages are not here gets an
environment of its own, into which pip installs them; where that fails a row is skipped, by name. --python
make_openvino=/path/to/bin/python names another interpreter. Two columns more than operations: the size of the
patch against that of the same weights as safetensors, and the files' origin.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.formats import document, environments, operations
from bench.formats.rows import ROWS, Row, place

_REPO = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    pythons = dict(pair.partition("=")[::2] for pair in options.python)
    done: list[dict[str, Any]] = []
    known = _known(options.json) if options.resume else {}
    makers: dict[str, str] = {}
    for row in ROWS:
        if options.formats and not any(word in row.format for word in options.formats):
            continue
        if row.format in known:
            done.append(known[row.format])
            continue
        if row.maker and row.maker not in makers:
            makers[row.maker] = _make(row.maker, options.made, pythons.get(row.maker))
        done.append(_fill(row, makers.get(row.maker, ""), options.made, options.corpus))
        if options.json:
            options.json.write_text(json.dumps(done, indent=1) + "\n")
    if not done:
        print("no format matches", file=sys.stderr)
        return 2
    _show(done)
    if options.document:
        options.document.write_text(document.written(done), encoding="utf-8")
    return int(any(cell["state"] == "failed" for line in done for cell in line["cells"].values()))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.formats", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("formats", nargs="*", help="only formats whose name contains one of these")
    add("--made", type=Path, default=Path("build/formats"), help="where the makers write")
    add("--corpus", type=Path, default=Path("build/bench"), help="where python -m bench keeps its files")
    add("--python", nargs="*", default=[], metavar="MAKER=PATH", help="the interpreter for a maker")
    add("--json", type=Path, help="also write everything to this file, row by row")
    add("--resume", action="store_true", help="keep the rows of --json in which nothing failed")
    add("--document", type=Path, help="also write the table as Markdown")
    options = parser.parse_args(arguments)
    if options.resume and not options.json:
        parser.error("--resume goes with --json")
    return options


def _known(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of an earlier run in which every cell is as it should be."""
    lines = json.loads(path.read_text()) if path.exists() else []
    return {
        line["format"]: line
        for line in lines
        if line["cells"] and all(cell["state"] == "ok" for cell in line["cells"].values())
    }


def _make(maker: str, made: Path, given: str | None) -> str:
    """Run a maker that has not run yet; why it made nothing, or ""."""
    folder = (made / maker).absolute()
    if (folder / "complete").exists():
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    reason = _run(maker, folder, given or sys.executable)
    if reason and given is None and maker in environments.PACKAGES:
        python, reason = environments.python_of(maker, made / "environments")
        reason = reason or _run(maker, folder, python)
    if not reason:
        (folder / "complete").touch()
    return reason


def _run(maker: str, folder: Path, python: str) -> str:
    command = [python, "-m", f"bench.formats.{maker}", str(folder)]
    told = {**environments.VARIABLES, **os.environ}
    ended = subprocess.run(command, cwd=_REPO, capture_output=True, text=True, check=False, env=told)
    if not ended.returncode:
        return ""
    return (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]


def _fill(row: Row, reason: str, made: Path, corpus: Path) -> dict[str, Any]:
    base, target = (place(path, made, corpus) for path in (row.base, row.target))
    line: dict[str, Any] = {
        "format": row.format,
        "origin": row.origin,
        "skipped": "",
        "cells": {},
        "twin": None,
    }
    absent = [path for path in (base, target) if not path.exists()]
    if reason or absent:
        line["skipped"] = reason or f"no file {absent[0]}"
        return line
    with tempfile.TemporaryDirectory() as room:
        cells = {name: operations.run(name, base, target, Path(room)) for name in operations.OPERATIONS}
    line["cells"] = {
        name: {"state": cell.state, "text": cell.text, **cell.facts} for name, cell in cells.items()
    }
    if row.twin and cells["diff"].state == "ok":
        with tempfile.TemporaryDirectory() as room:
            pair = [place(path, made, corpus) for path in row.twin.split(" ")]
            twin = operations.run("diff", pair[0], pair[1], Path(room))
        if twin.state == "ok":
            line["twin"] = cells["diff"].facts["patch"] / twin.facts["patch"]
    return line


def _show(done: list[dict[str, Any]]) -> None:
    table = Table("format", *operations.OPERATIONS, "against safetensors", "origin")
    for line in done:
        cells, twin = line["cells"], line["twin"]
        if line["skipped"]:
            blank = [""] * len(operations.OPERATIONS)
            table.add_row(line["format"], *blank, "", f"skipped: {line['skipped']}")
            continue
        texts = [f"{'FAILED: ' if c['state'] == 'failed' else ''}{c['text']}" for c in cells.values()]
        table.add_row(line["format"], *texts, f"{twin:.3f}" if twin else "", line["origin"])
    Console(width=None if sys.stdout.isatty() else 200).print(table)


if __name__ == "__main__":
    sys.exit(main())
