"""Chains of real checkpoints: sizes of links, squashes beside fresh diffs, and applying from any version.

python -m bench.corpus.make_pairs build/bench chain     train them, once (needs torch and transformers)
python -m bench.chain --corpus build/bench              every chain of the corpus, and one of TFLite files
python -m bench.chain --corpus build/bench rl           those whose name contains one of these

Every squash is applied and compared. "without" is the size of the one put together from the links' blocks,
without a model, where that can be done. Times are of one run, on one thread, and noisy.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import sapwood
from sapwood.errors import WrongCall

_TFLITE = Path(__file__).parent / "corpus" / "tflite"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    chains = {place.name: sorted(place.iterdir(), key=_number) for place in _places(options.corpus)}
    chains["tflite cnn"] = [
        _TFLITE / f"my_cnn_{name}.tflite" for name in ("lastlayer.old", "lastlayer.new", "ft_lr1e-5x1.new")
    ]
    chosen = {
        name: files
        for name, files in chains.items()
        if not options.names or any(word in name for word in options.names)
    }
    if not chosen:
        print(f"no such chain in {options.corpus / 'chain'}: see --help", file=sys.stderr)
        return 2
    done = {}
    for name, files in chosen.items():
        with tempfile.TemporaryDirectory() as room:
            done[name] = _measure(files, Path(room), options.level)
        _show(name, done[name])
    if options.json:
        options.json.write_text(json.dumps(done, indent=1) + "\n")
    return int(any(row["error"] for chain in done.values() for row in chain["rows"]))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench.chain", description=__doc__, formatter_class=raw)
    add = parser.add_argument
    add("names", nargs="*", help="only chains whose name contains one of these")
    add("--corpus", type=Path, default=Path("build/bench"), help="where the checkpoints are")
    add("--level", default="default", choices=["fast", "default", "max"])
    add("--json", type=Path, help="also write everything to this file")
    return parser.parse_args(arguments)


def _places(corpus: Path) -> list[Path]:
    return sorted(place for place in (corpus / "chain").glob("*") if place.is_dir())


def _number(file: Path) -> tuple[int, str]:
    return (int(file.stem) if file.stem.isdecimal() else -1, file.name)


def _measure(files: Sequence[Path], room: Path, level: str) -> dict[str, Any]:
    """One row for each version: the link to it, the squash to it from the first, and applying from it."""
    started = time.perf_counter()
    chain = sapwood.chain_create(files, room / "all.swchain", level=level, threads=1)
    made = time.perf_counter() - started
    rows = []
    links = 0
    for number, file in enumerate(files, 1):
        row: dict[str, Any] = {"version": number, "error": "", "size": file.stat().st_size}
        if number > 1:
            links += chain.links[number - 2].size
            row |= {"link": chain.links[number - 2].size, "links": links}
            row |= _squash(chain, number, files, room, level)
        started = time.perf_counter()
        chain.apply(file, room / "out", from_any=True, threads=1)
        row["apply"] = time.perf_counter() - started
        if (room / "out").read_bytes() != files[-1].read_bytes():
            row["error"] = "another target"
        rows.append(row)
    return {"chain": chain.size, "seconds": made, "rows": rows}


def _squash(
    chain: sapwood.Chain, number: int, files: Sequence[Path], room: Path, level: str
) -> dict[str, Any]:
    first, target = files[0], files[number - 1]
    squash = sapwood.chain_squash(chain, room / "squash", base=first, to=number, level=level, threads=1)
    fresh = sapwood.diff(first, target, room / "fresh", level=level, threads=1)
    sapwood.apply(first, room / "squash", room / "out", threads=1)
    found: dict[str, Any] = {"squash": squash.patch.size, "fresh": fresh.size, "without": None}
    if (room / "out").read_bytes() != target.read_bytes():
        found["error"] = "another target"
    try:
        composed = sapwood.chain_squash(chain, room / "composed", to=number, level=level, threads=1)
    except WrongCall:
        return found
    sapwood.apply(first, room / "composed", room / "out", threads=1)
    if (room / "out").read_bytes() != target.read_bytes():
        found["error"] = "another target"
    return found | {"without": composed.patch.size}


def _show(name: str, chain: dict[str, Any]) -> None:
    table = Table(
        "version",
        "size",
        "link",
        "links 1 to it",
        "squash 1 to it",
        "fresh diff",
        "squash / fresh",
        "without",
        "apply to last, s",
        title=f"{name}: {chain['chain']:,} bytes, made in {chain['seconds']:.1f} s",
    )
    for row in chain["rows"]:
        cells = [str(row["version"]), f"{row['size']:,}"]
        if "link" in row:
            cells += [f"{row[key]:,}" for key in ("link", "links", "squash", "fresh")]
            cells.append(f"{row['squash'] / row['fresh']:.4f}")
            cells.append(f"{row['without']:,}" if row["without"] else "needs a model")
        else:
            cells += [""] * 6
        table.add_row(*cells, row["error"] or f"{row['apply']:.2f}")
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    sys.exit(main())
