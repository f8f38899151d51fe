"""``sapwood gc``: give back room."""

import dataclasses
from typing import TYPE_CHECKING

import click

from sapwood.cli import options, screen

if TYPE_CHECKING:
    from sapwood.store.remote.collect import Swept

__all__ = ["command"]

_DAY = 24 * 3600


@click.command("gc")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would go.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Keep what is newer, though nothing leads to it.  [default: 14]",
)
@click.option(
    "--logs",
    type=click.FloatRange(min=0),
    default=90,
    show_default=True,
    metavar="DAYS",
    help="Forget where branches were before that.",
)
@click.option("--remote", metavar="NAME", help="At this remote; files go the next time, after the grace.")
@options.as_json
def command(*, dry_run: bool, grace: float | None, logs: float, remote: str | None, as_json: bool) -> None:
    """Forget what no branch, tag or log leads to, and give back its room.

    It is safe while others commit, or push to the remote.
    """
    from sapwood.repo.repository import Repository

    seconds = None if grace is None else int(grace * _DAY)
    with Repository() as repository:
        if remote is not None:
            swept = repository.gc_remote(remote, grace=seconds, dry_run=dry_run)
            _tell(swept, dry_run=dry_run, as_json=as_json)
            return
        done = repository.gc(grace=seconds, log_seconds=int(logs * _DAY), dry_run=dry_run)
    if as_json:
        screen.print_json(dataclasses.asdict(done))
        return
    would = "would forget" if dry_run else "forgot"
    click.echo(f"{would} {done.collected.objects} objects of {screen.size(done.collected.stored)}")
    if done.repacked is not None and done.repacked.packs:
        click.echo(f"wrote {done.repacked.packs} packs anew: {screen.size(done.repacked.freed)} are free")


def _tell(swept: "Swept", *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        screen.print_json(dataclasses.asdict(swept))
        return
    would = "would give up" if dry_run else "gave up"
    click.echo(f"{would} {swept.packs} packs, with {swept.objects} objects of {screen.size(swept.stored)}")
    if not dry_run:
        click.echo(f"wrote {swept.written} packs anew, removed the files of {swept.removed}")
