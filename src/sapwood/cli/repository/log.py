"""``sapwood log``: the history."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen

if TYPE_CHECKING:
    from sapwood.repo.listing import CommitInfo

__all__ = ["command", "describe", "number"]


@click.command("log")
@click.argument("revisions", nargs=-1)
@click.option("-n", "--max-count", "limit", type=click.IntRange(min=0), metavar="N", help="So many at most.")
@click.option("--oneline", is_flag=True, help="One line a commit.")
@click.option("--graph", is_flag=True, help="Draw how commits follow from each other.")
@click.option("--metric", metavar="NAME", help="Only commits with this metric, and show it.")
@click.option("--best", is_flag=True, help="With --metric: the best first, the largest unless --smallest.")
@click.option("--smallest", is_flag=True, help="With --best: the smallest is the best.")
@click.option("--file", metavar="PATH", help="Only commits that changed this file of the repository.")
@options.as_json
def command(
    *,
    revisions: tuple[str, ...],
    limit: int | None,
    oneline: bool,
    graph: bool,
    metric: str | None,
    best: bool,
    smallest: bool,
    file: str | None,
    as_json: bool,
) -> None:
    """Show the commits that REVISIONS came from, the newest first; HEAD's without any.

    A revision is a branch, a tag, the beginning of a hash, HEAD~2, HEAD^2, main@{1}; a..b is what b has and a
    lacks.
    """
    from sapwood.repo.listing import best as ranked
    from sapwood.repo.repository import Repository
    from sapwood.repo.resolve import abbreviations

    if (best or smallest) and metric is None:
        raise click.UsageError("--best and --smallest go with --metric.")
    if graph and (best or file or metric):
        raise click.UsageError("--graph shows all commits: --metric, --best and --file leave some out.")
    with Repository() as repository:
        commits = repository.log(*revisions, limit=None if metric else limit, file=file)
        if best and metric is not None:
            commits = ranked(commits, metric, smallest=smallest)
        elif metric is not None:
            commits = [info for info in commits if metric in info.commit.metrics]
        commits = commits[:limit]
    if as_json:
        screen.print_json([info.to_json() for info in commits])
        return
    short = abbreviations(info.id for info in commits)
    blocks = ([_line(info, short[info.id], metric)] if oneline else [*describe(info)] for info in commits)
    lines = _drawn(commits, blocks, apart=not oneline) if graph else _plain(blocks, apart=not oneline)
    click.echo("\n".join(lines), nl=bool(commits))


def describe(info: "CommitInfo") -> Iterator[str]:
    """A commit as several lines."""
    commit = info.commit
    yield click.style(f"commit {info.id}", fg="yellow") + _names(info)
    if len(info.parents) > 1:
        yield "Merge:   " + " ".join(parent[:7] for parent in info.parents)
    yield f"Author:  {screen.printable(commit.author.who)}"
    yield f"Date:    {commit.author.time:%a %b %d %H:%M:%S %Y %z}"
    if commit.metrics:
        shown = ", ".join(f"{screen.printable(name)}={number(v)}" for name, v in commit.metrics.items())
        yield "Metrics: " + click.style(shown, fg="cyan")
    for name, text in commit.fields.items():
        yield f"{screen.printable(name)}: {screen.printable(text)}"
    yield ""
    for line in commit.message.strip().splitlines() or [""]:
        yield f"    {screen.printable(line)}"


def number(value: float) -> str:
    """A metric, in as many digits as tell it."""
    return f"{value:.6g}"


def _names(info: "CommitInfo") -> str:
    if not info.names:
        return ""
    shown = ", ".join(
        click.style(screen.printable(name), fg="cyan" if name.startswith("HEAD") else "green", bold=True)
        for name in info.names
    )
    return f" ({shown})"


def _line(info: "CommitInfo", short: str, metric: str | None) -> str:
    shown = "" if metric is None else click.style(f" {number(info.commit.metrics[metric])}", fg="cyan")
    title = screen.printable(info.commit.title)
    return click.style(short, fg="yellow") + _names(info) + shown + f" {title}"


def _plain(blocks: Iterable[Sequence[str]], *, apart: bool) -> Iterator[str]:
    for i, block in enumerate(blocks):
        if apart and i:
            yield ""
        yield from block


def _drawn(commits: "Sequence[CommitInfo]", blocks: Iterable[Sequence[str]], *, apart: bool) -> Iterator[str]:
    from sapwood.repo.graph import Graph

    graph = Graph[str]()
    shown = {info.id for info in commits}
    for info, block in zip(commits, blocks, strict=True):
        row = graph.add(info.id, [parent for parent in info.parents if parent in shown])
        beside = [row.node, *row.links]
        text = [*block, ""] if apart else [*block]
        beside += [row.beside] * (len(text) - len(beside))
        text += [""] * (len(beside) - len(text))
        yield from (f"{left} {right}".rstrip() for left, right in zip(beside, text, strict=True))
