"""What commands print: tables for people, JSON for scripts, warnings and progress on stderr.

Names come from untrusted files: nothing that a terminal would obey is printed. rich is imported only where it
draws: it takes a tenth of a second.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from sapwood.formats.layout import FormatWarning

__all__ = [
    "print_facts",
    "print_json",
    "print_table",
    "printable",
    "progress_bar",
    "share",
    "size",
    "stages",
    "warn",
]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def _console() -> "Console":
    from rich.console import Console

    class Unbroken(Console):
        def on_broken_pipe(self) -> None:
            """Leave it to ``main``, as all else that prints does."""
            raise BrokenPipeError

    return Unbroken(highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """The text with escape codes for all that is not a character to be seen."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def size(count: float) -> str:
    """Bytes in units of a thousand, three digits: ``4.93 MB``."""
    if count < 1000:
        return f"{count:.0f} bytes"
    power = 0
    while count >= 999.5 and power < len(_UNITS) - 1:
        count /= 1000
        power += 1
    return f"{count:.{0 if count >= 99.95 else 1 if count >= 9.995 else 2}f} {_UNITS[power]}"


def share(value: float | None) -> str:
    """A share in per cent; a dash where there is none."""
    return "-" if value is None else f"{value:.2%}"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """A table; the first ``left`` columns are text, the others numbers."""
    if not sys.stdout.isatty():
        click.echo(_aligned(columns, rows, left))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", overflow="fold", no_wrap=i >= left)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(table)


def _aligned(columns: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """The table as lines that are as long as they are: in a pipe nobody sees a width."""
    table = [list(columns), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            room = " " * (width - _width(cell))
            cells.append(cell + room if i < left else room + cell)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values, one a line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{printable(name):<{width}}  {printable(value)}".rstrip())


def print_json(value: object) -> None:
    """One object; keys as documented, sizes in bytes."""
    import json

    click.echo(json.dumps(value, indent=2, allow_nan=False))


def warn(warnings: "Sequence[FormatWarning]") -> None:
    """Say what is not understood of a model, each by name, on stderr."""
    for warning in warnings:
        where = f"{warning.path}: " if warning.path else ""
        click.echo(f"FormatWarning: {printable(f'{where}{warning.format}: {warning.reason}')}", err=True)


@contextlib.contextmanager
def stages() -> Iterator[Callable[[str, int, int], None] | None]:
    """A callback that draws a bar for each stage on stderr; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.update(task, completed=bar.tasks[task].total)
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done)

        yield update


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A callback that draws a bar on stderr, of what is done and of all, if that is known.

    It is None where stderr is no terminal.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def update(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield update
