"""Compare Sapwood with its peers, side by side, on real pairs of models.

python -m bench                    small pairs, a few minutes
python -m bench --full             every pair that is in the corpus folder
python -m bench --full --prepare   the same, after training and fetching those that are missing
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import pairs, plot, report, session
from bench.peers import OURS, PEERS, REFERENCE


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.prepare:
        _prepare(options.corpus)
    every = pairs.full(options.corpus) if options.full else pairs.quick(options.corpus)
    chosen = [pair for pair in every if _wanted(pair.name, options.pairs)]
    peers = [peer for peer in (*OURS, *PEERS) if _wanted(peer.name, options.peers) or peer.name == REFERENCE]
    if not chosen:
        print("no pair matches", file=sys.stderr)
        return 2
    settings = session.Settings(
        tuple(options.threads), options.repetitions, options.limit, options.slow, options.flush
    )
    with Console(stderr=True).status("starting") as status:
        done = session.run(chosen, peers, settings, status.update)
    lines = session.summary(done)
    found = report.all_goals(done, lines)
    report.show(Console(width=None if sys.stdout.isatty() else 150), done, lines, found, settings)
    if options.json:
        options.json.write_text(json.dumps(report.as_json(done, lines, found, settings), indent=1) + "\n")
    if options.plot:
        plot.draw(options.plot, done, lines)
    return 1 if any(line.error for line in lines) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=raw)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small pairs only (the default)")
    size.add_argument("--full", action="store_true", help="every pair")
    add = parser.add_argument
    add("--prepare", action="store_true", help="first make and fetch the pairs that --full needs")
    add("--corpus", type=Path, default=Path("build/bench"), help="where made and fetched pairs lie")
    add("--pairs", nargs="*", default=[], help="only pairs whose name contains one of these")
    add("--peers", nargs="*", default=[], help="only peers whose name contains one of these")
    add("--threads", type=int, nargs="+", default=[1, 2], help="thread counts (default: 1 2)")
    add("--repetitions", type=int, default=3, help="turns (default: 3)")
    add("--limit", type=float, default=900, help="seconds one encoding or decoding may take (default: 900)")
    add("--slow", action="store_true", help="run the slow peers on large pairs too")
    add("--flush", action="store_true", help="count the fsync of every peer's output, as for ours")
    add("--json", type=Path, help="also write everything to this file")
    add("--plot", type=Path, help="also draw it into this PNG")
    return parser.parse_args(arguments)


def _wanted(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def _prepare(corpus: Path) -> None:
    """A pair that cannot be made or fetched is named in the report, so a failure here is not the end."""
    if any(pair.missing() for pair in pairs.trained(corpus / "pairs")):
        subprocess.run([sys.executable, "-m", "bench.corpus.make_pairs", str(corpus / "pairs")], check=False)
    subprocess.run([sys.executable, "-m", "bench.corpus.fetch_pairs", str(corpus / "fetched")], check=False)


if __name__ == "__main__":
    sys.exit(main())
