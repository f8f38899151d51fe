"""A run as tables for people and as JSON for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import facts
from bench.goals import Goal, goals
from bench.peers import REFERENCE
from bench.peers.sapwood_peer import NOTE, NOTE_FLUSHED
from bench.session import Line, Session, Settings

MEMORY_NOTE = (
    "memory: largest resident set of the process with interpreter and imports (bench/worker.py says how)"
)


def _notes(settings: Settings) -> list[str]:
    return [NOTE_FLUSHED if settings.flush else NOTE, MEMORY_NOTE]


def show(
    console: Console, session: Session, lines: Sequence[Line], found: Sequence[Goal], settings: Settings
) -> None:
    for pair in session.pairs:
        rows = [line for line in lines if line.pair == pair.name]
        console.print(_pair_table(f"{pair.name}: {pair.target.stat().st_size:,} bytes", rows))
    if len(session.pairs) > 1:
        console.print(_overall_table(lines))
    if session.skips:
        console.print(_skip_table(session))
    console.print(_goal_table(found))
    console.print(f"goals met: {sum(goal.met for goal in found)} of {len(found)}")
    console.print(f"times: medians of {len(session.rounds)} turns, file to file")
    for note in _notes(settings):
        console.print(note)


def all_goals(session: Session, lines: Sequence[Line]) -> list[Goal]:
    found = []
    for pair in session.pairs:
        rows = [line for line in lines if line.pair == pair.name]
        sizes = {line.peer: line.patch_size for line in rows if not line.error}
        absent = {skip.peer for skip in session.skips if skip.peer and skip.pair in {"", pair.name}}
        absent |= {line.peer for line in rows if line.error}
        found += goals(pair, sizes, sorted(absent - sizes.keys()))
    return found


def as_json(session: Session, lines: Sequence[Line], found: Sequence[Goal], settings: Settings) -> Any:
    """Everything the tables show and every single measurement. Bytes, seconds, bytes per second."""
    return {
        "settings": asdict(settings),
        "machine": facts.machine(),
        "versions": facts.versions(),
        "notes": _notes(settings),
        "summary": [asdict(line) for line in lines],
        "goals": [{**asdict(goal), "met": goal.met} for goal in found],
        "not_run": [asdict(skip) for skip in session.skips],
        "measurements": [[asdict(result) for result in results] for results in session.rounds],
    }


def _pair_table(title: str, rows: Sequence[Line]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("peer")
    numbers = ["threads", "bytes", "of target", f"size / {REFERENCE}", "encode MB/s", f"x {REFERENCE}"]
    for column in [*numbers, "decode MB/s", f"x {REFERENCE}", "encode MB", "decode MB"]:
        table.add_column(column, justify="right")
    least = min((row.patch_size for row in rows if not row.error), default=0)
    for row in rows:
        if row.error:
            table.add_row(row.peer, str(row.threads), "failed")
            continue
        size = f"{row.patch_size:,}"
        table.add_row(
            row.peer,
            str(row.threads),
            f"[bold]{size}[/bold]" if row.patch_size == least else size,
            f"{row.patch_size / row.target_size:.4f}",
            _ratio(row.size_ratio),
            f"{row.encode_speed / 1e6:.1f}",
            _ratio(row.encode_ratio),
            f"{row.decode_speed / 1e6:.1f}",
            _ratio(row.decode_ratio),
            f"{row.encode_peak / 1e6:.0f}",
            f"{row.decode_peak / 1e6:.0f}",
        )
    for row in rows:
        if row.error:
            # Errors are sentences: below the table they do not squeeze its columns.
            table.caption = "\n".join(filter(None, (str(table.caption or ""), f"{row.peer}: {row.error}")))
    return table


def _overall_table(lines: Sequence[Line]) -> Table:
    """Medians over the pairs, so that no large pair decides alone."""
    table = Table(title=f"all pairs: median ratios to {REFERENCE}", title_justify="left")
    for column in ("peer", "threads", "pairs", "size", "encode speed", "decode speed"):
        table.add_column(column, justify="left" if column == "peer" else "right")
    for peer, threads in dict.fromkeys((line.peer, line.threads) for line in lines):
        rows = [row for row in lines if (row.peer, row.threads) == (peer, threads)]
        columns = [
            [value for row in rows if (value := getattr(row, name)) is not None]
            for name in ("size_ratio", "encode_ratio", "decode_ratio")
        ]
        if all(columns):
            medians = (f"{statistics.median(values):.3f}" for values in columns)
            table.add_row(peer, str(threads), str(len(columns[0])), *medians)
    return table


def _goal_table(found: Sequence[Goal]) -> Table:
    table = Table(title="goals", title_justify="left")
    for column in ("pair", "what", "goal", "figure", "met", "note"):
        table.add_column(column, justify="right" if column in {"goal", "figure"} else "left")
    for goal in found:
        figure = "-" if goal.figure is None else f"{goal.figure:.3f}"
        met = "[green]yes[/green]" if goal.met else "[red]no[/red]"
        table.add_row(goal.pair, goal.text, f"<= {goal.limit:.2f}", figure, met, goal.note)
    return table


def _skip_table(session: Session) -> Table:
    table = Table(title="not run", title_justify="left")
    for column in ("peer", "pair", "why"):
        table.add_column(column)
    for skip in session.skips:
        table.add_row(skip.peer or "all", skip.pair or "all", skip.reason)
    return table


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
